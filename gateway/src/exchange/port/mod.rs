//! What edge and service links have in common: answers in both directions, and the near ends of streams.

mod spread;
mod streams;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use foldhash::fast::RandomState;
use net::Causes;
use proto::body::Body;
use proto::conn::{Event, Failure};
use proto::id::{PacketId, SessionId};
use transport::{Backing, Linger, LinkEnd};

use super::reply::{Answer, error_text};
use super::stream::FarEnd;
use super::text::encode;
use super::{Bodies, Command, Conn, Due, Exchange, Forward, Handle, Kind, ReplyTo, RouteError, Waiter};
use crate::metrics::{Direction, Outcome};
use crate::presence::{self, ClosedLink, Peer, Traffic, Transport, unix_time};
use crate::ways_in::Pass;

pub(crate) use spread::Publisher;

/// A link that seldom has more than this in flight holds no table for it while it has none.
const FEW: usize = 3;

/// Budgets of a link's peer (`limits` of the configuration).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes that may be un-answered before the link is read no further.
    pub(crate) unanswered: usize,
    /// Raw bytes of one stream that may be under way to its far end.
    pub(crate) stream: usize,
    /// Streams that may be open at once.
    pub(crate) streams: usize,
    /// What happens when more are.
    pub(crate) patience: Patience,
    /// Direction of what the peer sends.
    pub(crate) direction: Direction,
}

/// How a link deals with a stream whose far end takes less than its peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// An edge's link serves one device: it is not read until the far end has taken nothing for 5 s, or for 5 s at most while
    /// somebody waits for its answers; then the stream ends.
    Wait,
    /// A service's link serves all of its edges: it is slowed down, never stopped, until too much has piled up.
    Slow,
}

/// A request or message of the peer whose answer is still to come.
#[derive(Debug)]
struct Pending {
    kind: Kind,
    session: SessionId,
    cost: u32,
    since: Instant,
    /// Base64 text of the method, which error responses echo.
    key: Option<Arc<[u8]>>,
    /// The link that it went to, and under which id, for cancelling. None if bridges alone have it.
    target: Option<(Handle, PacketId)>,
    /// The message, if bridges have it: whoever has not sent it on when the peer is told an error does so no more.
    message: Option<Arc<bridges::Message>>,
    /// Targets whose answers are still to come. The peer is answered with the last one, or with the first error.
    left: u16,
    /// The peer has its answer; the rest of them is only waited for.
    answered: bool,
}

impl Pending {
    /// The peer is about to be told an error.
    fn give_up(&self) {
        if let Some(message) = &self.message {
            message.give_up();
        }
    }

    /// Answers it with an error of the gateway's own.
    fn fail(&self, conn: &mut Conn, packet: PacketId, error: RouteError) {
        self.give_up();
        match self.kind {
            Kind::Call => conn.respond(self.session, packet, error_text(self.key.as_deref(), error), self.cost),
            Kind::Message => conn.ack(self.session, packet, error.text(), self.cost),
        }
    }
}

/// The part of an endpoint that does not depend on which side it serves.
#[derive(Debug)]
pub(crate) struct Port {
    /// Where the peer is.
    pub(crate) peer: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) traffic: Traffic,
    /// What is to be remembered of a link that was online, from its going until its reason is known.
    farewell: Option<Box<ClosedLink>>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) handle: Handle,
    pub(crate) bodies: Bodies,
    bounds: Arc<Bounds>,
    /// The peer chooses these ids, and can make only its own link's table slow.
    pending: HashMap<PacketId, Pending, RandomState>,
    streams: BTreeMap<SessionId, FarEnd>,
    /// Reading pauses until this stream's far end has taken more, or until then.
    paused: Option<Box<(SessionId, Instant)>>,
    draining: bool,
    /// The link is left, at once or as soon as it is old enough for that: what its peer sends is answered with this.
    leaving: Option<RouteError>,
}

/// What a peer sent and where it goes: everything about a forward but its body.
pub(crate) struct Passage {
    pub(crate) kind: Kind,
    pub(crate) session: SessionId,
    pub(crate) packet: PacketId,
    pub(crate) cost: u32,
}

impl Port {
    pub(crate) fn new(exchange: Arc<Exchange>, handle: Handle, pass: &Pass, bounds: Arc<Bounds>) -> Self {
        Self {
            peer: pass.peer(),
            transport: pass.transport(),
            traffic: Traffic::default(),
            farewell: None,
            exchange,
            handle,
            bodies: Bodies::default(),
            bounds,
            pending: HashMap::default(),
            streams: BTreeMap::new(),
            paused: None,
            draining: false,
            leaving: None,
        }
    }

    // --- coming to an end

