//! Kafka, by librdkafka.
//!
//! The client finds its way back by itself: it dials anew, asks for names again, and repeats what was under way in the old order. So
//! a connection here is a producer, which lives until it is of no use: after a fatal error of librdkafka's, or when a topic turns out
//! to take smaller batches than it makes. Then all that is under way goes to its successor, in order.
//!
//! A record that librdkafka has is tried for `delivery_timeout_ms`. That is longer than publishers wait: a record that the client
//! itself gives up while others behind it succeed could only be sent again out of order, so its publisher hears at once.

mod client;
mod limits;
mod outcome;
mod properties;
mod size;
mod spread;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use config::{Credential, Part, Secret, Template};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataBroker;
use rdkafka::producer::BaseRecord;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use self::client::{Admin, Clients, Place, Producer, Said, Ticket};
use self::limits::{Batches, Blame, Limits};
use self::properties::{Linger, Properties};
use self::spread::{Seen, Spread};
use crate::secret::secret;
use crate::{Apart, Bridge, Confirmations, Connector, Kind, PublishError, Record, Terms};

pub(crate) use self::outcome::check_topic;
pub use self::properties::BadProperty;

/// How long the client may hold on to more than its queue has room for, until it is asked again.
const FULL: Duration = Duration::from_millis(5);

/// Topics whose limits are asked for at each connect.
const KNOWN: usize = 64;

/// How long a broker may take to say that it is there.
const CHECK: Duration = Duration::from_secs(4);

/// How long a producer must stand without a fatal error if the one before had one.
const PROBATION: Duration = Duration::from_millis(1_500);

/// How long handing over a batch takes, about.
const HAND_OVER: Duration = Duration::from_millis(1);

/// How long records wait for those before them at most if nothing of these is confirmed. While a partition has no leader, those for others
/// may wait so long.
const SILENT: Duration = Duration::from_millis(250);
/// The same if something is: one of several partitions is slow.
const HEARD: Duration = Duration::from_millis(5);

/// How long what is under way may take when the bridge closes.
const FLUSH: Duration = Duration::from_millis(1_800);

/// A configured cluster.
pub(crate) struct KafkaConnector {
    addrs: String,
    properties: Properties,
    password: Credential,
    limits: Arc<Limits>,
    clients: Clients,
    /// Whether the last producer ended by a fatal error.
    fatal: Arc<AtomicBool>,
}

impl KafkaConnector {
    /// The cluster of `kafka`, which is part of `bridge`.
    ///
    /// # Errors
    /// librdkafka does not take the properties.
    pub(crate) fn new(bridge: &config::Bridge, kafka: &config::KafkaBridge) -> Result<Self, BadProperty> {
        let addrs: Vec<String> = kafka.addrs.iter().map(ToString::to_string).collect();
        let properties = Properties::new(bridge, kafka)?;
        Ok(Self {
            addrs: addrs.join(", "),
            limits: Arc::new(Limits::new(properties.batch_bytes(), known_topics(bridge))),
            properties,
            password: kafka.sasl.password.clone(),
            clients: Clients::new(&bridge.name),
            fatal: Arc::default(),
        })
    }
}

impl fmt::Debug for KafkaConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConnector").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

/// Where records of `bridge` go as far as its configuration alone says.
fn known_topics(bridge: &config::Bridge) -> Vec<String> {
    let exact = bridge.topics.iter().filter(|topic| !topic.contains('*'));
    let mut known: Vec<String> = exact.filter_map(|topic| filled(&bridge.destination, topic)).collect();
    // Where edges have no part in it, whatever the filters are.
    known.extend(
        filled(&bridge.destination, "").filter(|alone| Some(alone) == filled(&bridge.destination, "-").as_ref()),
    );
    known.sort_unstable();
    known.dedup();
    known.truncate(KNOWN);
    known
}

/// The destination of a message of that topic, if the topic is all that it depends on.
fn filled(destination: &Template, topic: &str) -> Option<String> {
    let parts = destination.parts().iter().map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Topic => Some(topic),
        Part::EdgeId | Part::Meta(_) => None,
    });
    parts.collect::<Option<String>>().filter(|name| outcome::is_topic(name))
}

