//! After a start edges come back sooner than services have registered their hooks: they are held back for a while, so that
//! they get the ids that a service gives them, and a service hears of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::now;
use crate::directory::Arrivals;

/// The time in which admissions wait for the first hook (`edgebound.hook_grace`).
#[derive(Debug)]
pub(crate) struct Grace {
    until: Instant,
    over: AtomicBool,
}

impl Grace {
    /// Begins now.
    pub(crate) fn new(length: Duration) -> Self {
        Self { until: now() + length, over: AtomicBool::new(length.is_zero()) }
    }

    /// Until when an edge that comes `now` is held back, unless a hook is there before.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        (now < self.until && !self.over.load(Ordering::Acquire)).then_some(self.until)
    }

    /// A service has registered a hook: those who are held back go on.
    pub(crate) fn end(&self, arrivals: &Arrivals) {
        // An edge that still sees the grace run has entered the arrivals before, and is told.
        if !self.over.swap(true, Ordering::AcqRel) {
            arrivals.proceed();
        }
    }
}
