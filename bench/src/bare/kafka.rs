//! librdkafka's producer: a thread of `rdkafka` takes its delivery reports.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::sleep_until;

use super::{Client, HEADERS, KEY};
use crate::flow::Flow;
use crate::peer::TOPIC;

/// What librdkafka is told beside the broker's address. The bridge's own settings are those by default, said again in
/// [`Client::section`] where they have a key.
const PROPERTIES: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    ("compression.codec", "none"),
    ("partitioner", "murmur2_random"),
    ("socket.nagle.disable", "true"),
    ("queue.buffering.max.messages", "10000"),
];

/// How long the broker may take to tell of the topic, which it makes by that.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reports that are taken in one go.
const AT_ONCE: usize = 1024;

/// The message that began so many nanoseconds after the client, and what became of it.
type Report = (usize, Result<(), KafkaError>);

pub(crate) struct Kafka {
    producer: ThreadedProducer<Reports>,
    reports: UnboundedReceiver<Report>,
    headers: OwnedHeaders,
    payload: Vec<u8>,
    began: Instant,
}

/// Hands delivery reports on.
struct Reports(UnboundedSender<Report>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, since: usize) {
        let became = report.as_ref().map(drop).map_err(|(error, _)| error.clone());
        // Who has left does not want to know.
        let _ = self.0.send((since, became));
    }
}

impl Client for Kafka {
    const SETTINGS: &str = "acks all, idempotence, linger 5 ms, batches of 1 MB, no compression, one partition";

    fn section(broker: &str) -> String {
        format!(
            "kafka: {{ addrs: [\"{broker}\"], acks: all, idempotence: true, linger_ms: 5, batch_bytes: 1000000, \
             compression: none, partitioner: murmur2 }}"
        )
    }

    async fn connect(broker: &str, payload: Vec<u8>, _: usize) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker);
        for (name, value) in PROPERTIES {
            config.set(*name, *value);
        }
        let (sender, reports) = mpsc::unbounded_channel();
        let producer: ThreadedProducer<Reports> = config.create_with_context(Reports(sender))?;
        let producer = tokio::task::spawn_blocking(move || {
            let told = producer.client().fetch_metadata(Some(TOPIC), PATIENCE);
            told.map(|_| producer).context("Kafka does not answer the bare producer")
        });
        let headers = HEADERS.iter().fold(OwnedHeaders::new_with_capacity(HEADERS.len()), |all, (key, value)| {
            all.insert(Header { key, value: Some(*value) })
        });
        Ok(Self { producer: producer.await??, reports, headers, payload, began: Instant::now() })
    }

    async fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
        let mut reports = Vec::with_capacity(AT_ONCE);
        loop {
            let now = Instant::now();
            while let Some(since) = flow.begin(now) {
                self.send(since)?;
            }
            if flow.is_over(now) {
                return Ok(());
            }
            let count = match flow.next_due() {
                None => self.reports.recv_many(&mut reports, AT_ONCE).await,
                Some(due) => tokio::select! {
                    count = self.reports.recv_many(&mut reports, AT_ONCE) => count,
                    () = sleep_until(due.into()) => continue,
                },
            };
            ensure!(count > 0, "the producer has ended");
            let now = Instant::now();
            for (since, became) in reports.drain(..) {
                became.context("a message was not delivered, so nothing was measured")?;
                flow.end(self.began + Duration::from_nanos(since as u64), now);
            }
            done.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

impl Kafka {
    fn send(&self, since: Instant) -> Result<()> {
        let since = since.saturating_duration_since(self.began).as_nanos();
        let record = BaseRecord::with_opaque_to(TOPIC, usize::try_from(since)?)
            .key(KEY)
            .payload(&self.payload)
            .headers(self.headers.clone());
        self.producer.send(record).map_err(|(error, _)| anyhow!(error).context("the producer takes no message"))
    }
}
