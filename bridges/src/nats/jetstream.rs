//! JetStream, which acknowledges each message once a stream has it.
//!
//! A message has the same id however often it is sent, so what arrives twice within the stream's window for doubles is stored once. The id
//! holds the bridge's name: two bridges may put one message into one stream, on two subjects.
//!
//! What a user may not publish has no acknowledgement; the server says so by a line of its own. The client holds back 128 of these and
//! drops some beyond. So of subjects on which nothing was acknowledged yet only so many messages are under way that none is dropped:
//! else who floods forbidden subjects would make the bridge wait for acknowledgements that never come. When the user loses a right to what
//! has passed before, the connection is given up, as in core NATS.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, Context, ErrorCode, stream};
use async_nats::{Message, PublishErrorKind, StatusCode};
use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::acks::{self, Flight, Flights};
use super::outgoing::Outgoing;
use super::proven::Proven;
use super::{Link, SETUP, cause, subject};
use crate::{Bridge, Confirmations, Outcome, PublishError, Record, Teller, Terms};

/// How long the stream may take to acknowledge anything, with messages under way.
const STALL: Duration = Duration::from_secs(10);

/// Messages under way on subjects on which none was acknowledged yet.
const UNPROVEN: usize = 100;

/// Messages without an acknowledgement.
const WINDOW: usize = 4_000;

/// A connection to a stream, and the task that takes acknowledgements, which ends with this.
#[derive(Debug)]
pub(super) struct JetStream {
    context: Context,
    stream: Arc<Stream>,
    /// The bridge's name.
    name: String,
    /// What the subjects of acknowledgements begin with.
    acks: String,
    /// For messages on subjects that are not among the proven ones.
    unproven: Arc<Semaphore>,
    task: JoinHandle<()>,
}

/// The stream, and the connection to it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) link: Link,
    pub(super) name: String,
    /// What it takes, as it was when the connection was made.
    subjects: Vec<String>,
    pub(super) flights: Flights,
    /// Subjects on which a message was acknowledged.
    pub(super) proven: Proven,
}

impl JetStream {
    /// Sees whether the stream is there, or creates it.
    pub(super) async fn new(link: Link, name: &str, config: &config::JetStream) -> Result<Self, PublishError> {
        let builder = ContextBuilder::new();
        let context = match &*config.domain {
            "" => builder.timeout(acks::ACK).build(link.client.clone()),
            domain => builder.domain(domain).timeout(acks::ACK).build(link.client.clone()),
        };
        let settled = timeout(SETUP, settle(&context, config)).await;
        let silence = "JetStream does not answer; the user must be allowed to ask it, and to subscribe to its inbox";
        let subjects = settled.map_err(|_| link.events.obstacle(silence))??;
        let inbox = link.client.new_inbox();
        let all = link.client.subscribe(format!("{inbox}.*")).await.map_err(|_| link.events.loss())?;
        let stream = Arc::new(Stream {
            link,
            name: config.stream.clone(),
            subjects,
            flights: Flights::default(),
            proven: Proven::default(),
        });
        let taking = Arc::clone(&stream);
        let task = tokio::spawn(async move { acks::run(&taking, all).await });
        let unproven = Arc::new(Semaphore::new(UNPROVEN));
        Ok(Self { context, stream, name: name.to_owned(), acks: inbox, unproven, task })
    }

    /// Hands one record over; `teller` hears of it once it was.
    async fn publish(&self, record: &Record, teller: &Teller<Outcome>, place: usize) -> Result<(), PublishError> {
        let Stream { link, name, flights, .. } = &*self.stream;
        let outgoing = Outgoing::new(record, &link.inbox)?;
        let id = format!("{}/{}", record.message.id, self.name);
        let Outgoing { subject, headers, payload } = outgoing.for_stream(name, id);
        let permit = match self.stream.proven.holds(&subject) {
            true => None,
            // Those who have one get it back with their outcome, which does not wait for this.
            false => Arc::clone(&self.unproven).acquire_owned().await.ok(),
        };
        record.claim()?;
        let refusals = link.events.refusals();
        let flight = Flight { teller: teller.clone(), place, subject: subject.clone(), refusals, permit };
        let number = flights.begin(flight);
        let reply = format!("{}.{number}", self.acks);
        let sent = link.client.publish_with_reply_and_headers(subject, reply, headers, payload).await;
        sent.map_err(|error| {
            flights.end(number);
            match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => PublishError::too_large(cause(&error)),
                PublishErrorKind::Send => link.events.loss(),
                _ => PublishError::refused(error),
            }
        })
    }
}

impl Drop for JetStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Bridge for JetStream {
    fn terms(&self) -> Terms {
        Terms { window: WINDOW, stall: STALL, ..Terms::default() }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        let (teller, confirmations) = Confirmations::told(|_, outcome| outcome);
        for (place, record) in records.iter().enumerate() {
            if let Err(error) = self.publish(record, &teller, place).await {
                teller.tell(place, Err(error));
            }
        }
        Ok(confirmations)
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
    /// What it means that this came in answer to a message on `subject`.
    pub(super) fn outcome(&self, subject: &str, answer: &Message) -> Outcome {
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(self.nobody_answers(subject));
        }
        // An error stands beside what an acknowledgement has. To find out by trying which of both it is costs several times as much.
        let may_be_error = answer.payload.windows(ERROR.len()).any(|part| part == ERROR);
        let read = match may_be_error {
            false => serde_json::from_slice(&answer.payload).map(Response::Ok),
            true => serde_json::from_slice::<Response<PublishAck>>(&answer.payload),
        };
        match read {
            Ok(Response::Ok(_)) => Ok(()),
            Ok(Response::Err { error }) => Err(self.refusal(subject, &error)),
            // The answer is none of JetStream's.
            Err(_) => Err(self.link.events.loss()),
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

/// What is in every answer that is no acknowledgement.
const ERROR: &[u8] = b"\"error\"";

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