    /// The link has left the tables.
    pub(crate) fn gone(&mut self, peer: Peer, label: &[u8], since: i64) {
        let (addr, traffic) = (self.peer, self.traffic);
        let (label, until, reason) = (presence::label(label), unix_time(), Box::default());
        self.farewell = Some(Box::new(ClosedLink { peer, label, addr, since, until, traffic, reason }));
    }

    /// The link has left the tables for this reason, or ends for it. The first that is told counts.
    pub(crate) fn ended(&mut self, reason: impl Into<Box<str>>) {
        if let Some(farewell) = self.farewell.take() {
            self.exchange.closed.push(ClosedLink { reason: reason.into(), ..*farewell });
        }
    }

    /// Why a link ends, for whoever asks later.
    pub(crate) fn reason(&self, end: &LinkEnd) -> String {
        match self.leaving {
            Some(error) => error.text().to_owned(),
            None => Causes(end).to_string(),
        }
    }

    // --- calls and messages of the peer

    /// Why every request or message of the peer must be turned down at present: the link is about to be left, or the peer
    /// has more un-answered than it may, and reading goes on only because somebody waits for its answers.
    pub(crate) fn refusal(&self, conn: &Conn) -> Option<RouteError> {
        let over = conn.unanswered() > self.bounds.unanswered && conn.is_awaited();
        self.leaving.or(over.then_some(RouteError::Congested))
    }

    /// Answers a request or message of the peer on the spot.
    pub(crate) fn turn_down(
        &self,
        conn: &mut Conn,
        now: Instant,
        passage: &Passage,
        body: &Body<'_>,
        error: RouteError,
    ) {
        let took = super::now().saturating_duration_since(now);
        self.exchange.metrics.answered(passage.kind, self.bounds.direction, error.into(), took);
        match passage.kind {
            Kind::Call => {
                let text = error_text(Some(body.key.text()), error);
                conn.respond(passage.session, passage.packet, text, passage.cost);
            }
            Kind::Message => conn.ack(passage.session, passage.packet, error.text(), passage.cost),
        }
    }

