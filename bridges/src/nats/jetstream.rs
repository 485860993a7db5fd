//! JetStream, which acknowledges each message once a stream has it.
//!
//! A message has the same id however often it is sent, so what arrives twice within the stream's window for doubles is stored once. The id
//! holds the bridge's name: two bridges may put one message into one stream, on two subjects.
//!
//! What a user may not publish has no acknowledgement; the server says so by a line of its own. The client holds back 128 of these and
//! drops some beyond. So of subjects on which nothing was acknowledged yet only so many messages are under way that none is dropped:
//! else who floods forbidden subjects would make the bridge wait for acknowledgements that never come.

use std::collections::HashSet;
use std::error::Error as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{
    ContextBuilder, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, PublishAckFuture, PublishErrorKind,
};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, ErrorCode, stream};
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::{Link, SETUP, cause, subject};
use crate::{Bridge, Confirmations, Outcome, PublishError, Record, Terms};

/// How long the stream may take to acknowledge anything, with messages under way.
const STALL: Duration = Duration::from_secs(10);

/// How long it may take to acknowledge one message, while it acknowledges others: longer, so that who does not answer at all is found
/// to be gone, and not to be slow.
const ACK: Duration = Duration::from_secs(12);

/// Messages under way on subjects on which none was acknowledged yet, and in a batch.
const UNPROVEN: usize = 100;

/// Subjects that are remembered to have been acknowledged: less than 2 MiB of hashes.
const PROVEN: usize = 65_536;

/// Messages without an acknowledgement; the client takes 5000.
const WINDOW: usize = 4_000;

/// A connection to a stream.
#[derive(Debug)]
pub(super) struct JetStream {
    context: Context,
    stream: Arc<Stream>,
    /// The bridge's name.
    name: String,
    /// For messages on subjects that are not among the proven ones.
    unproven: Arc<Semaphore>,
}

/// The stream, and the connection to it.
#[derive(Debug)]
struct Stream {
    link: Link,
    name: String,
    /// What it takes, as it was when the connection was made.
    subjects: Vec<String>,
    /// Hashes of subjects on which a message was acknowledged.
    proven: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl JetStream {
    /// Sees whether the stream is there, or creates it.
    pub(super) async fn new(link: Link, name: &str, config: &config::JetStream) -> Result<Self, PublishError> {
        let builder = ContextBuilder::new();
        let context = match &*config.domain {
            "" => builder.timeout(ACK).build(link.client.clone()),
            domain => builder.domain(domain).timeout(ACK).build(link.client.clone()),
        };
        let settled = timeout(SETUP, settle(&context, config)).await;
        let silence = "JetStream does not answer; the user must be allowed to ask it, and to subscribe to its inbox";
        let subjects = settled.map_err(|_| link.events.obstacle(silence))??;
        let stream = Stream {
            link,
            name: config.stream.clone(),
            subjects,
            proven: Mutex::default(),
            hasher: RandomState::new(),
        };
        let unproven = Arc::new(Semaphore::new(UNPROVEN));
        Ok(Self { context, stream: Arc::new(stream), name: name.to_owned(), unproven })
    }

    /// Hands one record over; returns what will become of it.
    async fn publish(&self, record: &Record) -> Result<BoxFuture<'static, Outcome>, PublishError> {
        let outgoing = Outgoing::new(record, &self.stream.link.inbox)?;
        let id = format!("{}/{}", record.message.id, self.name);
        let Outgoing { subject, headers, payload } = outgoing.for_stream(&self.stream.name, id);
        let permit = match self.stream.is_proven(&subject) {
            true => None,
            // Those who have one are of batches before, whose outcomes are waited for, or of this one, which has no more than there are.
            false => Arc::clone(&self.unproven).acquire_owned().await.ok(),
        };
        let refusals = self.stream.link.events.refusals();
        let message = PublishMessage::build().headers(headers).payload(payload);
        let sent = self.context.send_publish(subject.clone(), message).await;
        let ack = sent.map_err(|error| self.stream.failure(&subject, &error))?;
        let stream = Arc::clone(&self.stream);
        Ok(async move {
            let outcome = stream.outcome(ack, &subject, refusals).await;
            if let (Ok(()), Some(_)) = (&outcome, &permit) {
                stream.prove(&subject);
            }
            drop(permit);
            outcome
        }
        .boxed())
    }
}

#[async_trait]
impl Bridge for JetStream {
    fn terms(&self) -> Terms {
        Terms { batch_records: UNPROVEN, window: WINDOW, stall: STALL, ..Terms::default() }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            outcomes.push(self.publish(record).await.unwrap_or_else(|error| ready(Err(error)).boxed()));
        }
        Ok(Confirmations::each(outcomes))
    }

    async fn check(&self) -> Result<(), PublishError> {
        let found = self.context.get_stream(&self.stream.name).await;
        found.map(drop).map_err(|error| not_had(&self.stream.name, &error))
    }

    async fn lost(&self) -> PublishError {
        self.stream.link.lost().await
    }

    async fn close(&self) {
        // What was acknowledged is stored, and the connection ends with its client.
    }
}

