//! Operations at a steady rate, whatever becomes of those before.

use std::time::{Duration, Instant};

/// When operations are due: the first at a time, each further one an interval later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    first: Instant,
    interval: Duration,
}

impl Pace {
    /// So many operations per second, from `first` on.
    pub(crate) fn new(first: Instant, per_second: f64) -> Self {
        Self { first, interval: Duration::from_secs_f64(per_second.max(1e-3).recip()) }
    }

    /// The part of worker `number` of `workers`: they take turns, and together keep this pace.
    pub(crate) fn share(self, number: usize, workers: usize) -> Self {
        let times = |count: usize| self.interval.mul_f64(count as f64);
        Self { first: self.first + times(number), interval: times(workers) }
    }

    /// When operation `number` is due, counted from 0.
    pub(crate) fn due(self, number: u64) -> Instant {
        self.first + self.interval.mul_f64(number as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_take_turns() {
        let first = Instant::now();
        let pace = Pace::new(first, 100.0);
        let of = |worker: usize, number: u64| pace.share(worker, 4).due(number) - first;
        assert_eq!(of(0, 0), Duration::ZERO);
        assert_eq!(of(3, 0), Duration::from_millis(30));
        assert_eq!(of(1, 2), Duration::from_millis(90));
        assert_eq!(pace.due(9) - first, Duration::from_millis(90));
    }
}
