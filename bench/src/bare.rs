//! Bare clients of brokers, beside which bridges are measured: each as its documentation has it for many confirmed messages,
//! with the settings that the bridge has, and with as many messages under way as the edges have together.
//!
//! | file | client | a message counts as done |
//! |---|---|---|
//! | `kafka.rs` | librdkafka's producer, by `rdkafka` | with its delivery report |
//! | `rabbitmq.rs` | `lapin`, a channel with publisher confirms | with its confirm |
//! | `nats.rs` | `async-nats`, core | when a message behind it has come back through the server |
//! | `jetstream.rs` | `async-nats`, JetStream | with the stream's acknowledgement |
//! | `mqtt.rs` | `rumqttc`, MQTT 5 | with its PUBACK |
//! | `redis.rs` | `redis`, pipelines | with its reply |
//!
//! Messages are as large as those of the gateway, with as many headers of the same names and lengths.

mod hand_over;
mod jetstream;
mod kafka;
mod mqtt;
mod nats;
mod rabbitmq;
mod redis;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::runtime::{self, Runtime};
use tokio::task::AbortHandle;

pub(crate) use jetstream::JetStream;
pub(crate) use kafka::Kafka;
pub(crate) use mqtt::Mqtt;
pub(crate) use nats::Nats;
pub(crate) use rabbitmq::Rabbitmq;
pub(crate) use redis::Redis;

use crate::flow::Flow;
use crate::frame;
use crate::latencies::Latencies;
use crate::load::{Load, Stop};
use crate::pace::Pace;
use crate::peer::TOPIC;
use crate::progress::{self, Progress};
use crate::server::Server;

/// The key of every message: the id of an edge.
const KEY: &str = "7642381904561537024";

/// What the gateway adds to a message, in as many bytes.
const HEADERS: [(&str, &str); 4] = [
    ("frontier-edge-id", KEY),
    ("frontier-topic", TOPIC),
    ("frontier-message-id", "019ad0ce5c7f00000000000000000000"),
    ("frontier-time", "2026-11-29T17:00:00.000Z"),
];

/// A client that is connected to its broker.
pub(crate) trait Client: Sized + Send + 'static {
    /// What the gateway's bridge is told, as lines of its section: the same settings as this client has.
    fn section(broker: &str) -> String;

    /// The same for readers, in a line.
    const SETTINGS: &str;

    /// Makes what must be there before anybody publishes.
    fn prepare(broker: &str) -> impl Future<Output = Result<()>> + Send {
        let _ = broker;
        async { Ok(()) }
    }

    /// Connects to `broker`, `host:port`, for messages with `payload`, of which at most `most` will be under way.
    fn connect(broker: &str, payload: Vec<u8>, most: usize) -> impl Future<Output = Result<Self>> + Send;

    /// Publishes what `flow` lets begin, until it is over; counts in `done`.
    fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> impl Future<Output = Result<()>> + Send;
}

/// A client as the reference. It has a runtime of its own, with tokio's default of threads, as a program would.
#[derive(Debug)]
pub(crate) struct Bare<C> {
    /// Away during a round.
    client: Option<C>,
    /// There until the end.
    runtime: Option<Runtime>,
    most: usize,
    per_second: Option<f64>,
}

impl<C: Client> Bare<C> {
    pub(crate) async fn connect(broker: &str, size: usize, most: usize) -> Result<Self> {
        let runtime = runtime::Builder::new_multi_thread().enable_all().build().context("no runtime can be had")?;
        let mut bare = Self { client: None, runtime: Some(runtime), most, per_second: None };
        let broker = broker.to_owned();
        let connecting = async move { C::connect(&broker, frame::payload(size), most).await };
        bare.client = Some(bare.runtime().spawn(connecting).await.context("connecting to the broker panicked")??);
        Ok(bare)
    }

    /// From now on so many messages per second begin, as long as there is room for them.
    pub(crate) fn keep_pace(&mut self, per_second: f64) {
        self.per_second = Some(per_second);
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the end")
    }
}

impl<C: Client> Load for Bare<C> {
    type Done = Latencies;

    /// This process, whose edges have nothing to do meanwhile.
    fn server(&self) -> Option<Server> {
        Some(Server(std::process::id()))
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let pace = self.per_second.map(|rate| Pace::new(Instant::now(), rate));
        let mut flow = Flow::new(stop, pace, self.most);
        let mut client = self.client.take().context("a round of the bare client has failed before")?;
        let done: Arc<AtomicU64> = progress.counter();
        let round = self.runtime().spawn(async move {
            client.publish(&mut flow, &done).await?;
            anyhow::Ok((client, flow.into_latencies()))
        });
        let _end = Abort(round.abort_handle());
        let (client, latencies) = tokio::select! {
            round = round => round.context("the bare client panicked")??,
            () = progress::nothing_done(progress.counter()) => {
                bail!("the broker confirmed nothing to the bare client for {:?}", progress::PATIENCE)
            }
        };
        self.client = Some(client);
        Ok(latencies)
    }
}

/// Ends a task with whoever waits for it.
struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<C> Drop for Bare<C> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Its threads cannot be waited for by one that runs a runtime itself.
            runtime.shutdown_background();
        }
    }
}