    /// Sends a request or message of the peer on to session `session` of `target`, with `body` in its place.
    ///
    /// # Errors
    /// Why it could not be sent; nothing was answered then.
    #[allow(clippy::too_many_arguments, reason = "a forward is these things")]
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        passage: &Passage,
        body: &Body<'_>,
        due: Due,
        backing: Backing<'_>,
        target: &Handle,
        session: SessionId,
    ) -> Result<(), RouteError> {
        if self.pending.contains_key(&passage.packet) {
            return Err(RouteError::IdReused);
        }
        let text = encode(body, backing)?;
        let packet = target.packet();
        let waiter = Waiter::Reply(ReplyTo::new(&self.handle, passage.packet), due.error);
        let forward = Forward { kind: passage.kind, packet, session, text, due, waiter };
        let pending = Pending {
            kind: passage.kind,
            session: passage.session,
            cost: passage.cost,
            since: now,
            key: matches!(passage.kind, Kind::Call).then(|| self.bodies.key(&body.key)),
            target: Some((target.clone(), packet)),
            message: None,
            left: 1,
            answered: false,
        };
        self.pending.insert(passage.packet, pending);
        forward.send(target);
        Ok(())
    }

    /// A request or message inside a stream: to the far end, unchanged.
    pub(crate) fn forward_in_stream(
        &mut self,
        conn: &mut Conn,
        now: Instant,
        passage: &Passage,
        body: &Body<'_>,
        backing: Backing<'_>,
    ) {
        let Some((link, session)) = self.streams.get(&passage.session).map(|far| (far.link().clone(), far.session()))
        else {
            return self.turn_down(conn, now, passage, body, RouteError::ForceClosed);
        };
        let sent = Due::of(body, now).and_then(|due| {
            let body = Body { deadline: due.deadline, context_deadline: due.context, ..body.clone() };
            self.forward(now, passage, &body, due, backing, &link, session)
        });
        if let Err(error) = sent {
            self.turn_down(conn, now, passage, body, error);
        }
    }

    fn answer(&mut self, conn: &mut Conn, now: Instant, packet: PacketId, answer: Answer) {
        // Answered already, at the end of a drain.
        let Some(mut pending) = self.pending.remove(&packet) else { return };
        pending.left -= 1;
        let outcome = answer.outcome();
        if !pending.answered && (pending.left == 0 || outcome != Outcome::Ok) {
            pending.answered = true;
            if outcome != Outcome::Ok {
                pending.give_up();
            }
            self.count(&pending, now, outcome);
            match answer {
                Answer::Response { text, .. } => conn.respond(pending.session, packet, text, pending.cost),
                Answer::Ack(error) => {
                    conn.ack(pending.session, packet, error.as_deref().unwrap_or_default(), pending.cost);
                }
                Answer::Declined { error, .. } => conn.ack(pending.session, packet, &error, pending.cost),
                Answer::Failed(error) => pending.fail(conn, packet, error),
            }
        }
        if pending.left > 0 {
            self.pending.insert(packet, pending);
        } else if self.pending.is_empty() && self.pending.capacity() <= FEW {
            self.pending = HashMap::default();
        }
    }

    fn count(&self, pending: &Pending, now: Instant, outcome: Outcome) {
        let took = now.saturating_duration_since(pending.since);
        self.exchange.metrics.answered(pending.kind, self.bounds.direction, outcome, took);
    }

    // --- what happens on the link

    /// Handles what does not depend on the side. Requests, messages, registrations, offers and the handshake do.
    pub(crate) fn on_event(&mut self, conn: &mut Conn, now: Instant, event: Event<'_, Waiter>, backing: Backing<'_>) {
        match event {
            Event::Response { waiter, body } => on_response(waiter, &body, backing),
            Event::Acked { waiter, error } => {
                if let Waiter::Reply(reply, _) = waiter {
                    reply.ack(&error);
                }
            }
            Event::Failed { waiter, failure } => on_failure(waiter, failure),
            Event::Cancelled { packet, .. } => self.cancel(packet),
            Event::Opened { waiter, session } => self.on_opened(conn, now, waiter, session),
            Event::Data { session, data } => self.on_data(conn, now, session, data, backing),
            Event::DataEnd { session } => {
                if let Some(far) = self.streams.get(&session) {
                    far.end_data();
                }
            }
            Event::Sent { session, bytes } => {
                if let Some(far) = self.streams.get(&session) {
                    far.sent(bytes);
                }
            }
            Event::Overfull { .. } => self.on_overfull(),
            Event::Ended { session, error } => {
                if let Some(far) = self.streams.remove(&session) {
                    far.end_as_told(error);
                }
                self.unpause(session);
            }
            Event::Connect(_)
            | Event::Connected(_)
            | Event::Refused(_)
            | Event::Leaving
            | Event::Request { .. }
            | Event::Message { .. }
            | Event::Registered { .. }
            | Event::Offered { .. } => unreachable!("handled by the side, or a client's"),
        }
    }

    fn cancel(&mut self, packet: PacketId) {
        if let Some((target, packet)) = self.pending.get(&packet).and_then(|pending| pending.target.as_ref()) {
            // A target that is gone has answered by going.
            let _ = target.push(Command::Cancel(*packet));
        }
    }

    // --- commands

    /// Handles what does not depend on the side.
    pub(crate) fn on_command(&mut self, conn: &mut Conn, now: Instant, command: Command) {
        match command {
            Command::Forward(forward) if self.is_cut() => forward.waiter.fail(RouteError::ForceClosed),
            Command::Open { opener, .. } if self.is_cut() => opener.decline(RouteError::ForceClosed.text()),
            Command::Forward(Forward { kind, packet, session, text, due, waiter }) => match kind {
                Kind::Call => {
                    self.traffic.calls_out += 1;
                    conn.call(packet, session, text, due.at, waiter);
                }
                Kind::Message => {
                    self.traffic.messages_out += 1;
                    conn.publish(packet, session, text, due.at, waiter);
                }
            },
            Command::Cancel(packet) => self.give_up(conn, now, packet),
            Command::Answer { packet, answer } => self.answer(conn, now, packet, answer),
            Command::Open { opener, .. } if conn.session_count() >= self.bounds.streams => {
                self.on_overfull();
                opener.decline(RouteError::TooManyStreams.text());
            }
            Command::Open { packet, opener } => {
                conn.open_session(now, packet, proto::body::SessionData::default(), Waiter::Stream(opener));
            }
            Command::Joined { session, far } => self.on_joined(conn, now, session, far),
            Command::Declined { session, error } => conn.decline(now, session, &error),
            Command::Data { session, data } => {
                let len = data.len();
                if !conn.send_data(session, data)
                    && let Some(far) = self.streams.get(&session)
                {
                    far.sent(len);
                }
            }
            Command::DataEnd { session } => conn.end_data(now, session),
            Command::Drained { session, bytes } => self.on_drained(conn, now, session, bytes),
            Command::End { session, error } => {
                if let Some(far) = self.streams.remove(&session) {
                    far.has_ended();
                }
                self.unpause(session);
                conn.dismiss(now, session, &error);
            }
            Command::Drain => self.draining = true,
            Command::Leave => self.leave(conn, now, RouteError::ShuttingDown),
            Command::Displace { .. } => conn.abort(),
            // Told to all that are on their way in: a service waits for nothing there.
            Command::Proceed => {}
            Command::Hook(..) | Command::Turn(_) => unreachable!("only an edge's admission is told this"),
            Command::Report(_) | Command::Kick(_) => unreachable!("handled by the side"),
        }
        self.leave_if_drained(conn, now);
    }

    fn give_up(&mut self, conn: &mut Conn, now: Instant, packet: PacketId) {
        if let Some(Waiter::Reply(reply, _)) = conn.cancel(now, packet) {
            reply.fail(RouteError::Cancelled);
        }
    }

    // --- leaving

    /// While the gateway drains: leaves once nothing is in flight in either direction.
    pub(crate) fn leave_if_drained(&mut self, conn: &mut Conn, now: Instant) {
        if self.draining && self.pending.is_empty() && !conn.is_awaited() && self.streams.is_empty() {
            self.leaving = Some(RouteError::ShuttingDown);
            conn.leave(now);
        }
    }

    /// Answers what is in flight with `error`, as from now on whatever the peer still sends, and takes leave.
    fn leave(&mut self, conn: &mut Conn, now: Instant, error: RouteError) {
        let pending = std::mem::take(&mut self.pending);
        for (packet, pending) in pending.into_iter().filter(|(_, pending)| !pending.answered) {
            self.count(&pending, now, error.into());
            pending.fail(conn, packet, error);
        }
        self.leaving = Some(error);
        conn.leave(now);
    }

    /// The link is gone for everybody else, whatever its peer does until it has taken leave.
    pub(crate) fn cut(&mut self, conn: &mut Conn, now: Instant) {
        self.on_peer_closed(conn);
        self.leave(conn, now, RouteError::ForceClosed);
    }

    fn is_cut(&self) -> bool {
        self.leaving == Some(RouteError::ForceClosed)
    }

    /// The peer has closed its direction: nothing that needs it can be had any more. It still gets its answers, those to come
    /// and those that wait to be written.
    pub(crate) fn on_peer_closed(&mut self, conn: &mut Conn) -> Linger {
        conn.fail_awaited();
        self.streams.clear();
        self.paused = None;
        Linger::Yes
    }

    /// Whether the peer still has answers to get.
    pub(crate) fn owes_answers(&self) -> bool {
        !self.pending.is_empty()
    }

    // --- reading

    pub(crate) fn wants_read(&self, conn: &Conn) -> bool {
        let over = conn.unanswered() > self.bounds.unanswered && !conn.is_awaited();
        !over && self.paused.is_none()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.paused.as_ref().map(|paused| paused.1)
    }

    pub(crate) fn on_timeout(&mut self, conn: &mut Conn, now: Instant) {
        self.end_pause(conn, now);
    }
}

