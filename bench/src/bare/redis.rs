//! Redis streams: pipelines over one connection.

use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result};
use futures_util::FutureExt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline};

use super::hand_over::{self, Confirmed, HandOver};
use super::{Client, HEADERS, KEY};
use crate::flow::Flow;
use crate::peer::TOPIC;

/// About what the stream keeps.
const KEPT: u32 = 100_000;

pub(crate) struct Redis {
    connection: MultiplexedConnection,
    payload: Vec<u8>,
}

impl Client for Redis {
    const SETTINGS: &str = "XADD with MAXLEN ~ 100 000, pipelines of at most 500";

    fn section(broker: &str) -> String {
        format!("redis: {{ addrs: [\"{broker}\"], form: stream, max_len: {KEPT} }}")
    }

    async fn connect(broker: &str, payload: Vec<u8>, _: usize) -> Result<Self> {
        let client = redis::Client::open(format!("redis://{broker}/"))?;
        // A reply may take as long as the edges' answers.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&patient).await;
        Ok(Self { connection: connection.context("Redis does not let the bare client in")?, payload })
    }

    async fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
        hand_over::publish(self, flow, done).await
    }
}

impl HandOver for Redis {
    const TOGETHER: usize = 500;

    async fn hand_over(&mut self, count: usize) -> Result<Confirmed> {
        let mut pipeline = Pipeline::with_capacity(count);
        for _ in 0..count {
            let command = pipeline.cmd("XADD").arg(TOPIC).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
            command.arg("payload").arg(&self.payload).arg("key").arg(KEY);
            for (name, value) in HEADERS {
                pipeline.arg(name).arg(value);
            }
            pipeline.ignore();
        }
        let mut connection = self.connection.clone();
        let replied = async move { pipeline.exec_async(&mut connection).await.context("Redis refuses an entry") };
        Ok(replied.boxed())
    }
}
