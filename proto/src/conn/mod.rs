//! One link's protocol state, for both roles: frames and time in; frames, events and one deadline out.
//!
//! [`Connection`] never looks at a clock and never waits. Its owner feeds it what was received
//! ([`Connection::handle_frame`]) and the time ([`Connection::handle_timeout`]), and takes from it what is to be sent
//! ([`Connection::poll_transmit`]), what happened ([`Connection::poll_event`]) and when it wants to be called again
//! ([`Connection::poll_timeout`]). Gateway and SDK run this same machine.
//!
//! | file | what is in it |
//! |---|---|
//! | `handshake.rs` | the first frames, heartbeats, taking leave |
//! | `sessions.rs` | opening, confirming, declining and dismissing sessions |
//! | `calls.rs` | calls, messages, registrations and their answers |
//! | `streams.rs` | raw bytes: order, pacing, credit, half-close |
//! | `awaiting.rs`, `timers.rs` | who waits for an answer, what happens when |

mod awaiting;
mod calls;
mod event;
mod handshake;
mod sessions;
mod settings;
mod streams;
mod timers;
mod transmit;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use self::awaiting::Awaiting;
use self::handshake::Phase;
use self::sessions::{Opening, Session};
use self::timers::{Timer, Timers};
use self::transmit::encoded;
use crate::body::{Body, Caps};
use crate::id::{IdGenerator, PacketId, SessionId};
use crate::wire::{Frame, FrameKind, Header, HeartbeatClass, WireError};

pub use self::event::{CloseReason, Event, Failure};
pub use self::settings::{STREAM_WINDOW, Settings};
pub use self::transmit::{Data, Outbox, Text, Transmit, cost};

/// Which end of the connection this is. Only the first frames, heartbeats and who chooses session ids differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Dialed, speaks first.
    Client,
    /// Accepted.
    Server,
}

/// Bytes of requests and of messages that left the connection's queues since the last look, by [`cost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Released {
    /// Of requests.
    pub calls: usize,
    /// Of messages.
    pub messages: usize,
}

/// The protocol state of one link. `W` is what waits for the answer to a call, message, registration or opening of ours;
/// it comes back in exactly one event, or is dropped with the connection.
#[derive(Debug)]
pub struct Connection<W> {
    settings: Arc<Settings>,
    role: Role,
    phase: Phase,
    closed: Option<Box<CloseReason>>,
    /// What both sides understand beyond the protocol.
    caps: Caps,
    /// Whether the peer has sent a RequestCancel, which proves that it survives one (§6.5).
    cancels: bool,
    heartbeat: HeartbeatClass,
    last_heard: Instant,
    /// Client: when the next heartbeat is due. Server: when the last one came, or the client was let in.
    heartbeat_at: Instant,
    /// Server: nothing is sent before that, not even the ConnAck (quirk Q34).
    mute_until: Option<Instant>,
    /// Whether the owner reads nothing at present: silence is then its own doing.
    paused: bool,
    ids: IdGenerator,
    outbox: Outbox,
    events: VecDeque<Event<'static, W>>,
    awaiting: Awaiting<W>,
    timers: Timers,
    main: Session,
    sessions: BTreeMap<SessionId, Session>,
    /// Openings that wait until the peer has shown a sign of life on earlier ones (§5.7).
    openings: VecDeque<Opening>,
    /// Sessions that we opened and that have shown no packet of the peer yet.
    silent: u16,
    /// Sessions with raw bytes that may be sent now; each has its turn.
    ready: VecDeque<SessionId>,
    unanswered: usize,
    replies: usize,
    released: Released,
}

impl<W> Connection<W> {
    fn new(role: Role, phase: Phase, now: Instant, settings: Arc<Settings>, ids: IdGenerator) -> Self {
        Self {
            heartbeat: settings.heartbeat,
            settings,
            role,
            phase,
            closed: None,
            caps: Caps::default(),
            cancels: false,
            last_heard: now,
            heartbeat_at: now,
            mute_until: None,
            paused: false,
            ids,
            outbox: Outbox::default(),
            events: VecDeque::new(),
            awaiting: Awaiting::default(),
            timers: Timers::default(),
            main: Session::main(),
            sessions: BTreeMap::new(),
            openings: VecDeque::new(),
            silent: 0,
            ready: VecDeque::new(),
            unanswered: 0,
            replies: 0,
            released: Released::default(),
        }
    }

