//! Pings while a peer is silent.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing; the task is woken when there may be something.
    Rest,
    /// The peer has been silent: it is pinged.
    Ping,
    /// It was silent, was pinged, and is silent still.
    Dead,
}

/// Looks at a steady pace whether anything was heard.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Duration,
    timer: Pin<Box<Sleep>>,
    heard: bool,
    pinged: bool,
}

impl Pulse {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, timer: Box::pin(sleep(every)), heard: true, pinged: false }
    }

    /// Something came from the peer.
    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    /// To be asked only when everything that came is read: what lies unread may be a sign of life.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Beat {
        while self.timer.as_mut().poll(cx).is_ready() {
            self.timer.as_mut().reset(Instant::now() + self.every);
            match (std::mem::take(&mut self.heard), self.pinged) {
                (true, _) => self.pinged = false,
                (false, true) => return Beat::Dead,
                (false, false) => {
                    self.pinged = true;
                    // Asked again, the timer wakes the task.
                    cx.waker().wake_by_ref();
                    return Beat::Ping;
                }
            }
        }
        Beat::Rest
    }
}
