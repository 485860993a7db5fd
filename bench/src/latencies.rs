//! How long operations took.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest time that is told apart: the SDK gives up before.
const LONGEST: u64 = 3_600_000_000_000;

/// A histogram of times, exact to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

/// What a report says of a histogram, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_max(LONGEST, 3).expect("the bounds are in order and three digits are allowed"))
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(LONGEST));
    }

    pub(crate) fn add(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// Operations that were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), max: self.0.max() as f64 / 1000.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all_that_was_added() {
        let mut all = Latencies::default();
        for tens in 0..10 {
            let mut some = Latencies::default();
            (1..=10).for_each(|one| some.record(Duration::from_micros(tens * 10 + one)));
            all.add(&some);
        }
        assert_eq!(all.count(), 100);
        let percentiles = all.percentiles();
        for (found, expected) in [(percentiles.p50, 50.0), (percentiles.p90, 90.0), (percentiles.max, 100.0)] {
            assert!((found - expected).abs() < 0.1, "{percentiles:?}");
        }
    }

    #[test]
    fn what_is_longer_than_the_longest_counts_as_that() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 1);
    }
}
