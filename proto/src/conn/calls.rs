//! Calls, messages, registrations and their answers (§6).

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;

use super::awaiting::{Waiting, Wanted};
use super::transmit::{Data, Text, Transmit, cost, encoded};
use super::{Connection, Event, Failure, Timer};
use crate::body::{Body, RegisterAckData};
use crate::id::{PacketId, SessionId};
use crate::wire::{CANCELLED, Frame, FrameKind};

/// Messages on one session that may wait for their ack where the peer bounds its queues by itself (capability `credit`).
const OWN_WINDOW: u16 = 512;

/// What stands in for a reply that found no room (design: a reply always has room, if only as an error).
const CONGESTED: &[u8] = br#"{"error":"congested"}"#;

/// Answers what came on a session that is gone, or never was.
const NO_SESSION: &[u8] = br#"{"error":"force closed"}"#;

impl<W> Connection<W> {
    /// Calls a method of the peer: `text` is a request's body. `waiter` comes back in [`Event::Response`] or, at the latest
    /// at `deadline`, in [`Event::Failed`].
    pub fn call(&mut self, packet: PacketId, session: SessionId, text: Text, deadline: Instant, waiter: W) {
        if !self.is_usable(session) {
            self.released.calls += cost(text.len()) as usize;
            self.events.push_back(Event::Failed { waiter, failure: Failure::SessionEnded });
            return;
        }
        self.awaiting.insert(packet, Waiting { session, wanted: Wanted::Response, waiter });
        self.set_deadline(deadline, packet);
        self.send_on(session, Transmit::Data(Data { kind: FrameKind::Request, packet, session, text, settles: 0 }));
    }

    /// Publishes to the peer: `text` is a message's body. Messages of a session keep their order; above the window of
    /// un-acked ones they wait here. `waiter` comes back in [`Event::Acked`] or, at the latest at `deadline`, in
    /// [`Event::Failed`].
    pub fn publish(&mut self, packet: PacketId, session: SessionId, text: Text, deadline: Instant, waiter: W) {
        if !self.is_usable(session) {
            self.released.messages += cost(text.len()) as usize;
            self.events.push_back(Event::Failed { waiter, failure: Failure::SessionEnded });
            return;
        }
        self.awaiting.insert(packet, Waiting { session, wanted: Wanted::Window(text), waiter });
        self.set_deadline(deadline, packet);
        if let Some(state) = self.session_mut(session) {
            state.window.push_back(packet);
        }
        self.fill_window(session);
    }

    /// Sends waiting messages as far as the window of un-acked ones allows.
    pub(super) fn fill_window(&mut self, id: SessionId) {
        let limit = if self.caps.credit { OWN_WINDOW } else { self.settings.unacked_messages };
        loop {
            let Some(session) = self.session_mut(id) else { return };
            if session.unacked >= limit || !session.may_send() {
                return;
            }
            let Some(packet) = session.window.pop_front() else { return };
            let Some(waiting) = self.awaiting.get_mut(packet) else { continue };
            if let Wanted::Window(text) = std::mem::replace(&mut waiting.wanted, Wanted::Ack) {
                let data = Data { kind: FrameKind::Message, packet, session: id, text, settles: 0 };
                self.outbox.push(Transmit::Data(data));
                if let Some(session) = self.session_mut(id) {
                    session.unacked += 1;
                }
            }
        }
    }

    /// Offers a method to the peer. `waiter` comes back in [`Event::Acked`] or, at `deadline`, in [`Event::Failed`].
    pub fn register(&mut self, packet: PacketId, session: SessionId, method: &str, deadline: Instant, waiter: W) {
        if !self.is_usable(session) {
            self.events.push_back(Event::Failed { waiter, failure: Failure::SessionEnded });
            return;
        }
        self.awaiting.insert(packet, Waiting { session, wanted: Wanted::Registration, waiter });
        self.set_deadline(deadline, packet);
        self.send_on(session, encoded(packet, &Frame::Register(session, method.as_bytes()), false));
    }

    /// Answers a request; `settles` is the `cost` that came with it. A reply that finds no room among those that wait to be
    /// sent becomes a short error.
    pub fn respond(&mut self, session: SessionId, packet: PacketId, text: Text, settles: u32) {
        let full = self.replies > 0 && self.replies + cost(text.len()) as usize > self.settings.reply_bytes;
        let text = if full && text.len() > CONGESTED.len() { Text::Whole(Bytes::from_static(CONGESTED)) } else { text };
        self.reply(FrameKind::Response, session, packet, text, settles);
    }

    /// Answers a message; `settles` is the `cost` that came with it. An empty `error` accepts it.
    pub fn ack(&mut self, session: SessionId, packet: PacketId, error: &str, settles: u32) {
        let text = if error.is_empty() {
            Text::Whole(Bytes::from_static(b"{}"))
        } else {
            let mut text = Vec::with_capacity(error.len() + 16);
            Body { error: Cow::Borrowed(error), ..Body::default() }.encode(&mut text);
            Text::from(text)
        };
        self.reply(FrameKind::MessageAck, session, packet, text, settles);
    }

    fn reply(&mut self, kind: FrameKind, session: SessionId, packet: PacketId, text: Text, settles: u32) {
        self.replies += cost(text.len()) as usize;
        if !self.is_open() {
            self.account(kind, text.len(), settles);
            return;
        }
        self.send_on(session, Transmit::Data(Data { kind, packet, session, text, settles }));
        self.check_unread();
    }

