//! JetStream, which acknowledges each message.

use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result};
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, stream};
use futures_util::FutureExt;

use super::Client;
use super::hand_over::{self, Confirmed, HandOver};
use super::nats::Link;
use crate::flow::Flow;
use crate::peer::TOPIC;

const STREAM: &str = "bench";

/// What the stream keeps, in bytes: else minutes of it would fill the disk.
const KEPT: i64 = 256 * 1024 * 1024;

pub(crate) struct JetStream {
    link: Link,
    context: Context,
    next: u64,
}

impl Client for JetStream {
    const SETTINGS: &str = "JetStream, a stream in files that keeps 256 MiB, Nats-Msg-Id and Nats-Expected-Stream";

    fn section(broker: &str) -> String {
        format!("nats: {{ addrs: [\"{broker}\"], jetstream: {{ enable: true, stream: {STREAM} }} }}")
    }

    async fn prepare(broker: &str) -> Result<()> {
        let client = async_nats::connect(broker).await.context("NATS lets nobody in")?;
        let wanted = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec![TOPIC.to_owned()],
            max_bytes: KEPT,
            ..stream::Config::default()
        };
        jetstream::new(client).create_stream(wanted).await.context("the stream cannot be made")?;
        Ok(())
    }

    async fn connect(broker: &str, payload: Vec<u8>, _: usize) -> Result<Self> {
        let mut link = Link::connect(broker, payload).await?;
        link.headers.insert(NATS_EXPECTED_STREAM, STREAM);
        let context = jetstream::new(link.client.clone());
        Ok(Self { link, context, next: 0 })
    }

    async fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
        hand_over::publish(self, flow, done).await
    }
}

impl HandOver for JetStream {
    const TOGETHER: usize = 1;

    async fn hand_over(&mut self, _: usize) -> Result<Confirmed> {
        let Link { subject, headers, payload, .. } = &self.link;
        let mut headers = headers.clone();
        // What has the id of another is not stored again.
        headers.insert(NATS_MESSAGE_ID, format!("{:032x}/bench", self.next));
        self.next += 1;
        let message = PublishMessage::build().headers(headers).payload(payload.clone());
        let acknowledged = self.context.send_publish(subject.clone(), message).await?;
        Ok(async move { acknowledged.await.map(drop).context("a message was not acknowledged") }.boxed())
    }
}