/// Nobody is left to hear the answers: whoever still works on a call may stop.
impl Drop for Port {
    fn drop(&mut self) {
        let now = super::now();
        for pending in self.pending.values().filter(|pending| !pending.answered) {
            self.count(pending, now, RouteError::Cancelled.into());
            if let (Kind::Call, Some((target, packet))) = (pending.kind, &pending.target) {
                // A target that is gone as well works on nothing.
                let _ = target.push(Command::Cancel(*packet));
            }
        }
    }
}

fn on_response(waiter: Waiter, body: &Body<'_>, backing: Backing<'_>) {
    match waiter {
        Waiter::Reply(reply, _) => {
            // A result with an error means only the error (checklist item 36).
            let plain = Body { key: body.key.clone(), error: body.error.clone(), ..Body::default() };
            let plain = if body.error.is_empty() { Body { value: body.value.clone(), ..plain } } else { plain };
            match encode(&plain, backing) {
                Ok(text) => reply.respond(body, text),
                Err(error) => reply.fail(error),
            }
        }
        Waiter::Hook(reply) if body.error.is_empty() => reply.answer(Ok(Bytes::from(body.value.decode()))),
        Waiter::Hook(reply) => reply.answer(Err(body.error.as_ref().into())),
        // The service has heard; the tenure ends here.
        Waiter::Offline(_) | Waiter::Stream(_) => {}
    }
}

fn on_failure(waiter: Waiter, failure: Failure) {
    match (waiter, failure) {
        (Waiter::Stream(opener), Failure::Declined(text)) => opener.decline_as_told(text),
        (Waiter::Reply(reply, on_expiry), Failure::Expired) => reply.fail(on_expiry),
        (waiter, Failure::Expired) => waiter.fail(RouteError::Timeout),
        (waiter, Failure::SessionEnded | Failure::Declined(_)) => waiter.fail(RouteError::ForceClosed),
    }
}
