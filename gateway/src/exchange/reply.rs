//! The way back: an answer reaches its origin exactly once.

use bytes::Bytes;
use proto::body::{Base64, Body};
use proto::conn::Text;
use proto::id::PacketId;

use super::{Command, Handle, RouteError};
use crate::metrics::Outcome;

/// What waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Message,
}

/// Owes the origin of a call or message its answer. Dropping it without an answer answers `force closed`.
///
/// It is made on one thread and used up on another with every call, so it holds the way back and nothing else: what else is
/// known of the call stays with its origin.
#[derive(Debug)]
pub(crate) struct ReplyTo {
    /// Until the answer is given.
    link: Option<Handle>,
    packet: PacketId,
}

impl ReplyTo {
    /// For what `link`'s peer has sent under the id `packet`.
    pub(crate) fn new(link: &Handle, packet: PacketId) -> Self {
        Self { link: Some(link.clone()), packet }
    }

    /// Passes on the target's response: `body`, encoded as `text`.
    pub(crate) fn respond(mut self, body: &Body<'_>, text: Text) {
        self.answer(Answer::Response { text, ok: body.error.is_empty() });
    }

    /// Passes on the target's ack; an empty `error` accepts the message.
    pub(crate) fn ack(mut self, error: &str) {
        self.answer(Answer::Ack((!error.is_empty()).then(|| error.into())));
    }

    /// The target did not take the message, for a reason in words of its own; `outcome` is what is counted.
    pub(crate) fn decline(mut self, outcome: Outcome, error: String) {
        self.answer(Answer::Declined { outcome, error: error.into() });
    }

    /// Answers with an error of the gateway's own.
    pub(crate) fn fail(mut self, error: RouteError) {
        self.answer(Answer::Failed(error));
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(link) = self.link.take() {
            // An origin that is gone needs no answer.
            let _ = link.push(Command::Answer { packet: self.packet, answer });
        }
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        self.answer(Answer::Failed(RouteError::ForceClosed));
    }
}

/// An answer on its way to the origin's link.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Body of a response, and whether it is a result rather than an error.
    Response { text: Text, ok: bool },
    /// Error of an ack; `None` accepts.
    Ack(Option<Box<str>>),
    /// A message was not taken, for this reason.
    Declined { outcome: Outcome, error: Box<str> },
    /// There is none from the target.
    Failed(RouteError),
}

impl Answer {
    /// What is counted.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Answer::Response { ok: true, .. } | Answer::Ack(None) => Outcome::Ok,
            Answer::Response { ok: false, .. } | Answer::Ack(Some(_)) => Outcome::Rejected,
            Answer::Declined { outcome, .. } => *outcome,
            Answer::Failed(error) => Outcome::from(*error),
        }
    }
}

/// Body of an error response.
pub(crate) fn error_text(key: Option<&[u8]>, error: RouteError) -> Text {
    let key = key.and_then(Base64::from_text).unwrap_or_default();
    let body = Body { key, error: error.text().into(), ..Body::default() };
    let mut text = Vec::with_capacity(body.encoded_len());
    body.encode(&mut text);
    Text::Whole(Bytes::from(text))
}
