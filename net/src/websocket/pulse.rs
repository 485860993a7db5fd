//! Pings while a peer sends nothing.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing; the task is woken when there may be something.
    Rest,
    /// The peer is pinged.
    Ping,
    /// It was pinged, and nothing has come since.
    Dead,
}

/// Looks at a steady pace whether anything has come.
///
/// Payload makes a ping unnecessary; a pong does not, so that there is something on the way at every look and proxies in
/// between do not take the connection for forgotten.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether anything has come since the last look, and payload in particular.
    heard: bool,
    payload: bool,
    pinged: bool,
}

impl Pulse {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, timer: Box::pin(sleep(every)), heard: true, payload: false, pinged: false }
    }

    /// Something has come from the peer, with payload in it or without.
    pub(super) fn heard(&mut self, payload: bool) {
        self.heard = true;
        self.payload |= payload;
    }

    /// To be asked only when everything that came is read: what lies unread may be a sign of life.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Beat {
        while self.timer.as_mut().poll(cx).is_ready() {
            self.timer.as_mut().reset(Instant::now() + self.every);
            let heard = std::mem::take(&mut self.heard);
            if self.pinged && !heard {
                return Beat::Dead;
            }
            self.pinged = !std::mem::take(&mut self.payload);
            if self.pinged {
                // Asked again, the timer wakes the task.
                cx.waker().wake_by_ref();
                return Beat::Ping;
            }
        }
        Beat::Rest
    }
}
