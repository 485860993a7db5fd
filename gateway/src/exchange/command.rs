//! What other tasks ask of a link's task.

use bytes::Bytes;
use proto::conn::{Text, cost};
use proto::id::{PacketId, SessionId};
use std::borrow::Cow;
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot};
use transport::{Lane, Refused};

use super::reply::Answer;
use super::stream::{FarEnd, Opener};
use super::{Due, Handle, HookReply, Kind, ReplyTo, RouteError};
use crate::directory::Tenure;
use crate::presence::LinkReport;

/// A call or message on its way to a link.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) kind: Kind,
    /// Chosen by whoever queues it, so that it can be cancelled.
    pub(crate) packet: PacketId,
    pub(crate) session: SessionId,
    pub(crate) text: Text,
    pub(crate) due: Due,
    pub(crate) waiter: Waiter,
}

impl Forward {
    /// Queues this at `target`, in its lane. If that is full or the link is gone, whoever waits is told so.
    pub(crate) fn send(self, target: &Handle) {
        let lane = match self.kind {
            Kind::Call => Lane::Calls,
            Kind::Message => Lane::Messages,
        };
        let bytes = cost(self.text.len());
        let (command, error) = match target.try_push(lane, bytes, Command::Forward(self)) {
            Ok(()) => return,
            Err(Refused::Full(command)) => (command, RouteError::Congested),
            Err(Refused::Gone(command)) => (command, RouteError::ForceClosed),
        };
        if let Command::Forward(forward) = command {
            forward.waiter.fail(error);
        }
    }
}

/// What waits for the answer of a link's peer.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// Another link's call or message, and what to tell it if the deadline passes.
    Reply(ReplyTo, RouteError),
    /// An edge's admission.
    Hook(HookReply),
    /// The id of an edge that went: its successor may come once the service has heard so.
    Offline(#[allow(dead_code, reason = "held for its drop")] Tenure),
    /// Another link's stream.
    Stream(Opener),
}

impl Waiter {
    /// No answer will come from the peer.
    pub(crate) fn fail(self, error: RouteError) {
        match self {
            Waiter::Reply(reply, _) => reply.fail(error),
            Waiter::Hook(reply) => reply.fail(error),
            Waiter::Stream(opener) => opener.decline(error.text()),
            // The tenure ends with this.
            Waiter::Offline(_) => {}
        }
    }
}

/// What other tasks ask of a link's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send a call or message.
    Forward(Forward),
    /// Give up a call: its origin no longer wants the answer.
    Cancel(PacketId),
    /// Answer a call or message of this link's peer.
    Answer { packet: PacketId, answer: Answer },
    /// Open a stream to this link's peer.
    Open { packet: PacketId, opener: Opener },
    /// The stream that this link's peer asked for is there.
    Joined { session: SessionId, far: FarEnd },
    /// The stream that this link's peer asked for cannot be had.
    Declined { session: SessionId, error: Cow<'static, str> },
    /// Raw bytes from the far end of a stream.
    Data { session: SessionId, data: Bytes },
    /// The far end of a stream sends no more.
    DataEnd { session: SessionId },
    /// Raw bytes that this link's peer sent have left at the far end.
    Drained { session: SessionId, bytes: usize },
    /// The far end of a stream is gone.
    End { session: SessionId, error: Cow<'static, str> },
    /// A service has answered a hook of this edge's admission.
    Hook(super::HookStage, Result<Bytes, Box<str>>),
    /// Admissions are no longer held back.
    Proceed,
    /// The edge id that this link waits for is its own now.
    Turn(Tenure),
    /// A newcomer, from this address, has taken this link's id.
    Displace { by: SocketAddr },
    /// Say what this link is and has done, if it is online.
    Report(mpsc::UnboundedSender<Box<LinkReport>>),
    /// Be gone at once, and say so; if this link is not online it drops this.
    Kick(oneshot::Sender<()>),
    /// Leave as soon as nothing is in flight; at once if the handshake is not over.
    Drain,
    /// Leave now: what is in flight is answered with an error.
    Leave,
}