impl Stream {
    fn is_proven(&self, subject: &str) -> bool {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.hasher.hash_one(subject))
    }

    fn prove(&self, subject: &str) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if proven.len() == PROVEN {
            proven.clear();
        }
        proven.insert(self.hasher.hash_one(subject));
    }

    /// Waits for the acknowledgement of a message that was sent when there were so many `refusals`.
    async fn outcome(&self, ack: PublishAckFuture, subject: &str, refusals: u64) -> Outcome {
        let events = &self.link.events;
        let stopped = events.until(|said| said.refusal(refusals, subject).or_else(|| said.lost()));
        tokio::select! {
            biased;
            // One that was there already is as good.
            acked = ack.into_future() => acked.map(drop).map_err(|error| self.failure(subject, &error)),
            error = stopped => Err(error),
        }
    }

    /// What it means that a message on `subject` was not acknowledged.
    fn failure(&self, subject: &str, error: &jetstream::context::PublishError) -> PublishError {
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => PublishError::too_large(cause(error)),
            PublishErrorKind::TimedOut => {
                PublishError::passing(format_args!("stream {:?}: not acknowledged in {} s", self.name, ACK.as_secs()))
            }
            PublishErrorKind::BrokenPipe => self.link.events.loss(),
            PublishErrorKind::StreamNotFound => self.nobody_answers(subject),
            PublishErrorKind::MaxAckPending => PublishError::passing(error),
            _ => match error.source().and_then(|source| source.downcast_ref::<jetstream::Error>()) {
                Some(said) => self.refusal(subject, said),
                // The client's own channel is closed, or the answer is none of JetStream.
                None => self.link.events.loss(),
            },
        }
    }

    /// No stream listens on `subject`.
    fn nobody_answers(&self, subject: &str) -> PublishError {
        if self.subjects.iter().any(|filter| subject::matches(filter, subject)) {
            // It did: it has been deleted, or has no leader now. Connecting anew finds out.
            return PublishError::lost(format_args!("stream {:?} does not answer", self.name));
        }
        PublishError::refused(format_args!(
            "no stream takes the subject {subject:?}; {:?} takes {:?}",
            self.name, self.subjects
        ))
    }

    /// What JetStream `said` instead of an acknowledgement.
    fn refusal(&self, subject: &str, said: &jetstream::Error) -> PublishError {
        match said.error_code() {
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
                PublishError::too_large(said)
            }
            ErrorCode::STREAM_STORE_FAILED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED => PublishError::full(said),
            ErrorCode::STREAM_NOT_MATCH => PublishError::refused(format_args!(
                "the subject {subject:?} belongs to another stream than {:?}",
                self.name
            )),
            ErrorCode::STREAM_NOT_FOUND => PublishError::lost(said),
            _ if said.code() == UNAVAILABLE => PublishError::passing(said),
            _ => PublishError::refused(said),
        }
    }
}

/// The code of what JetStream cannot do just now.
const UNAVAILABLE: usize = 503;

/// Sees to it that the stream is there; returns its subjects.
async fn settle(context: &Context, config: &config::JetStream) -> Result<Vec<String>, PublishError> {
    let found = match context.get_stream(&config.stream).await {
        Err(error) if config.create && is_missing(&error) => create(context, config).await?,
        found => found.map_err(|error| not_had(&config.stream, &error))?,
    };
    let settings = &found.cached_info().config;
    if settings.no_ack {
        return Err(PublishError::lost(format_args!(
            "stream {:?} acknowledges nothing: it has `no_ack` set",
            config.stream
        )));
    }
    Ok(settings.subjects.clone())
}

/// Creates the stream; one that somebody else has made in the meantime is as good.
async fn create(context: &Context, config: &config::JetStream) -> Result<stream::Stream, PublishError> {
    let wanted = stream::Config {
        name: config.stream.clone(),
        subjects: config.subjects.clone(),
        storage: stream::StorageType::File,
        ..stream::Config::default()
    };
    match context.create_stream(wanted).await {
        Ok(stream) => Ok(stream),
        Err(error) => match error.kind() {
            CreateStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NAME_EXIST => {
                context.get_stream(&config.stream).await.map_err(|error| not_had(&config.stream, &error))
            }
            _ => Err(PublishError::lost(format_args!("stream {:?} cannot be created: {error}", config.stream))),
        },
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Why a stream cannot be had.
fn not_had(name: &str, error: &GetStreamError) -> PublishError {
    if is_missing(error) {
        let advice = "create it, or let the bridge do so by `jetstream.create`";
        return PublishError::lost(format_args!("stream {name:?} does not exist; {advice}"));
    }
    let no_responders = error.source().and_then(|source| source.downcast_ref::<jetstream::context::RequestError>());
    let no_responders =
        no_responders.is_some_and(|source| source.kind() == jetstream::context::RequestErrorKind::NoResponders);
    if no_responders {
        return PublishError::lost("the server has no JetStream, or not for this user");
    }
    match error.kind() {
        GetStreamErrorKind::JetStream(said) => PublishError::lost(format_args!("stream {name:?}: {said}")),
        _ => PublishError::lost(format_args!("stream {name:?}: {}", cause(error))),
    }
}