    /// Gives up a call, message, registration or opening: its waiter comes back, a late answer is ignored. The peer is told
    /// of a call if it is known to survive that (§6.5); a session that it confirms all the same is dismissed.
    pub fn cancel(&mut self, now: Instant, packet: PacketId) -> Option<W> {
        let waiting = self.awaiting.remove(packet)?;
        match waiting.wanted {
            Wanted::Response if self.caps.cancel || self.cancels => {
                self.send_on(
                    waiting.session,
                    encoded(packet, &Frame::RequestCancel(waiting.session, CANCELLED), false),
                );
            }
            Wanted::Window(text) => self.released.messages += cost(text.len()) as usize,
            Wanted::Ack => self.note_overdue(waiting.session, packet),
            Wanted::Session => self.abandon(now, packet),
            Wanted::Response | Wanted::Registration => {}
        }
        Some(waiting.waiter)
    }

    /// Counts in a request or message of the peer. On a session that is gone it is answered here, with an error.
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        kind: FrameKind,
        session: SessionId,
        packet: PacketId,
        payload: usize,
    ) -> Option<u32> {
        let cost = cost(payload);
        self.unanswered += cost as usize;
        if self.hear(now, session) {
            return Some(cost);
        }
        self.reply(kind, session, packet, Text::Whole(Bytes::from_static(NO_SESSION)), cost);
        None
    }

    pub(super) fn handle_response<'a>(
        &mut self,
        session: SessionId,
        packet: PacketId,
        body: Body<'a>,
    ) -> Option<Event<'a, W>> {
        let now = self.last_heard;
        self.hear(now, session);
        let waiting = self.awaiting.answer(session, packet, |wanted| matches!(wanted, Wanted::Response))?;
        Some(Event::Response { waiter: waiting.waiter, body })
    }

    pub(super) fn handle_ack<'a>(
        &mut self,
        session: SessionId,
        packet: PacketId,
        error: Cow<'a, str>,
    ) -> Option<Event<'a, W>> {
        let now = self.last_heard;
        self.hear(now, session);
        let acked = |wanted: &Wanted| matches!(wanted, Wanted::Ack | Wanted::Registration);
        let Some(waiting) = self.awaiting.answer(session, packet, acked) else {
            self.settle_overdue(session, packet);
            return None;
        };
        if matches!(waiting.wanted, Wanted::Ack) {
            self.free_slot(session);
        }
        Some(Event::Acked { waiter: waiting.waiter, error })
    }

    pub(super) fn handle_register<'a>(
        &mut self,
        now: Instant,
        session: SessionId,
        packet: PacketId,
        method: &'a [u8],
    ) -> Option<Event<'a, W>> {
        if !self.hear(now, session) {
            return None;
        }
        self.outbox.urgent(packet, &Frame::RegisterAck(session, RegisterAckData::default()));
        Some(Event::Registered { session, method })
    }

    /// The deadline of something we sent has passed.
    pub(super) fn expire(&mut self, now: Instant, packet: PacketId) {
        let Some(waiting) = self.awaiting.remove(packet) else { return };
        match waiting.wanted {
            Wanted::Window(text) => {
                self.released.messages += cost(text.len()) as usize;
                self.drop_stale(waiting.session);
                self.advance_dismissal(now, waiting.session);
            }
            Wanted::Ack => self.note_overdue(waiting.session, packet),
            Wanted::Session => self.abandon(now, packet),
            Wanted::Response | Wanted::Registration => {}
        }
        self.events.push_back(Event::Failed { waiter: waiting.waiter, failure: Failure::Expired });
    }

    /// Takes messages that expired off the front of the window's queue; those behind are skipped when their turn comes.
    fn drop_stale(&mut self, id: SessionId) {
        let session = if id == SessionId::MAIN { Some(&mut self.main) } else { self.sessions.get_mut(&id) };
        let Some(session) = session else { return };
        while session.window.front().is_some_and(|packet| !self.awaiting.contains(*packet)) {
            session.window.pop_front();
        }
    }

    /// Nobody waits any more for the ack of a message that was sent.
    fn note_overdue(&mut self, id: SessionId, packet: PacketId) {
        if let Some(session) = self.session_mut(id) {
            session.overdue.push(packet);
        }
    }

    /// The ack of such a message has come after all.
    fn settle_overdue(&mut self, id: SessionId, packet: PacketId) {
        let Some(session) = self.session_mut(id) else { return };
        if let Some(at) = session.overdue.iter().position(|overdue| *overdue == packet) {
            session.overdue.swap_remove(at);
            self.free_slot(id);
        }
    }

    /// A message that was sent has got its ack.
    fn free_slot(&mut self, id: SessionId) {
        if let Some(session) = self.session_mut(id) {
            session.unacked = session.unacked.saturating_sub(1);
            self.fill_window(id);
            let now = self.last_heard;
            self.advance_dismissal(now, id);
        }
    }

    /// Deadlines of what has its answer stay until there are as many of them as of the others: a busy link's must not
    /// pile up until they ring.
    fn set_deadline(&mut self, at: Instant, packet: PacketId) {
        let live = self.awaiting.len() + 4 * self.sessions.len();
        if self.timers.is_stale(live) {
            let awaiting = &self.awaiting;
            self.timers.retain(|timer| match timer {
                Timer::Await(packet) => awaiting.contains(*packet),
                _ => true,
            });
        }
        self.timers.set(at, Timer::Await(packet));
    }
}

#[cfg(test)]
mod tests;