#[async_trait]
impl Connector for KafkaConnector {
    fn target(&self) -> String {
        format!("kafka {}", self.addrs)
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let password = secret(&self.password).await?;
        let place = self.clients.place().await;
        let properties = self.properties.clone();
        let (limits, fatal) = (Arc::clone(&self.limits), Arc::clone(&self.fatal));
        let (told, connected) = oneshot::channel();
        spawn_blocking(move || {
            let abandoned = || told.is_closed();
            let made = make(place, &properties, password.as_ref(), &limits, &abandoned);
            let made = made.and_then(|made| {
                // A cluster that is there and will not have this producer says so a moment later. Once it has, that is waited for.
                let moment = if fatal.load(Ordering::Relaxed) { PROBATION } else { Duration::ZERO };
                made.producer.stands(moment, &abandoned)?;
                Ok(made)
            });
            // Whoever asked may have left; then the producer ends here.
            let _ = told.send(made);
        });
        let ended = |_| PublishError::lost("the start of a producer ended early");
        let Made { producer, admin, batches } = connected.await.map_err(ended)??;
        self.fatal.store(false, Ordering::Relaxed);
        let inner = Inner {
            producer,
            admin,
            limits: Arc::clone(&self.limits),
            batches,
            patience: self.properties.patience(),
            linger: self.properties.linger(),
            batch_records: self.properties.batch_records(),
            compress: self.properties.compress(),
            spread: Spread::default(),
            narrow: AtomicBool::new(false),
            fatal: Arc::clone(&self.fatal),
        };
        Ok(Arc::new(KafkaBridge(Arc::new(inner))))
    }
}

/// A producer that has heard from a broker.
struct Made {
    producer: Producer,
    admin: Admin,
    batches: Batches,
}

/// A producer that gathers no more than the cluster takes. Blocks; gives up early once `abandoned`.
fn make(
    place: Place,
    properties: &Properties,
    password: Option<&Secret>,
    limits: &Limits,
    abandoned: &dyn Fn() -> bool,
) -> Result<Made, PublishError> {
    let before = limits.batches();
    let config = properties.now(password, &before)?;
    let producer = Producer::start(place, &config)?;
    let brokers = producer.reach(abandoned)?;
    let broker = brokers.brokers().first().map(MetadataBroker::id);
    let admin = Admin::start(&producer, &config)?;
    let (own, each) = Handle::current().block_on(admin.limits(broker, &limits.asked_anew()));
    limits.told(own, each);
    let silent = limits.silent();
    if !silent.is_empty() {
        warn!(
            bridge = producer.bridge(),
            topics = ?silent,
            "the cluster does not tell how large a batch these topics take: records go one by one; set batch_bytes to at most \
             their max.message.bytes, or let the login describe configurations"
        );
    }
    let batches = limits.batches();
    if batches.is_like(&before) {
        return Ok(Made { producer, admin, batches });
    }
    let config = properties.now(password, &batches)?;
    let producer = Producer::start(producer.end(), &config)?;
    producer.reach(abandoned)?;
    Ok(Made { producer, admin, batches })
}

/// A producer in use.
#[derive(Debug)]
struct KafkaBridge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    producer: Producer,
    /// Asks for limits.
    admin: Admin,
    limits: Arc<Limits>,
    batches: Batches,
    /// How long the client tries.
    patience: Duration,
    linger: Linger,
    /// The most records that the client sends together.
    batch_records: usize,
    /// Whether the broker gets records smaller than they are here.
    compress: bool,
    spread: Spread,
    /// Whether the producer makes batches that are too large for a topic.
    narrow: AtomicBool,
    /// The connector's.
    fatal: Arc<AtomicBool>,
}

impl Inner {
    /// Whether the broker finds a record as large as it is here, and some topic may not take `size`.
    fn may_be_too_large(&self, size: usize) -> bool {
        !self.compress && size > self.batches.bytes()
    }

    /// What a failure of a delivery means. `size` is the record's.
    fn failed(&self, error: &KafkaError, topic: &str, size: usize) -> PublishError {
        let failed = outcome::failed(error, self.patience);
        match failed.kind() {
            Kind::TooLarge if self.limits.blame(&self.batches, topic, size) == Blame::Batch => {
                self.narrow.store(true, Ordering::Relaxed);
                PublishError::lost(format_args!("topic {topic:?} refuses a batch for its size; smaller ones follow"))
            }
            Kind::Lost => self.ended().unwrap_or(failed),
            _ => failed,
        }
    }

