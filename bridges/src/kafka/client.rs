//! Producers of librdkafka: how they come about, what they say of themselves, and how they end.
//!
//! Most of that blocks: it is done in threads for that. A bridge has places for few producers at a time; one keeps its place until
//! its threads have ended, so that a cluster which is away for long cannot gather them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tracing::debug;

use crate::{PublishError, Teller};

/// Producers of one bridge at a time: one that is used, one that ends, one that is tried.
const PLACES: usize = 3;

/// How long a broker is waited for in one go, at first.
const SLICE: Duration = Duration::from_millis(500);

/// How long a new producer looks for a broker. With several addresses the first may fail; the client tries them in turn.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same once the client has said that none can be reached. Of a name's addresses it tries the next one 100 ms later.
const PATIENCE_ALL_DOWN: Duration = Duration::from_secs(3);

/// How often a look is taken whether a producer still stands.
const LOOK: Duration = Duration::from_millis(50);

/// How long the cluster may take to tell its limits.
const DESCRIBE: Duration = Duration::from_secs(3);

/// How long a cause explains what fails later.
const FRESH: Duration = Duration::from_secs(60);

/// The property of topics, and that of brokers, for the largest batch.
const TOPIC_LIMIT: &str = "max.message.bytes";
const BROKER_LIMIT: &str = "message.max.bytes";

/// Makes the producers of a bridge.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    bridge: Arc<str>,
    places: Arc<Semaphore>,
}

/// The right to be a producer.
pub(super) struct Place {
    bridge: Arc<str>,
    _permit: OwnedSemaphorePermit,
}

impl Clients {
    /// For the bridge of that name.
    pub(super) fn new(bridge: &str) -> Self {
        Self { bridge: bridge.into(), places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Place {
        let permit = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
        Place { bridge: Arc::clone(&self.bridge), _permit: permit }
    }
}

/// What librdkafka said of itself.
#[derive(Debug, Default)]
struct Words {
    trouble: Mutex<Option<(Instant, Arc<str>)>>,
    /// Whether no broker was to be reached at some time.
    all_down: AtomicBool,
    /// No broker is to be reached.
    loses_all: Notify,
    /// Why the producer is of no use any more.
    fatal: watch::Sender<Option<Arc<str>>>,
}

impl Words {
    /// Keeps what `error` is about. That all brokers are down is said behind the reason why, and counts only without it.
    fn note(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let all_down = code == Some(RDKafkaErrorCode::AllBrokersDown);
        if code == Some(RDKafkaErrorCode::Fatal) {
            self.fatal.send_replace(Some(reason.into()));
        }
        if all_down {
            self.all_down.store(true, Ordering::Relaxed);
            self.loses_all.notify_one();
        }
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() || !all_down {
            *trouble = Some((Instant::now(), reason.into()));
        }
    }

    /// What went wrong last, unless that was long ago.
    fn trouble(&self) -> Option<Arc<str>> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, reason)| Arc::clone(reason))
    }
}

/// Takes what librdkafka says: its log lines are debug lines of ours, its errors become the state's reason.
struct Context {
    bridge: Arc<str>,
    said: Arc<Words>,
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        debug!(target: "librdkafka", bridge = &*self.bridge, facility, "{line}");
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(target: "librdkafka", bridge = &*self.bridge, "{error}: {reason}");
        self.said.note(&error, reason);
    }
}

/// What is said of a record in the end.
pub(super) enum Said {
    /// By librdkafka, which had it: the partition that has it now.
    Report(Result<i32, KafkaError>),
    /// That librdkafka does not take it.
    NotTaken(PublishError),
}

/// Where the report of a record goes: that of its batch, and its place in there.
pub(super) type Ticket = Box<(Teller<Said>, usize)>;

/// A record as the producer takes it.
pub(super) type Outgoing<'a> = BaseRecord<'a, [u8], [u8], Ticket>;

/// A thread of the producer's takes the reports, a request's at a time.
impl ProducerContext for Context {
    type DeliveryOpaque = Ticket;

