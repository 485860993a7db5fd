//! The connection's own life: first frames, heartbeats, taking leave (§4).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CloseReason, Connection, Event, Failure, Role, Settings, Timer};
use crate::body::ConnData;
use crate::id::{ClientId, IdGenerator, PacketId};
use crate::wire::{Conn, ConnAck, Frame, WireError};

/// A Go client that is cut within about a second of its reconnect may never come back (quirk Q1).
const YOUNG: Duration = Duration::from_millis(1500);

/// An old Go client that is answered within microseconds of its Conn may not be listening yet, and then waits in vain for
/// 10 s (quirk Q34).
const BREATH: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Server: no Conn yet.
    AwaitConn { until: Instant },
    /// Server: the owner decides about the Conn with this id.
    Deciding { conn: PacketId, until: Instant },
    /// Client: Conn sent.
    AwaitAck { conn: PacketId, until: Instant },
    /// Both sides know each other.
    Open { since: Instant },
    /// One side has said DisConn.
    Leaving { until: Instant, ack_sent: bool, ack_received: bool, reason: Leave },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Peer,
    We,
    Refused,
    Idle,
}

impl Leave {
    fn reason(self) -> CloseReason {
        match self {
            Leave::Peer => CloseReason::PeerLeft,
            Leave::We => CloseReason::WeLeft,
            Leave::Refused => CloseReason::Refused,
            Leave::Idle => CloseReason::Idle,
        }
    }
}

impl<W> Connection<W> {
    /// The accepting end.
    #[must_use]
    pub fn server(now: Instant, settings: Arc<Settings>, ids: IdGenerator) -> Self {
        let until = now + settings.handshake;
        Self::new(Role::Server, Phase::AwaitConn { until }, now, settings, ids)
    }

    /// The dialing end. Its Conn, with `wanted` id (0 = none) and `meta`, is ready to be sent.
    #[must_use]
    pub fn client(
        now: Instant,
        settings: Arc<Settings>,
        mut ids: IdGenerator,
        wanted: ClientId,
        meta: Vec<u8>,
    ) -> Self {
        let packet = PacketId(ids.next());
        let until = now + settings.handshake;
        let data = ConnData { meta, error: String::new(), caps: settings.caps };
        let conn = Conn { acquire_id: true, heartbeat: settings.heartbeat, wanted, data };
        let mut connection = Self::new(Role::Client, Phase::AwaitAck { conn: packet, until }, now, settings, ids);
        connection.heartbeat_at = now + connection.heartbeat.interval();
        connection.send(packet, &Frame::Conn(conn));
        connection
    }

    /// Server: lets the client in, under an id that must not be 0.
    pub fn accept(&mut self, now: Instant, client: ClientId) {
        debug_assert!(!client.is_none(), "id 0 switches off a Go client's reconnect (Q10)");
        if let Phase::Deciding { conn, .. } = self.phase {
            let data = ConnData { caps: self.caps, ..ConnData::default() };
            // In front of the answers to what a client sends without waiting.
            self.outbox.urgent(conn, &Frame::ConnAck(ConnAck { client, data }));
            self.phase = Phase::Open { since: now };
            self.last_heard = now;
            self.heartbeat_at = now;
        }
    }

    /// Server: turns the client away. `error` reaches its application as it is; the id in a refusal is 0.
    pub fn refuse(&mut self, now: Instant, error: &str) {
        if let Phase::Deciding { conn, .. } = self.phase {
            let error = if error.is_empty() { "refused" } else { error };
            let data = ConnData { error: error.to_owned(), ..ConnData::default() };
            self.outbox.urgent(conn, &Frame::ConnAck(ConnAck { client: ClientId::default(), data }));
            self.start_leaving(now, Leave::Refused, false);
        }
    }

    /// Takes leave: what is queued is sent, then DisConn; the connection is closed when the peer has confirmed or after
    /// the grace time. Not sooner than 1.5 s after the client was let in (quirk Q1).
    pub fn leave(&mut self, now: Instant) {
        match self.phase {
            Phase::Open { since } if self.role == Role::Server && now < since + YOUNG => {
                self.timers.set(since + YOUNG, Timer::Leave);
            }
            Phase::Open { .. } => self.start_leaving(now, Leave::We, false),
            Phase::Deciding { .. } => self.refuse(now, "gateway is shutting down"),
            Phase::Leaving { .. } => {}
            Phase::AwaitConn { .. } | Phase::AwaitAck { .. } => self.close(CloseReason::WeLeft),
        }
    }

    /// Ends the connection at once and without a word; the owner then closes the socket.
    pub fn abort(&mut self) {
        self.close(CloseReason::WeLeft);
    }

    /// What came cannot be cut into frames: the connection is over.
    pub fn malformed(&mut self, error: WireError) {
        self.close(match self.phase {
            Phase::AwaitConn { .. } => CloseReason::Foreign(error),
            _ => CloseReason::Malformed(error),
        });
    }

    /// Nothing more will come from the peer: whoever waits for an answer of its is told so. Answers to it can still be sent.
    pub fn fail_awaited(&mut self) {
        for waiting in self.awaiting.drain() {
            self.events.push_back(Event::Failed { waiter: waiting.waiter, failure: Failure::SessionEnded });
        }
    }

    /// The owner stops reading: the peer's silence does not count until [`Connection::resume`].
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// The owner reads again.
    pub fn resume(&mut self, now: Instant) {
        self.paused = false;
        self.last_heard = now;
    }