    /// Why the producer is of no use any more, if it has had a fatal error.
    fn ended(&self) -> Option<PublishError> {
        let reason = self.producer.fatal()?;
        self.fatal.store(true, Ordering::Relaxed);
        Some(PublishError::lost(reason))
    }
}

impl KafkaBridge {
    /// Asks for the limits of topics that come up for the first time, or that get a record which may be too large.
    ///
    /// # Errors
    /// One takes smaller batches than this producer makes. What that has is confirmed by then, or takes too long.
    async fn look_up(&self, records: &[Arc<Record>]) -> Result<(), PublishError> {
        let Inner { admin, limits, batches, .. } = &*self.0;
        let large = |record: &Arc<Record>| self.0.may_be_too_large(record.size());
        let topics = records.chunk_by(|one, next| one.destination == next.destination).filter_map(|same| {
            let topic = &*same.first()?.destination;
            outcome::is_topic(topic).then(|| (topic, same.iter().any(large)))
        });
        let asked = limits.to_ask(topics);
        if asked.is_empty() {
            return Ok(());
        }
        let (_, each) = admin.limits(None, &asked).await;
        limits.told(None, each);
        if !batches.exceeds(&limits.batches()) {
            return Ok(());
        }
        let inner = Arc::clone(&self.0);
        let flushed = spawn_blocking(move || inner.producer.flush(FLUSH)).await;
        self.0.narrow.store(true, Ordering::Relaxed);
        flushed.map_err(|error| PublishError::lost(format_args!("waiting for confirmations ended early: {error}")))?;
        Err(PublishError::lost("a new topic takes smaller batches than were sent; smaller ones follow"))
    }

    /// Hands a record to the client, and waits for the room if it has none: what comes behind must not overtake it.
    async fn hand_over(&self, record: &Record, ticket: Ticket) -> Result<(), PublishError> {
        outcome::check_topic(&record.destination)?;
        let body = record.body_bytes();
        let (headers, header_bytes) = headers(record);
        let size = size::alone(record.key.len(), body.len(), record.header_count(), header_bytes);
        if self.0.may_be_too_large(size)
            && let Some(limit) = self.0.limits.surely_less(&record.destination, size)
        {
            return Err(outcome::too_large(size, &record.destination, limit));
        }
        let mut next = BaseRecord::with_opaque_to(&record.destination, ticket).payload(&*body).headers(headers);
        if !record.key.is_empty() {
            next = next.key(record.key.as_bytes());
        }
        if let Ok(accepted) = record.message.accepted.duration_since(UNIX_EPOCH) {
            next = next.timestamp(accepted.as_millis() as i64);
        }
        record.claim()?;
        loop {
            match self.0.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => next = back,
                // Its own limit is `max_message_bytes`, and no batch's.
                Err((error, _)) => {
                    let failed = outcome::failed(&error, self.0.patience);
                    return Err(if failed.kind() == Kind::Lost { self.0.ended().unwrap_or(failed) } else { failed });
                }
            }
            sleep(FULL).await;
        }
    }
}

/// Its headers, and how many bytes they take.
fn headers(record: &Record) -> (OwnedHeaders, usize) {
    let mut headers = Some(OwnedHeaders::new_with_capacity(record.header_count()));
    let mut bytes = 0;
    let Ok(()) = record.each_header(|key, value| {
        bytes += size::header(key.len(), value.len());
        headers = headers.take().map(|headers| headers.insert(Header { key, value: Some(value) }));
        Ok::<_, Infallible>(())
    });
    (headers.expect("each step gives them back"), bytes)
}