    fn delivery(&self, report: &DeliveryResult<'_>, ticket: Ticket) {
        let (teller, place) = *ticket;
        let report = report.as_ref().map(|message| message.partition()).map_err(|(error, _)| error.clone());
        teller.tell(place, Said::Report(report));
    }
}

/// A producer of librdkafka. Dropped, it ends in a thread of its own; what it still has is not sent.
pub(super) struct Producer {
    /// None in its drop alone.
    inner: Option<(ThreadedProducer<Context>, Place)>,
    said: Arc<Words>,
}

impl Producer {
    /// Starts one. Blocks.
    ///
    /// # Errors
    /// A certificate or key cannot be used, or the properties do not go together.
    pub(super) fn start(place: Place, config: &ClientConfig) -> Result<Self, PublishError> {
        let said = Arc::new(Words::default());
        let context = Context { bridge: Arc::clone(&place.bridge), said: Arc::clone(&said) };
        let started: KafkaResult<ThreadedProducer<Context>> = config.create_with_context(context);
        let producer = started.map_err(|error| PublishError::lost(cause(&error)))?;
        Ok(Self { inner: Some((producer, place)), said })
    }

    /// The bridge that it is of.
    pub(super) fn bridge(&self) -> &str {
        &self.place().bridge
    }

    fn client(&self) -> &ThreadedProducer<Context> {
        &self.inner.as_ref().expect("it is there until its drop").0
    }

