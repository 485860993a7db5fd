//! How long to wait before the next try.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waits that double from `first` to `most`, each shortened by up to half at random, so that many do not try in step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    random: u64,
}

impl Backoff {
    /// With randomness of its own.
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, random: RandomState::new().hash_one(0u8) | 1 }
    }

    /// The wait after `failures` failures in a row, at least one.
    pub(crate) fn after(&mut self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.most);
        // xorshift64: it need not be any good.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = (self.random >> 40) as f64 / f64::from(1u32 << 24);
        whole.mul_f64(1.0 - share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_their_bounds() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, most);
        for (failures, whole) in [(1, 100), (2, 200), (5, 1600), (6, 3200), (7, 5000), (33, 5000), (u32::MAX, 5000)] {
            let whole = Duration::from_millis(whole);
            for _ in 0..100 {
                let wait = backoff.after(failures);
                assert!(wait <= whole && wait >= whole / 2, "{failures}: {wait:?}");
            }
        }
    }

    #[test]
    fn two_do_not_try_in_step() {
        let waits = || {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
            (0..4).map(|_| backoff.after(1)).collect::<Vec<_>>()
        };
        assert_ne!(waits(), waits());
    }
}
