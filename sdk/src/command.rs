//! What the link's task is asked for, and what waits for the gateway's answers there.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use proto::conn::Text;
use proto::id::{PacketId, SessionId};
use tokio::sync::oneshot;
use transport::LinkHandle;

use crate::Error;
use crate::stream::{Pipe, Stream};

/// A way to the link's task.
pub(crate) type Link = LinkHandle<Command>;

/// Where the answer to a call, message or registration goes: empty bytes for the latter two.
pub(crate) type Answer = oneshot::Sender<Result<Bytes, Error>>;

#[derive(Debug)]
pub(crate) enum Command {
    /// Call a method.
    Call { packet: PacketId, session: SessionId, text: Text, deadline: Instant, answer: Answer },
    /// Publish a message; nobody waits for the ack if there is no `answer`.
    Publish { packet: PacketId, session: SessionId, text: Text, deadline: Instant, answer: Option<Answer> },
    /// Offer a method.
    Register { session: SessionId, method: Box<str>, deadline: Instant, answer: Answer },
    /// Nobody waits for this any more.
    Cancel(PacketId),
    /// A handler has finished.
    Respond { session: SessionId, packet: PacketId, text: Text },
    /// The application has decided about a message; an empty `error` accepts it.
    Ack { session: SessionId, packet: PacketId, error: String, cost: u32 },
    /// Open a stream to `peer`.
    Open { peer: Box<str>, opened: oneshot::Sender<Result<Stream, Error>> },
    /// The application takes a stream that it was offered.
    Accept { pipe: Arc<Pipe> },
    /// The application will not take a stream that it was offered.
    Decline { session: SessionId, error: &'static str },
    /// Send the raw bytes that were written to a stream.
    Data { session: SessionId },
    /// End this direction of a stream.
    EndData { session: SessionId },
    /// The application has read so many bytes of a stream.
    Consumed { session: SessionId, bytes: usize },
    /// End a stream; an empty `reason` is none.
    Dismiss { session: SessionId, reason: Box<str> },
    /// Take leave of the gateway.
    Leave,
}

/// What waits in the connection for an answer of the gateway.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// Somebody who called, published or registered.
    Answer(Answer),
    /// A method is being registered anew, before the link counts as online.
    Restored,
    /// A stream is being opened.
    Opened { peer: Box<str>, opened: oneshot::Sender<Result<Stream, Error>> },
    /// Nobody.
    Nobody,
}