    /// Waits until a broker has answered. Blocks; gives up early once `abandoned`.
    ///
    /// # Errors
    /// None has.
    pub(super) fn reach(&self, abandoned: &dyn Fn() -> bool) -> Result<Metadata, PublishError> {
        let begun = Instant::now();
        let mut slice = SLICE;
        loop {
            let error = match self.ask(slice) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            // Nothing connected is a matter of the client; an answer that does not come, of our patience.
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) {
                slice *= 2;
            }
            let all_down = self.said.all_down.load(Ordering::Relaxed);
            let patience = if all_down { PATIENCE_ALL_DOWN } else { PATIENCE };
            if abandoned() || begun.elapsed() + slice > patience {
                return Err(PublishError::lost(self.reason(&error)));
            }
        }
    }

    /// Waits whether it is of use for that long. Blocks; gives up early once `abandoned`.
    ///
    /// # Errors
    /// It has had a fatal error.
    pub(super) fn stands(&self, moment: Duration, abandoned: &dyn Fn() -> bool) -> Result<(), PublishError> {
        let begun = Instant::now();
        loop {
            if let Some(reason) = self.fatal() {
                return Err(PublishError::lost(reason));
            }
            let left = moment.saturating_sub(begun.elapsed());
            if left.is_zero() || abandoned() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Whether a broker answers within `limit`. Blocks.
    ///
    /// # Errors
    /// None does; the producer is still of use.
    pub(super) fn check(&self, limit: Duration) -> Result<(), PublishError> {
        self.ask(limit).map(drop).map_err(|error| PublishError::passing(self.reason(&error)))
    }

    fn ask(&self, limit: Duration) -> KafkaResult<Metadata> {
        self.client().client().fetch_metadata(None, limit)
    }

    /// Why `error` came about.
    fn reason(&self, error: &KafkaError) -> Arc<str> {
        self.said.trouble().unwrap_or_else(|| cause(error).into())
    }

    /// Its fatal error, if it has had one.
    pub(super) fn fatal(&self) -> Option<Arc<str>> {
        let (code, reason) = self.client().client().fatal_error()?;
        Some(format!("{reason}: {code}").into())
    }

    /// Done once it is of no use any more, with the reason.
    pub(super) async fn ends(&self) -> Arc<str> {
        let mut fatal = self.said.fatal.subscribe();
        let reason = fatal.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.expect("the sender is kept in here, and a reason was waited for")
    }

    /// Done when no broker is to be reached any more, once for each time.
    pub(super) async fn loses_all(&self) {
        self.said.loses_all.notified().await;
    }

    /// Hands a record over. Never blocks.
    ///
    /// # Errors
    /// The client does not take it; the record is handed back.
    #[expect(clippy::result_large_err, reason = "that is the record")]
    pub(super) fn send<'a>(&self, record: Outgoing<'a>) -> Result<(), (KafkaError, Outgoing<'a>)> {
        self.client().send(record)
    }

    /// Waits until nothing is under way, for `limit` at most. Blocks.
    pub(super) fn flush(&self, limit: Duration) {
        if let Err(error) = self.client().flush(limit) {
            debug!(bridge = self.bridge(), %error, "not all of it was confirmed before the bridge closed");
        }
    }

    /// Throws away what is not confirmed. Blocks for a moment.
    pub(super) fn purge(&self) {
        self.client().purge(PurgeConfig::default().queue().inflight());
    }

    fn place(&self) -> &Place {
        &self.inner.as_ref().expect("it is there until its drop").1
    }

    /// Ends it, and gives its place to its successor. Blocks.
    pub(super) fn end(mut self) -> Place {
        let (producer, place) = self.inner.take().expect("it is there until its drop");
        drop(producer);
        place
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // None if its place is another's already.
        if let Some(inner) = self.inner.take() {
            end(inner);
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("said", &self.said).finish_non_exhaustive()
    }
}

/// Asks the cluster for its configuration, over a connection of its own: librdkafka shares none. Dropped, it ends in a thread of
/// its own.
pub(super) struct Admin {
    /// None in its drop alone.
    client: Option<AdminClient<Context>>,
    bridge: Arc<str>,
}

impl Admin {
    /// With the properties of `producer`. Blocks for a moment.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn start(producer: &Producer, config: &ClientConfig) -> Result<Self, PublishError> {
        let bridge = Arc::clone(&producer.place().bridge);
        let mut config = config.clone();
        // It sends no records, and needs no right to. What it says nobody takes out of its queue; the producer says the same.
        config.set("enable.idempotence", "false");
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let context = Context { bridge: Arc::clone(&bridge), said: Arc::default() };
        let client = config.create_with_context(context).map_err(|error| PublishError::lost(cause(&error)))?;
        Ok(Self { client: Some(client), bridge })
    }

    /// The largest batch that `broker` takes by itself, and that of each of `topics` which says so. Nothing is known where the login
    /// may not ask, or nobody answers in time.
    pub(super) async fn limits(&self, broker: Option<i32>, topics: &[String]) -> (Option<u32>, BTreeMap<String, u32>) {
        let each = topics.iter().map(|topic| ResourceSpecifier::Topic(topic));
        let asked: Vec<ResourceSpecifier<'_>> = each.chain(broker.map(ResourceSpecifier::Broker)).collect();
        let client = self.client.as_ref().expect("it is there until its drop");
        let options = AdminOptions::new().request_timeout(Some(DESCRIBE));
        let told = client.describe_configs(&asked, &options).await.unwrap_or_else(|error| {
            debug!(bridge = &*self.bridge, %error, "the cluster does not tell how large a batch may be");
            Vec::new()
        });
        let (mut own, mut each) = (None, BTreeMap::new());
        for resource in told.into_iter().flatten() {
            let limit = |name| resource.get(name)?.value.as_ref()?.parse().ok();
            match &resource.specifier {
                OwnedResourceSpecifier::Topic(topic) => {
                    each.extend(limit(TOPIC_LIMIT).map(|limit| (topic.clone(), limit)));
                }
                OwnedResourceSpecifier::Broker(_) => own = limit(BROKER_LIMIT),
                OwnedResourceSpecifier::Group(_) => {}
            }
        }
        (own, each)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        end(self.client.take());
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admin")
    }
}

/// Drops what blocks when it ends, where that holds nobody up.
fn end(ending: impl Send + 'static) {
    // Outside a runtime it holds up nobody.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn_blocking(move || drop(ending));
    }
}

/// What `error` says, without what it was about to do.
fn cause(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientCreation(reason) => reason.clone(),
        KafkaError::ClientConfig(_, _, name, _) => format!("librdkafka does not take the property {name:?}"),
        KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure) => {
            "no broker answers".to_owned()
        }
        error => error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}