    /// Takes in one frame. At most one event borrows from `payload` and is returned; further ones are in
    /// [`Connection::poll_event`].
    ///
    /// A frame that no conforming peer sends closes the connection: see [`Connection::closed`].
    pub fn handle_frame<'a>(&mut self, now: Instant, header: Header, payload: &'a [u8]) -> Option<Event<'a, W>> {
        if self.closed.is_some() {
            return None;
        }
        self.last_heard = now;
        let open = matches!(self.phase, Phase::Open { .. });
        if open && let Some((session, text)) = hot_body(header.kind, payload) {
            return match Body::scan(text) {
                Ok(body) => self.handle_body(now, header, session, body, payload.len()),
                Err(error) => {
                    self.close(CloseReason::Malformed(WireError::Body { kind: header.kind, error }));
                    None
                }
            };
        }
        match Frame::decode(header.kind, payload) {
            Ok(frame) if open => {
                let event = self.handle_open(now, header.packet, frame);
                self.check_unread();
                event
            }
            Ok(frame) => self.handle_unopened(now, header.packet, frame),
            Err(error) => {
                self.close(CloseReason::Malformed(error));
                None
            }
        }
    }

    /// A frame with a body: what a gateway is busy with all day.
    fn handle_body<'a>(
        &mut self,
        now: Instant,
        header: Header,
        session: SessionId,
        body: Body<'a>,
        len: usize,
    ) -> Option<Event<'a, W>> {
        let packet = header.packet;
        match header.kind {
            FrameKind::Request => {
                let cost = self.take_in(now, FrameKind::Response, session, packet, len)?;
                Some(Event::Request { session, packet, body, cost })
            }
            FrameKind::Message => {
                let cost = self.take_in(now, FrameKind::MessageAck, session, packet, len)?;
                Some(Event::Message { session, packet, body, cost })
            }
            FrameKind::Response => self.handle_response(session, packet, body),
            _ => self.handle_ack(session, packet, body.error),
        }
    }

    fn handle_open<'a>(&mut self, now: Instant, packet: PacketId, frame: Frame<'a>) -> Option<Event<'a, W>> {
        match frame {
            Frame::RegisterAck(session, data) => self.handle_ack(session, packet, data.error.into()),
            Frame::Stream(session, data) => self.handle_data(now, session, data),
            Frame::StreamEnd(session) => self.handle_data_end(now, session),
            Frame::Credit(session, bytes) => self.handle_credit(session, bytes),
            Frame::RequestCancel(session, _reason) => {
                self.cancels = true;
                Some(Event::Cancelled { session, packet })
            }
            Frame::Register(session, method) => self.handle_register(now, session, packet, method),
            Frame::Session(open) => self.handle_session(packet, open),
            Frame::SessionAck(ack) => self.handle_session_ack(now, packet, ack),
            Frame::Dismiss(session, data) => self.handle_dismiss(now, session, packet, data.error),
            Frame::DismissAck(session, _) => self.handle_dismiss_ack(session),
            frame @ (Frame::Conn(_)
            | Frame::ConnAck(_)
            | Frame::DisConn
            | Frame::DisConnAck(_)
            | Frame::Heartbeat
            | Frame::HeartbeatAck) => self.handle_link_frame(now, packet, &frame),
            Frame::Request(..) | Frame::Message(..) | Frame::Response(..) | Frame::MessageAck(..) => {
                unreachable!("frames with a body are handled apart")
            }
        }
    }

    /// Lets time pass: to be called at, or any time after, [`Connection::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        self.handle_link_timeout(now);
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Await(packet) => self.expire(now, packet),
                Timer::Settle(session) => self.settle(now, session),
                Timer::LateClose(session) => self.advance_dismissal(now, session),
                Timer::Flush(session) => self.give_up_bytes(now, session),
                Timer::Dismiss(session) => self.end_session(session),
                Timer::Pace(session) => self.unpace(session),
                Timer::Leave => self.leave(now),
            }
        }
    }

    /// When [`Connection::handle_timeout`] is to be called next. May be earlier than needed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            // Its last frames may still have to wait.
            return self.mute_until.filter(|_| self.has_transmit());
        }
        [self.link_timeout(), self.timers.next(), self.mute_until].into_iter().flatten().min()
    }

    /// The next frame to write: urgent ones first, then bodies in their order, then raw bytes, a stream at a time.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        if self.mute_until.is_some_and(|until| now < until) {
            return None;
        }
        self.mute_until = None;
        let transmit = match self.outbox.pop() {
            Some(transmit) => transmit,
            None => return self.poll_stream(now),
        };
        if let Transmit::Data(data) = &transmit {
            self.account(data.kind, data.text.len(), data.settles);
        }
        Some(transmit)
    }

    /// Whether [`Connection::poll_transmit`] has a frame.
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        !self.outbox.is_empty() || !self.ready.is_empty()
    }

    /// What happened, apart from what [`Connection::handle_frame`] returned.
    pub fn poll_event(&mut self) -> Option<Event<'static, W>> {
        self.events.pop_front()
    }

    /// Why the connection is over, once it is. Frames that are still to be sent may be sent, nothing else happens.
    #[must_use]
    pub fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_deref()
    }

    /// Whether the handshake is done and neither side has begun to leave.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. }) && self.closed.is_none()
    }

    /// Extensions that both sides understand.
    #[must_use]
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// Whether anyone waits for an answer of the peer.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.awaiting.is_empty()
    }

    /// Sessions that are open, opening or being dismissed, session 1 aside.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len() + self.openings.len()
    }

    /// Server: when the last heartbeat of the client came; when it was let in, if none has come.
    #[must_use]
    pub fn last_heartbeat(&self) -> Instant {
        debug_assert!(self.role == Role::Server, "a client is sent none");
        self.heartbeat_at
    }

    /// Bytes of the peer's requests and messages whose answers have not left yet, by [`cost`].
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Bytes of requests and messages that left the queues since the last call.
    pub fn take_released(&mut self) -> Released {
        std::mem::take(&mut self.released)
    }

    /// Exchanges the queue of outgoing frames for an empty one that brings its own room, so that an idle connection owns
    /// none. Only while [`Connection::has_transmit`] is false.
    pub fn swap_outbox(&mut self, outbox: &mut Outbox) {
        debug_assert!(self.outbox.is_empty() && outbox.is_empty(), "frames would change their place");
        std::mem::swap(&mut self.outbox, outbox);
    }

    /// Gives back memory that a burst left behind.
    pub fn shrink(&mut self) {
        self.awaiting.shrink();
        self.timers.shrink();
        self.events.shrink_to_fit();
        self.ready.shrink_to_fit();
        if self.sessions.is_empty() {
            self.openings.shrink_to_fit();
        }
    }

    fn fresh_packet(&mut self) -> PacketId {
        PacketId(self.ids.next())
    }

    fn send(&mut self, packet: PacketId, frame: &Frame<'_>) {
        self.outbox.push(encoded(packet, frame, false));
    }

    fn close(&mut self, reason: CloseReason) {
        if self.closed.is_none() {
            self.end_everything();
            self.closed = Some(Box::new(reason));
        }
    }

    /// A peer that asks and asks, and takes none of the answers, is cut before they fill the memory.
    fn check_unread(&mut self) {
        let limit = 4 * self.settings.reply_bytes + self.settings.max_payload as usize;
        if self.replies + self.outbox.encoded() > limit {
            self.close(CloseReason::AnswersUnread);
        }
    }

    /// Counts out a frame that leaves for the socket or is dropped.
    fn account(&mut self, kind: FrameKind, text_len: usize, settles: u32) {
        let bytes = cost(text_len) as usize;
        match kind {
            FrameKind::Request => self.released.calls += bytes,
            FrameKind::Message => self.released.messages += bytes,
            FrameKind::Response | FrameKind::MessageAck => {
                self.replies -= bytes;
                self.unanswered -= settles as usize;
            }
            _ => {}
        }
    }
}

/// Session and text of a frame with a body.
fn hot_body(kind: FrameKind, payload: &[u8]) -> Option<(SessionId, &[u8])> {
    let hot = matches!(kind, FrameKind::Request | FrameKind::Response | FrameKind::Message | FrameKind::MessageAck);
    let (session, text) = payload.split_first_chunk::<8>()?;
    hot.then_some((SessionId(u64::from_be_bytes(*session)), text))
}
