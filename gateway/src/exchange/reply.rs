//! The way back: an answer reaches its origin exactly once.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use proto::body::{Base64, Body};
use proto::conn::Text;
use proto::id::PacketId;

use super::{Command, Handle, RouteError, now};
use crate::metrics::{Direction, Metrics, Outcome};

/// What waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Message,
}

#[derive(Debug)]
struct Origin {
    link: Handle,
    packet: PacketId,
    kind: Kind,
    /// Base64 text of the method, which error responses echo.
    key: Option<Arc<[u8]>>,
    since: Instant,
    direction: Direction,
    metrics: Arc<Metrics>,
}

/// Owes the origin of a call or message its answer. Dropping it without an answer answers `force closed`.
#[derive(Debug)]
pub(crate) struct ReplyTo(Option<Box<Origin>>);

impl ReplyTo {
    #[allow(clippy::too_many_arguments, reason = "each names a different thing, and it is built in one place")]
    pub(crate) fn new(
        link: &Handle,
        packet: PacketId,
        kind: Kind,
        key: Option<Arc<[u8]>>,
        since: Instant,
        direction: Direction,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let metrics = Arc::clone(metrics);
        let link = link.clone();
        Self(Some(Box::new(Origin { link, packet, kind, key, since, direction, metrics })))
    }

    /// Passes on the target's response.
    pub(crate) fn respond(mut self, now: Instant, body: &Body<'_>, text: Text) {
        if let Some(origin) = self.0.take() {
            let outcome = if body.error.is_empty() { Outcome::Ok } else { Outcome::Rejected };
            origin.answer(now, outcome, Answer::Response(text));
        }
    }

    /// Passes on the target's ack; an empty `error` accepts the message.
    pub(crate) fn ack(mut self, now: Instant, error: &str) {
        if let Some(origin) = self.0.take() {
            let outcome = if error.is_empty() { Outcome::Ok } else { Outcome::Rejected };
            let error = (!error.is_empty()).then(|| error.into());
            origin.answer(now, outcome, Answer::Ack(error));
        }
    }

    /// The origin gave up: it is answered all the same, as a call always is.
    pub(crate) fn cancelled(self, now: Instant) {
        self.fail(now, RouteError::Cancelled);
    }

    /// Answers with an error of the gateway's own.
    pub(crate) fn fail(mut self, now: Instant, error: RouteError) {
        if let Some(origin) = self.0.take() {
            origin.fail(now, error);
        }
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        if let Some(origin) = self.0.take() {
            origin.fail(now(), RouteError::ForceClosed);
        }
    }
}

impl Origin {
    fn fail(self, now: Instant, error: RouteError) {
        let answer = match self.kind {
            Kind::Call => Answer::Response(error_text(self.key.as_deref(), error)),
            Kind::Message => Answer::Ack(Some(error.text().into())),
        };
        self.answer(now, error.into(), answer);
    }

    fn answer(self, now: Instant, outcome: Outcome, answer: Answer) {
        let took = now.saturating_duration_since(self.since);
        self.metrics.answered(self.kind, self.direction, outcome, took);
        let command = Command::Answer { packet: self.packet, answer };
        // An origin that is gone needs no answer.
        let _ = self.link.push(command);
    }
}

/// An answer on its way to the origin's link.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Body of a response.
    Response(Text),
    /// Error of an ack; `None` accepts.
    Ack(Option<Box<str>>),
}

/// Body of an error response.
pub(crate) fn error_text(key: Option<&[u8]>, error: RouteError) -> Text {
    let key = key.and_then(Base64::from_text).unwrap_or_default();
    let body = Body { key, error: error.text().into(), ..Body::default() };
    let mut text = Vec::with_capacity(body.encoded_len());
    body.encode(&mut text);
    Text::Whole(Bytes::from(text))
}
