//! What is to happen when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::id::{PacketId, SessionId};

/// Something with a time. Whether it still matters is looked up when the time comes, so nothing has to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The answer to a packet is overdue.
    Await(PacketId),
    /// A session may be used although its opener has not spoken.
    Settle(SessionId),
    /// A stream's reader has had time to read the last bytes.
    LateClose(SessionId),
    /// The bytes before a dismissal have had their time.
    Flush(SessionId),
    /// The rest of a dismissal, or an abandoned opening, is overdue.
    Dismiss(SessionId),
    /// A stream may send again.
    Pace(SessionId),
    /// The connection is old enough to be left.
    Leave,
}

#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }

    /// Whether entries whose matter is settled make up most of this, given the number of those that may matter.
    pub(super) fn is_stale(&self, live: usize) -> bool {
        self.0.len() > 64 + 2 * live
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Timer) -> bool) {
        self.0.retain(|Reverse((_, timer))| keep(timer));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}
