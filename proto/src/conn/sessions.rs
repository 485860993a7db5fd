//! Sessions: opening, confirming, declining, dismissing (§5).
//!
//! ```text
//!           we open: Opening ──ack──► Live ──dismissal, both acks──► gone
//!                       └─too late──► Abandoned ──ack──► dismissed at once
//!                                         └─no ack──► forgotten ──ack──► dismissed at once
//!         peer opens: Offered ──confirm / decline──► Live
//! ```

use std::collections::VecDeque;
use std::time::Instant;

use super::awaiting::{Waiting, Wanted};
use super::streams::Raw;
use super::transmit::{Transmit, encoded};
use super::{CloseReason, Connection, Event, Failure, Role, Timer};
use crate::body::SessionData;
use crate::id::{PacketId, SessionId};
use crate::wire::{Frame, FrameKind, Session as SessionFrame, SessionAck};

/// Reason of an end that came before the last bytes.
const UNTAKEN: &str = "the last bytes of the stream were not taken in time";

/// Reason that a peer is told which confirms a session for which nobody waits any more.
const TOO_LATE: &str = "opened too late";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// We asked for it with this packet.
    Opening(PacketId),
    /// We asked for it and gave up waiting.
    Abandoned,
    /// The peer asks for it, under this negotiate id, with this packet.
    Offered { negotiate: SessionId, packet: PacketId },
    /// Usable, until both dismissal acks are exchanged.
    Live,
}

/// The packets of a dismissal, each sent or received at most once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Dismissal {
    sent: bool,
    received: bool,
    ack_received: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) state: State,
    dismissal: Dismissal,
    /// The owner wants it gone once everything queued is sent.
    closing: bool,
    /// Why this side ends it, or why the peer did.
    error: Option<Box<str>>,
    /// We opened it and have seen no packet of the peer on it.
    silent: bool,
    /// The first packet waits for the opener's, or for the settle time (§5.6).
    settling: bool,
    held: Vec<Transmit>,
    /// Messages sent and not acked.
    pub(super) unacked: u16,
    /// Those of them that nobody waits for any more. They keep their place in the window: the peer still holds them.
    pub(super) overdue: Vec<PacketId>,
    /// Messages that wait for room in the window.
    pub(super) window: VecDeque<PacketId>,
    /// Raw bytes; session 1 has none.
    pub(super) raw: Option<Box<Raw>>,
}

/// An opening that has not been sent yet.
#[derive(Debug)]
pub(super) struct Opening {
    packet: PacketId,
    data: SessionData,
}

impl Session {
    fn new(state: State) -> Self {
        Self {
            state,
            dismissal: Dismissal::default(),
            closing: false,
            error: None,
            silent: false,
            settling: false,
            held: Vec::new(),
            unacked: 0,
            overdue: Vec::new(),
            window: VecDeque::new(),
            raw: None,
        }
    }

    /// Session 1, which exists without being opened.
    pub(super) fn main() -> Self {
        Self::new(State::Live)
    }

    pub(super) fn end(&mut self) {
        self.state = State::Abandoned;
        self.window = VecDeque::new();
    }

    /// Whether the owner may still send on it.
    pub(super) fn is_usable(&self) -> bool {
        self.state == State::Live && !self.closing && !self.dismissal.sent && !self.dismissal.received
    }

    /// Whether what the peer sends on it is delivered: until both acks of a dismissal are exchanged (§5.5).
    pub(super) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    /// Whether raw bytes and messages may leave now.
    pub(super) fn may_send(&self) -> bool {
        self.state == State::Live && !self.settling && !self.dismissal.sent && !self.dismissal.received
    }
}

