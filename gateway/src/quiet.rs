//! A log line that does not come too often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Distance of two lines about the same.
const DISTANCE: Duration = Duration::from_secs(10);

/// Decides when to write a line again.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    untold: u64,
}

impl Quiet {
    /// Asked for each time that there is something to tell: whether it may be, and if so, how many were not since the last
    /// one that was.
    pub(crate) fn may_tell(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.until.is_some_and(|until| now < until) {
            state.untold += 1;
            return None;
        }
        state.until = Some(now + DISTANCE);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_become_one_with_their_number() {
        let quiet = Quiet::default();
        assert_eq!(quiet.may_tell(), Some(0));
        for _ in 0..7 {
            assert_eq!(quiet.may_tell(), None);
        }
        tokio::time::advance(DISTANCE).await;
        assert_eq!(quiet.may_tell(), Some(7));
        assert_eq!(quiet.may_tell(), None);
    }
}