#[async_trait]
impl Bridge for KafkaBridge {
    /// With idempotence librdkafka has one request with messages of a partition under way. While one is, its thread does not wait for the
    /// answer: once what comes behind has lingered it looks for it again and again, and takes a processor for that. So records gather
    /// here until shortly before that answer, and the client has as many as go together.
    fn terms(&self) -> Terms {
        let terms = Terms { heals: true, ..Terms::default() };
        let Inner { batches, linger, batch_records, spread, .. } = &*self.0;
        if linger.client.is_zero() || batches.is_single() {
            return terms;
        }
        let lead = linger.client + HAND_OVER;
        let apart = Apart { gathers: linger.client, lead, silent: SILENT, heard: HEARD };
        // Each partition has a request of its own.
        let partitions = spread.partitions();
        let batch_records = terms.window.min(batch_records.saturating_mul(partitions));
        let batch_bytes = batches.bytes().saturating_mul(partitions);
        Terms { batch_records, batch_bytes, linger: linger.before, apart: Some(apart), ..terms }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        self.look_up(records).await?;
        let inner = Arc::clone(&self.0);
        // Each is let go of with its outcome: one that takes long must not keep the others in memory.
        let mut handed: Vec<_> = records.iter().cloned().map(Some).collect();
        let mut seen = Seen::default();
        let (teller, confirmations) = Confirmations::told(move |place, said| {
            let record = handed.get_mut(place).and_then(Option::take);
            match (said, record) {
                (Said::Report(Ok(partition)), Some(record)) => {
                    inner.spread.see(&mut seen, &record.destination, partition);
                    Ok(())
                }
                (Said::Report(Ok(_)), None) => Ok(()),
                (Said::Report(Err(error)), Some(record)) => {
                    Err(inner.failed(&error, &record.destination, record.cost()))
                }
                (Said::Report(Err(error)), None) => Err(outcome::failed(&error, inner.patience)),
                (Said::NotTaken(error), _) => Err(error),
            }
        });
        for (place, record) in records.iter().enumerate() {
            if let Err(error) = self.hand_over(record, Box::new((teller.clone(), place))).await {
                teller.tell(place, Said::NotTaken(error));
            }
        }
        Ok(confirmations)
    }

    async fn check(&self) -> Result<(), PublishError> {
        let inner = Arc::clone(&self.0);
        let checked = spawn_blocking(move || inner.ended().map_or_else(|| inner.producer.check(CHECK), Err)).await;
        checked.unwrap_or_else(|error| Err(PublishError::passing(format_args!("a check ended early: {error}"))))
    }

    async fn lost(&self) -> PublishError {
        let reason = self.0.producer.ends().await;
        self.0.ended().unwrap_or_else(|| PublishError::lost(reason))
    }

    async fn troubled(&self) {
        self.0.producer.loses_all().await;
    }

    async fn close(&self) {
        let inner = Arc::clone(&self.0);
        let taken_leave = spawn_blocking(move || {
            // What a producer of no use still has goes to its successor, and must not overtake that.
            if inner.producer.fatal().is_some() || inner.narrow.load(Ordering::Relaxed) {
                inner.producer.purge();
            } else {
                inner.producer.flush(FLUSH);
            }
        });
        // Whatever has become of that, the producer ends with its bridge.
        let _ = taken_leave.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_known_where_edges_do_not_choose_them() {
        for (destination, topics, expected) in [
            ("${topic}", &["a", "b.*", "a"][..], &["a"][..]),
            ("all", &["*"], &["all"]),
            ("all", &["a", "b"], &["all"]),
            ("x.${topic}", &["a", "b"], &["x.a", "x.b"]),
            ("${topic}", &["*", "not a name"], &[]),
            ("x.${edge_id}", &["a"], &[]),
        ] {
            let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
            let destination = destination.parse().unwrap();
            let bridge = config::Bridge { destination, topics, ..config::Bridge::default() };
            assert_eq!(known_topics(&bridge), expected, "{} {:?}", bridge.destination, bridge.topics);
        }
    }

    #[test]
    fn batches_are_as_large_as_the_key_or_the_property_over_it_says() {
        for (property, expected) in [(None, 3_000), (Some("2000"), 2_000)] {
            let size = property.map(|size| ("batch.size".to_owned(), size.parse().unwrap()));
            let properties = size.into_iter().collect();
            let kafka = config::KafkaBridge { batch_bytes: 3_000, properties, ..config::KafkaBridge::default() };
            let connector = KafkaConnector::new(&config::Bridge::default(), &kafka).unwrap();
            assert_eq!(connector.limits.batches().bytes(), expected);
        }
    }
}
