//! Waiting for what must come.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that should come at once, before it gives up. Generous, since a busy machine is
/// no fault; shorter than the gateway's own 30 s, so that a hang is not mistaken for an answer.
pub const PATIENCE: Duration = Duration::from_secs(25);

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Asks again and again until `look` gives a value.
///
/// # Panics
/// When [`PATIENCE`] is over; `what` says what never came.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// [`eventually`] with a patience of its own.
///
/// # Panics
/// When `patience` is over; `what` says what never came.
#[track_caller]
pub fn eventually_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {patience:?} in vain: {what}");
        thread::sleep(BETWEEN_LOOKS);
    }
}
