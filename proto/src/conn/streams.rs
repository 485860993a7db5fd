//! Raw bytes on sessions: order, pacing, credit and half-close (§6.6, §14.2; `docs/protocol.md`, "Extensions").

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::transmit::{Data, Text, Transmit};
use super::{Connection, Event, Timer};
use crate::id::SessionId;
use crate::wire::{Frame, FrameKind};

/// Towards a peer that drops what it cannot queue: that many frames, then a pause, in which bytes collect to larger
/// frames.
const PACE_FRAMES: u8 = 16;
const PACE_PAUSE: Duration = Duration::from_millis(2);

/// Writes below this size are joined, so that holding them takes no more than their bytes.
const JOIN_BELOW: usize = 4 * 1024;

/// What a session holds for its raw bytes.
#[derive(Debug)]
pub(super) struct Raw {
    /// To be sent, in order. Bounded by the owner, which learns from [`Event::Sent`] what has left.
    queue: VecDeque<Bytes>,
    /// Small writes behind the queue.
    tail: Vec<u8>,
    queued: usize,
    /// Where the peer grants credit: how much of it is left.
    credit: Option<u64>,
    /// Consumed bytes for which the peer has not been granted new credit.
    owed: u32,
    /// The owner will send no more: unsaid, said.
    end_wanted: bool,
    end_said: bool,
    /// In the queue of sessions that may send.
    ready: bool,
    pub(super) last_sent: Option<Instant>,
    /// Frames since the last pause, and whether one runs.
    frames: u8,
    pace_from: Option<Instant>,
    paced: bool,
}

impl Raw {
    pub(super) fn new(credit: Option<u64>) -> Self {
        Self {
            queue: VecDeque::new(),
            tail: Vec::new(),
            queued: 0,
            credit,
            owed: 0,
            end_wanted: false,
            end_said: false,
            ready: false,
            last_sent: None,
            frames: 0,
            pace_from: None,
            paced: false,
        }
    }

    /// Whether bytes or their end still have to be sent.
    pub(super) fn is_pending(&self) -> bool {
        self.queued > 0 || self.owes_end()
    }

    fn owes_end(&self) -> bool {
        self.end_wanted && !self.end_said
    }

    fn may_send(&self) -> bool {
        if self.paced {
            return false;
        }
        if self.queued > 0 { self.credit != Some(0) } else { self.owes_end() }
    }

    fn push(&mut self, data: Bytes) {
        self.queued += data.len();
        if data.len() < JOIN_BELOW {
            self.tail.extend_from_slice(&data);
        } else {
            self.seal();
            self.queue.push_back(data);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(Bytes::from(std::mem::take(&mut self.tail)));
        }
    }

    /// Drops what is queued, and the end behind it.
    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.tail = Vec::new();
        self.queued = 0;
        self.end_wanted = false;
    }

    /// Takes at most `limit` bytes off the queue.
    fn take(&mut self, limit: usize) -> Text {
        let limit = self.credit.map_or(limit, |credit| limit.min(usize::try_from(credit).unwrap_or(usize::MAX)));
        let mut parts = Vec::new();
        let mut left = limit;
        self.seal();
        while left > 0 {
            let Some(front) = self.queue.front_mut() else { break };
            let part = front.split_to(front.len().min(left));
            left -= part.len();
            if front.is_empty() {
                self.queue.pop_front();
            }
            parts.push(part);
        }
        let taken = limit - left;
        self.queued -= taken;
        if let Some(credit) = &mut self.credit {
            *credit -= taken as u64;
        }
        if parts.len() == 1 { Text::Whole(parts.remove(0)) } else { Text::Parts(parts) }
    }

    /// Counts a frame; whether a pause begins.
    fn pace(&mut self, now: Instant) -> bool {
        if self.pace_from.is_none_or(|from| now >= from + PACE_PAUSE) {
            self.pace_from = Some(now);
            self.frames = 0;
        }
        self.frames += 1;
        self.paced = self.frames >= PACE_FRAMES;
        self.paced
    }
}

impl<W> Connection<W> {
    pub(super) fn initial_credit(&self) -> Option<u64> {
        self.caps.credit.then_some(u64::from(self.settings.stream_window))
    }

    /// Queues raw bytes on a stream; [`Event::Sent`] tells when they have left. Bytes for a stream that can no longer be
    /// written to are dropped: `false`.
    pub fn send_data(&mut self, id: SessionId, data: Bytes) -> bool {
        let usable = self.is_usable(id);
        let Some(raw) = self.session_mut(id).and_then(|session| session.raw.as_mut()) else { return false };
        if !usable || raw.end_wanted {
            return false;
        }
        if !data.is_empty() {
            raw.push(data);
            self.make_ready(id);
        }
        true
    }