impl<W> Connection<W> {
    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        if id == SessionId::MAIN { Some(&self.main) } else { self.sessions.get(&id) }
    }

    pub(super) fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        if id == SessionId::MAIN { Some(&mut self.main) } else { self.sessions.get_mut(&id) }
    }

    /// Whether the owner may send on this session.
    #[must_use]
    pub fn is_usable(&self, session: SessionId) -> bool {
        self.is_open() && self.session(session).is_some_and(Session::is_usable)
    }

    /// Asks the peer for a session. `waiter` comes back in [`Event::Opened`] or [`Event::Failed`], within
    /// `Settings::open`.
    pub fn open_session(&mut self, now: Instant, packet: PacketId, data: SessionData, waiter: W) {
        if !self.is_open() {
            self.events.push_back(Event::Failed { waiter, failure: Failure::SessionEnded });
            return;
        }
        self.awaiting.insert(packet, Waiting { session: SessionId::default(), wanted: Wanted::Session, waiter });
        self.timers.set(now + self.settings.open, Timer::Await(packet));
        self.openings.push_back(Opening { packet, data });
        self.advance_openings();
    }

    /// Sends openings as far as the peer's accept queue surely has room for them (§5.7).
    fn advance_openings(&mut self) {
        while self.caps.prompt || self.silent < self.settings.silent_sessions {
            let Some(Opening { packet, data }) = self.openings.pop_front() else { return };
            if self.awaiting.get_mut(packet).is_none() {
                continue; // nobody waits for it any more
            }
            let id = SessionId(self.ids.next());
            let mut session = Session::new(State::Opening(packet));
            session.silent = true;
            self.silent += 1;
            self.sessions.insert(id, session);
            let acquire_id = self.role == Role::Client;
            self.send(packet, &Frame::Session(SessionFrame { acquire_id, negotiate: id, data }));
        }
    }

    /// Nobody waits any more for a session that we have asked for, or were about to.
    pub(super) fn abandon(&mut self, now: Instant, packet: PacketId) {
        // Those behind the front are skipped when their turn comes.
        while self.openings.front().is_some_and(|opening| !self.awaiting.contains(opening.packet)) {
            self.openings.pop_front();
        }
        let opening = |session: &Session| session.state == State::Opening(packet);
        if let Some((id, session)) = self.sessions.iter_mut().find(|(_, session)| opening(session)) {
            session.state = State::Abandoned;
            self.timers.set(now + self.settings.dismiss, Timer::Dismiss(*id));
        }
    }

    pub(super) fn handle_session(&mut self, packet: PacketId, open: SessionFrame) -> Option<Event<'static, W>> {
        let id = if open.acquire_id { SessionId(self.ids.next()) } else { open.negotiate };
        // Those that are refused take room until their dismissal is over.
        let overfull = self.sessions.len() >= 2 * self.settings.max_sessions;
        if id.0 <= SessionId::MAIN.0 || self.sessions.contains_key(&id) || overfull {
            self.close(CloseReason::Unexpected(FrameKind::Session));
            return None;
        }
        let full = self.sessions.len() >= self.settings.max_sessions;
        self.sessions.insert(id, Session::new(State::Offered { negotiate: open.negotiate, packet }));
        if full {
            let now = self.last_heard;
            self.decline(now, id, "too many streams on this link");
            return Some(Event::Overfull { session: id });
        }
        Some(Event::Offered { session: id, data: open.data })
    }

    /// Confirms a session that the peer asked for. `meta` becomes the opener's stream meta: its own, or none.
    pub fn confirm(&mut self, now: Instant, session: SessionId, meta: Vec<u8>) {
        self.answer_offer(now, session, SessionData { meta, ..SessionData::default() });
    }

    /// Turns down a session that the peer asked for: acked, then, after the settle time, dismissed, which is the only
    /// refusal that a Go client understands (§5.4).
    pub fn decline(&mut self, now: Instant, session: SessionId, error: &str) {
        let data = SessionData { error: error.to_owned(), ..SessionData::default() };
        self.answer_offer(now, session, data);
        if self.caps.prompt {
            self.sessions.remove(&session);
        } else {
            self.dismiss(now, session, error);
        }
    }

    fn answer_offer(&mut self, now: Instant, id: SessionId, data: SessionData) {
        let wait = self.role == Role::Server && !self.caps.prompt;
        let credit = self.initial_credit();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let State::Offered { negotiate, packet } = session.state else { return };
        session.state = State::Live;
        session.raw = Some(Box::new(Raw::new(credit)));
        let ack = Frame::SessionAck(SessionAck { negotiate, session: id, data });
        self.outbox.push(encoded(packet, &ack, wait));
        if wait {
            session.settling = true;
            self.timers.set(now + self.settings.settle, Timer::Settle(id));
        }
    }

    pub(super) fn handle_session_ack(
        &mut self,
        now: Instant,
        packet: PacketId,
        ack: SessionAck,
    ) -> Option<Event<'static, W>> {
        let credit = self.initial_credit();
        let Some(opened) = self.sessions.get_mut(&ack.negotiate) else {
            self.dismiss_forgotten(now, &ack);
            return None;
        };
        match opened.state {
            State::Opening(own) if own == packet => {}
            State::Abandoned => {
                opened.state = State::Live;
                if self.rekey(ack.negotiate, ack.session) {
                    self.dismiss(now, ack.session, TOO_LATE);
                } else {
                    self.close(CloseReason::Unexpected(FrameKind::SessionAck));
                }
                return None;
            }
            _ => return None,
        }
        opened.state = State::Live;
        opened.raw = Some(Box::new(Raw::new(credit)));
        let waiter = self.awaiting.remove(packet)?.waiter;
        if self.caps.prompt && !ack.data.error.is_empty() {
            self.forget(ack.negotiate);
            return Some(Event::Failed { waiter, failure: Failure::Declined(ack.data.error) });
        }
        if !self.rekey(ack.negotiate, ack.session) {
            self.close(CloseReason::Unexpected(FrameKind::SessionAck));
            return None;
        }
        Some(Event::Opened { waiter, session: ack.session })
    }

    /// The peer confirms a session that we have forgotten since we asked: it believes in it now and would keep it for as
    /// long as the link lasts.
    fn dismiss_forgotten(&mut self, now: Instant, ack: &SessionAck) {
        let declined = self.caps.prompt && !ack.data.error.is_empty();
        let full = self.sessions.len() >= 2 * self.settings.max_sessions;
        if declined || full || ack.session.0 <= SessionId::MAIN.0 || self.sessions.contains_key(&ack.session) {
            return;
        }
        self.sessions.insert(ack.session, Session::new(State::Live));
        self.dismiss(now, ack.session, TOO_LATE);
    }

    /// Gives an opened session the id that the ack names.
    fn rekey(&mut self, negotiate: SessionId, id: SessionId) -> bool {
        if negotiate == id {
            return true;
        }
        if id.0 <= SessionId::MAIN.0 || self.sessions.contains_key(&id) {
            return false;
        }
        let session = self.sessions.remove(&negotiate).expect("looked up by the caller");
        self.sessions.insert(id, session);
        true
    }

    /// The peer has sent a packet on this session: it knows the session, so nothing needs to be held back any more.
    /// Whether the packet is to be delivered.
    pub(super) fn hear(&mut self, now: Instant, id: SessionId) -> bool {
        let Some(session) = self.session_mut(id) else { return false };
        let live = session.is_live();
        if std::mem::take(&mut session.silent) {
            self.silent -= 1;
            self.advance_openings();
        }
        self.settle(now, id);
        live
    }

    pub(super) fn settle(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        if std::mem::take(&mut session.settling) {
            for transmit in std::mem::take(&mut session.held) {
                self.outbox.push(transmit);
            }
            self.fill_window(id);
            self.make_ready(id);
            self.advance_dismissal(now, id);
        }
    }

    /// Queues a frame of a session, behind the settle time if that runs.
    pub(super) fn send_on(&mut self, id: SessionId, transmit: Transmit) {
        match self.session_mut(id) {
            Some(session) if session.settling => session.held.push(transmit),
            _ => self.outbox.push(transmit),
        }
    }

    /// Ends a session once everything queued on it is sent; once the peer has taken no raw bytes for `Settings::dismiss`, the
    /// rest of them is dropped, which becomes the reason of the end. [`Event::Ended`] follows. `error` says why, or is empty; our own peers are told.
    pub fn dismiss(&mut self, now: Instant, id: SessionId, error: &str) {
        if !self.is_open() {
            return; // no session is left, or there is none yet
        }
        let patience = self.settings.dismiss;
        let Some(session) = self.session_mut(id) else { return };
        let first = !std::mem::replace(&mut session.closing, true);
        let raw_left = session.raw.as_ref().is_some_and(|raw| raw.is_pending());
        if !error.is_empty() {
            session.error = Some(error.into());
        }
        if first && raw_left {
            self.timers.set(now + patience, Timer::Flush(id));
        }
        self.advance_dismissal(now, id);
    }

    /// A session that is to be dismissed still has raw bytes. If none of them have left lately it ends without them, and the
    /// peer is told so: a stream that lacks its end must not look complete.
    pub(super) fn give_up_bytes(&mut self, now: Instant, id: SessionId) {
        let patience = self.settings.dismiss;
        let Some(session) = self.session_mut(id) else { return };
        if !session.dismissal.sent
            && let Some(raw) = session.raw.as_mut().filter(|raw| raw.is_pending())
        {
            if let Some(due) = raw.last_sent.map(|last| last + patience).filter(|due| *due > now) {
                self.timers.set(due, Timer::Flush(id));
                return;
            }
            raw.clear();
            session.error.get_or_insert_with(|| UNTAKEN.into());
        }
        self.advance_dismissal(now, id);
    }

    /// Sends our Dismiss if everything before it is out and the reader has had time for it (§14.2).
    pub(super) fn advance_dismissal(&mut self, now: Instant, id: SessionId) {
        let late = if self.caps.credit { std::time::Duration::ZERO } else { self.settings.late_close };
        let patience = self.settings.dismiss;
        let Some(session) = self.session_mut(id) else { return };
        let raw_left = session.raw.as_ref().is_some_and(|raw| raw.is_pending());
        let due = session.closing && session.is_live() && !session.dismissal.sent;
        if !due || session.settling || raw_left || !session.window.is_empty() {
            return;
        }
        if let Some(last) = session.raw.as_ref().and_then(|raw| raw.last_sent)
            && now < last + late
        {
            self.timers.set(last + late, Timer::LateClose(id));
            return;
        }
        session.dismissal.sent = true;
        let error = session.error.take().map(String::from).unwrap_or_default();
        let packet = self.fresh_packet();
        self.send(packet, &Frame::Dismiss(id, SessionData { error, ..SessionData::default() }));
        self.timers.set(now + patience, Timer::Dismiss(id));
    }

    pub(super) fn handle_dismiss(
        &mut self,
        now: Instant,
        id: SessionId,
        packet: PacketId,
        error: String,
    ) -> Option<Event<'static, W>> {
        self.hear(now, id);
        self.send(packet, &Frame::DismissAck(id, SessionData::default()));
        let Some(session) = self.session_mut(id) else {
            // Completes the 4-way of a Go peer whose session we have forgotten, which spares it 30 s. Only servers do it:
            // two ends that both did would never stop.
            if self.role == Role::Server {
                let own = self.fresh_packet();
                self.send(own, &Frame::Dismiss(id, SessionData::default()));
            }
            return None;
        };
        let first = !std::mem::replace(&mut session.dismissal.received, true);
        session.raw = None;
        if !error.is_empty() {
            session.error = Some(error.into());
        }
        if !std::mem::replace(&mut session.dismissal.sent, true) {
            let own = self.fresh_packet();
            self.send(own, &Frame::Dismiss(id, SessionData::default()));
        }
        if first {
            self.timers.set(now + self.settings.dismiss, Timer::Dismiss(id));
        }
        self.end_if_dismissed(id);
        None
    }

    pub(super) fn handle_dismiss_ack(&mut self, id: SessionId) -> Option<Event<'static, W>> {
        let session = self.session_mut(id)?;
        if session.dismissal.sent {
            session.dismissal.ack_received = true;
            self.end_if_dismissed(id);
        }
        None
    }

    fn end_if_dismissed(&mut self, id: SessionId) {
        let done = self.session(id).is_some_and(|session| session.dismissal.received && session.dismissal.ack_received);
        if done {
            self.end_session(id);
        }
    }

    /// The session is over: whoever waits on it is told, and so is the owner.
    pub(super) fn end_session(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        let told = session.is_live();
        for waiting in self.awaiting.drain_session(id) {
            if let Wanted::Window(text) = &waiting.wanted {
                self.released.messages += super::cost(text.len()) as usize;
            }
            self.events.push_back(Event::Failed { waiter: waiting.waiter, failure: Failure::SessionEnded });
        }
        let error = self.session_mut(id).and_then(|session| session.error.take());
        self.forget(id);
        if told {
            self.events.push_back(Event::Ended { session: id, error });
        }
    }

    fn forget(&mut self, id: SessionId) {
        if id == SessionId::MAIN {
            self.main.end();
        } else if let Some(session) = self.sessions.remove(&id) {
            for transmit in session.held {
                if let Transmit::Data(data) = transmit {
                    self.account(data.kind, data.text.len(), data.settles);
                }
            }
            if session.silent {
                self.silent -= 1;
                self.advance_openings();
            }
        }
    }
}