    fn start_leaving(&mut self, now: Instant, reason: Leave, ack_sent: bool) {
        self.end_everything();
        self.events.push_back(Event::Leaving);
        let packet = self.fresh_packet();
        self.send(packet, &Frame::DisConn);
        let until = now + self.settings.close_grace;
        self.phase = Phase::Leaving { until, ack_sent, ack_received: false, reason };
    }

    /// Everything that waits for the peer fails, every session ends.
    pub(super) fn end_everything(&mut self) {
        self.fail_awaited();
        self.openings.clear();
        self.ready.clear();
        for session in std::mem::take(&mut self.sessions).into_keys() {
            self.events.push_back(Event::Ended { session, error: None });
        }
        self.silent = 0;
        self.main.end();
    }

    /// Frames before the connection is open, or after one side has begun to leave.
    pub(super) fn handle_unopened<'a>(
        &mut self,
        now: Instant,
        packet: PacketId,
        frame: Frame<'a>,
    ) -> Option<Event<'a, W>> {
        let kind = frame.kind();
        match (self.phase, frame) {
            (Phase::AwaitConn { until }, Frame::Conn(conn)) => {
                self.heartbeat = conn.heartbeat;
                self.caps = self.settings.caps.intersection(conn.data.caps);
                self.mute_until = (!self.caps.prompt).then_some(now + BREATH);
                self.phase = Phase::Deciding { conn: packet, until };
                return Some(Event::Connect(conn));
            }
            (Phase::AwaitAck { conn, .. }, Frame::ConnAck(ack)) if conn == packet => {
                return Some(self.handle_conn_ack(now, ack));
            }
            // An ack of something else is not for us: the handshake goes on until its limit (§3.3).
            (Phase::AwaitAck { .. }, Frame::ConnAck(_)) => {}
            (Phase::Leaving { .. }, frame) => self.handle_leaving(packet, &frame),
            (_, Frame::Conn(_) | Frame::ConnAck(_) | Frame::DisConn | Frame::DisConnAck(_)) => {
                self.close(CloseReason::Unexpected(kind));
            }
            // Data and heartbeats that come too early are ignored (§4.1).
            _ => {}
        }
        None
    }

    fn handle_conn_ack(&mut self, now: Instant, ack: ConnAck) -> Event<'static, W> {
        if ack.data.error.is_empty() {
            self.caps = self.settings.caps.intersection(ack.data.caps);
            self.phase = Phase::Open { since: now };
            Event::Connected(ack.client)
        } else {
            self.close(CloseReason::Refused);
            Event::Refused(ack.data.error)
        }
    }

    fn handle_leaving(&mut self, packet: PacketId, frame: &Frame<'_>) {
        let Phase::Leaving { ack_sent, ack_received, reason, .. } = &mut self.phase else { return };
        match frame {
            Frame::DisConn if !*ack_sent => {
                *ack_sent = true;
                self.outbox.urgent(packet, &Frame::DisConnAck(ConnData::default()));
            }
            Frame::DisConnAck(_) => *ack_received = true,
            // The peer may have sent more before it learned that we leave; it is discarded (§4.5).
            _ => {}
        }
        if *ack_sent && *ack_received {
            let reason = reason.reason();
            self.close(reason);
        }
    }

    /// Connection frames while the connection is open.
    pub(super) fn handle_link_frame(
        &mut self,
        now: Instant,
        packet: PacketId,
        frame: &Frame<'_>,
    ) -> Option<Event<'static, W>> {
        match (self.role, frame) {
            (Role::Server, Frame::Heartbeat) => {
                self.heartbeat_at = now;
                self.outbox.urgent(packet, &Frame::HeartbeatAck);
            }
            (_, Frame::DisConn) => {
                self.outbox.urgent(packet, &Frame::DisConnAck(ConnData::default()));
                self.start_leaving(now, Leave::Peer, true);
            }
            (Role::Server, Frame::Conn(_)) | (Role::Client, Frame::ConnAck(_)) => {
                self.close(CloseReason::Unexpected(frame.kind()));
            }
            (_, Frame::DisConnAck(_)) => self.close(CloseReason::Unexpected(frame.kind())),
            // HeartbeatAcks say that the peer lives, which was noted; the others mean nothing here (§4.1).
            _ => {}
        }
        None
    }

    pub(super) fn handle_link_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::AwaitConn { until } | Phase::Deciding { until, .. } | Phase::AwaitAck { until, .. } => {
                if now >= until {
                    self.close(CloseReason::HandshakeTimeout);
                }
            }
            Phase::Leaving { until, reason, .. } => {
                if now >= until {
                    self.close(reason.reason());
                }
            }
            Phase::Open { .. } => {
                if !self.paused && now >= self.last_heard + self.patience() {
                    self.start_leaving(now, Leave::Idle, false);
                } else if self.role == Role::Client && now >= self.heartbeat_at {
                    let packet = self.fresh_packet();
                    self.outbox.urgent(packet, &Frame::Heartbeat);
                    self.heartbeat_at = now + self.heartbeat.interval();
                }
            }
        }
    }

    pub(super) fn link_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::AwaitConn { until }
            | Phase::Deciding { until, .. }
            | Phase::AwaitAck { until, .. }
            | Phase::Leaving { until, .. } => Some(until),
            Phase::Open { .. } => {
                let idle = (!self.paused).then(|| self.last_heard + self.patience());
                let heartbeat = (self.role == Role::Client).then_some(self.heartbeat_at);
                idle.into_iter().chain(heartbeat).min()
            }
        }
    }

    /// How long the peer may be silent: two heartbeats and a quarter.
    fn patience(&self) -> Duration {
        self.heartbeat.interval() * 9 / 4
    }
}