    /// Ends our direction of a stream behind everything queued, the other stays open. Towards a peer that does not know
    /// half-close the whole session is dismissed: the only end of bytes that it knows.
    pub fn end_data(&mut self, now: Instant, id: SessionId) {
        if !self.caps.fin {
            self.dismiss(now, id, "");
            return;
        }
        if let Some(raw) = self.session_mut(id).and_then(|session| session.raw.as_mut()) {
            raw.end_wanted = true;
            self.make_ready(id);
        }
    }

    /// The owner has consumed that many raw bytes of a stream: the peer may send as many more.
    pub fn grant(&mut self, id: SessionId, bytes: usize) {
        if !self.caps.credit {
            return;
        }
        let step = self.settings.stream_window / 4;
        let Some(raw) = self.session_mut(id).and_then(|session| session.raw.as_mut()) else { return };
        raw.owed = raw.owed.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if raw.owed >= step {
            let owed = std::mem::take(&mut raw.owed);
            let packet = self.fresh_packet();
            self.outbox.urgent(packet, &Frame::Credit(id, owed));
        }
    }

    /// Puts a stream into the queue of those that may send, if it may.
    pub(super) fn make_ready(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        let may_send = session.may_send();
        let Some(raw) = session.raw.as_mut() else { return };
        if may_send && raw.may_send() && !std::mem::replace(&mut raw.ready, true) {
            self.ready.push_back(id);
        }
    }

    /// The next frame of raw bytes, from the stream whose turn it is.
    pub(super) fn poll_stream(&mut self, now: Instant) -> Option<Transmit> {
        while let Some(id) = self.ready.pop_front() {
            if let Some(transmit) = self.take_data(now, id) {
                self.make_ready(id);
                self.advance_dismissal(now, id);
                return Some(transmit);
            }
        }
        None
    }

    fn take_data(&mut self, now: Instant, id: SessionId) -> Option<Transmit> {
        let chunk = self.settings.stream_chunk;
        let careful = !self.caps.credit;
        let packet = self.fresh_packet();
        let session = self.session_mut(id)?;
        let may_send = session.may_send();
        let raw = session.raw.as_mut()?;
        raw.ready = false;
        if !may_send || !raw.may_send() {
            return None;
        }
        if raw.queued == 0 {
            raw.end_said = true;
            return Some(super::encoded(packet, &Frame::StreamEnd(id), false));
        }
        let text = raw.take(chunk);
        raw.last_sent = Some(now);
        let pause = careful && raw.pace(now);
        if pause {
            self.timers.set(now + PACE_PAUSE, Timer::Pace(id));
        }
        self.events.push_back(Event::Sent { session: id, bytes: text.len() });
        Some(Transmit::Data(Data { kind: FrameKind::Stream, packet, session: id, text, settles: 0 }))
    }

    pub(super) fn unpace(&mut self, id: SessionId) {
        if let Some(raw) = self.session_mut(id).and_then(|session| session.raw.as_mut()) {
            raw.paced = false;
            raw.pace_from = None;
            self.make_ready(id);
        }
    }

    pub(super) fn handle_data<'a>(&mut self, now: Instant, id: SessionId, data: &'a [u8]) -> Option<Event<'a, W>> {
        self.hear(now, id).then_some(Event::Data { session: id, data })
    }

    pub(super) fn handle_data_end(&mut self, now: Instant, id: SessionId) -> Option<Event<'static, W>> {
        if !self.caps.fin {
            self.close(super::CloseReason::Unexpected(FrameKind::StreamEnd));
            return None;
        }
        self.hear(now, id).then_some(Event::DataEnd { session: id })
    }

    pub(super) fn handle_credit(&mut self, id: SessionId, bytes: u32) -> Option<Event<'static, W>> {
        if !self.caps.credit {
            self.close(super::CloseReason::Unexpected(FrameKind::Credit));
            return None;
        }
        let now = self.last_heard;
        self.hear(now, id);
        if let Some(credit) =
            self.session_mut(id).and_then(|session| session.raw.as_mut()).and_then(|raw| raw.credit.as_mut())
        {
            *credit = credit.saturating_add(u64::from(bytes));
            self.make_ready(id);
        }
        None
    }
}

#[cfg(test)]
mod tests;
