//! What a connection tells its owner.

use std::borrow::Cow;
use std::fmt;

use crate::body::{Body, SessionData};
use crate::id::{ClientId, PacketId, SessionId};
use crate::wire::{Conn, FrameKind, WireError};

/// Something that happened on a connection. `'a` borrows from the received bytes; `W` is what waits for replies.
#[derive(Debug)]
pub enum Event<'a, W> {
    /// Server: a client introduces itself. Answered by `Connection::accept` or `Connection::refuse`.
    Connect(Conn),
    /// Client: the server let us in, under this id.
    Connected(ClientId),
    /// Client: the server refused us, with this text.
    Refused(String),
    /// One side has begun to take leave: nothing can be asked of the peer any more, and nothing more will come.
    Leaving,
    /// The peer calls a method (`body.key`). Answered by `Connection::respond`, exactly once.
    Request {
        /// Where it came on.
        session: SessionId,
        /// Id for the response.
        packet: PacketId,
        /// Method, payload, custom bytes, deadlines.
        body: Body<'a>,
        /// Bytes that count as un-answered until the response leaves; handed back to `respond`.
        cost: u32,
    },
    /// The peer publishes. Answered by `Connection::ack`, exactly once.
    Message {
        /// Where it came on.
        session: SessionId,
        /// Id for the ack.
        packet: PacketId,
        /// Topic, payload, custom bytes, deadlines.
        body: Body<'a>,
        /// Bytes that count as un-answered until the ack leaves; handed back to `ack`.
        cost: u32,
    },
    /// The answer to a call of ours.
    Response {
        /// What the call was made with.
        waiter: W,
        /// Result or error.
        body: Body<'a>,
    },
    /// The answer to a message or registration of ours.
    Acked {
        /// What it was sent with.
        waiter: W,
        /// Empty = accepted.
        error: Cow<'a, str>,
    },
    /// A call, message, registration or opening of ours will not be answered.
    Failed {
        /// What it was sent with.
        waiter: W,
        /// Why.
        failure: Failure,
    },
    /// The peer no longer wants the answer to this request of its.
    Cancelled {
        /// Where the request came on.
        session: SessionId,
        /// The request's id.
        packet: PacketId,
    },
    /// The peer offers a method on this session. The ack is already under way.
    Registered {
        /// The method lives as long as this session.
        session: SessionId,
        /// Name of the method.
        method: &'a [u8],
    },
    /// The peer opens a session. Answered by `Connection::confirm` or `Connection::decline`.
    Offered {
        /// The session's id.
        session: SessionId,
        /// Meta and wanted counterpart.
        data: SessionData,
    },
    /// The peer asked for one session more than `Settings::max_sessions`. It is declined already.
    Overfull {
        /// The session's id.
        session: SessionId,
    },
    /// A session that we opened is there.
    Opened {
        /// What it was opened with.
        waiter: W,
        /// The session's id.
        session: SessionId,
    },
    /// Raw bytes.
    Data {
        /// The stream.
        session: SessionId,
        /// The bytes; may be empty.
        data: &'a [u8],
    },
    /// No more raw bytes follow, the other direction stays open (capability `fin`).
    DataEnd {
        /// The stream.
        session: SessionId,
    },
    /// Raw bytes of ours were handed to the socket.
    Sent {
        /// The stream.
        session: SessionId,
        /// How many.
        bytes: usize,
    },
    /// The session is gone: nothing more comes on it and nothing can be sent.
    Ended {
        /// The session.
        session: SessionId,
        /// The peer's reason, if it gave one (a Go peer never does).
        error: Option<Box<str>>,
    },
}

/// Why something that was sent gets no answer from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Its deadline passed.
    Expired,
    /// Its session ended.
    SessionEnded,
    /// The peer refused the session, with this text (capability `prompt`; other peers confirm and then dismiss).
    Declined(String),
}

/// Why a connection ended. Its text is for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer took its leave (DisConn).
    PeerLeft,
    /// We took our leave, and the peer confirmed or the grace time passed.
    WeLeft,
    /// The client was refused, or we were.
    Refused,
    /// The handshake did not finish in time.
    HandshakeTimeout,
    /// Nothing was heard from the peer for more than two heartbeat intervals.
    Idle,
    /// The peer does not read its answers.
    AnswersUnread,
    /// What came before any Conn is no frame: whoever it is does not speak our protocol.
    Foreign(WireError),
    /// The peer sent what no conforming peer sends.
    Malformed(WireError),
    /// The peer sent a frame where it is not allowed.
    Unexpected(FrameKind),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::PeerLeft => f.write_str("peer left"),
            CloseReason::WeLeft => f.write_str("closed by this side"),
            CloseReason::Refused => f.write_str("refused"),
            CloseReason::HandshakeTimeout => f.write_str("handshake timeout"),
            CloseReason::Idle => f.write_str("idle"),
            CloseReason::AnswersUnread => f.write_str("peer does not read its answers"),
            CloseReason::Foreign(error) => write!(f, "not our protocol: {error}"),
            CloseReason::Malformed(error) => write!(f, "malformed input: {error}"),
            CloseReason::Unexpected(kind) => write!(f, "unexpected {kind:?} frame"),
        }
    }
}
