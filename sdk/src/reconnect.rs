//! Whether and when a lost link is made anew.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// What happens when the link is lost. The first connect is never retried: its error is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reconnect {
    /// It is made anew, until the edge or service is closed. The pause before each attempt is drawn at random from a range
    /// that begins with 0.5 to 2 s and doubles up to 7.5 to 30 s. It begins anew only after a link that lived for 60 s, so
    /// that two who claim the same id drive each other out ever more seldom. A refusal counts as two failures.
    #[default]
    Always,
    /// The edge or service is closed.
    Never,
}

/// The middle of the range for the first pause.
const FIRST: Duration = Duration::from_millis(1250);
/// The middle of the widest range.
const WIDEST: Duration = Duration::from_millis(18_750);
/// The ends of a range, in parts of its middle.
const SHORTEST: f64 = 0.4;
const LONGEST: f64 = 1.6;
/// A link that lived this long was a good one.
const PROVEN: Duration = Duration::from_secs(60);

/// How an attempt to be online ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It never was.
    Failed,
    /// The gateway refused it.
    Refused,
    /// It was, for this long.
    Lived(Duration),
}

/// The pauses between attempts.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after an attempt that ended like this. `random` is any number, evenly distributed.
    pub(crate) fn pause(&mut self, attempt: Attempt, random: u64) -> Duration {
        let weight = match attempt {
            Attempt::Lived(lived) if lived >= PROVEN => {
                self.failures = 0;
                1
            }
            Attempt::Refused => 2,
            Attempt::Failed | Attempt::Lived(_) => 1,
        };
        self.failures = self.failures.saturating_add(weight);
        let doublings = (self.failures - 1).min(16);
        let middle = (FIRST * (1 << doublings)).min(WIDEST);
        let place = random as f64 / u64::MAX as f64;
        middle.mul_f64(SHORTEST + place * (LONGEST - SHORTEST))
    }
}

/// A random number. Good for spreading load, not for secrets.
pub(crate) fn random() -> u64 {
    // Every `RandomState` has keys of its own.
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(backoff: &mut Backoff, attempt: Attempt) -> (Duration, Duration) {
        let mut same = Backoff { failures: backoff.failures };
        (same.pause(attempt, 0), backoff.pause(attempt, u64::MAX))
    }

    fn millis(range: (Duration, Duration)) -> (u128, u128) {
        (range.0.as_millis(), range.1.as_millis())
    }

    #[test]
    fn pauses_double_up_to_the_widest_range() {
        let mut backoff = Backoff::default();
        let expected =
            [(500, 2_000), (1_000, 4_000), (2_000, 8_000), (4_000, 16_000), (7_500, 30_000), (7_500, 30_000)];
        for expected in expected {
            assert_eq!(millis(range(&mut backoff, Attempt::Failed)), expected);
        }
    }

    #[test]
    fn only_a_link_that_lived_begins_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.pause(Attempt::Lived(Duration::from_secs(59)), 0);
        }
        assert_eq!(millis(range(&mut backoff, Attempt::Lived(Duration::from_secs(59)))), (7_500, 30_000));
        assert_eq!(millis(range(&mut backoff, Attempt::Lived(Duration::from_secs(60)))), (500, 2_000));
    }

    #[test]
    fn a_refusal_backs_off_further() {
        let mut backoff = Backoff::default();
        assert_eq!(millis(range(&mut backoff, Attempt::Refused)), (1_000, 4_000));
        assert_eq!(millis(range(&mut backoff, Attempt::Refused)), (4_000, 16_000));
    }

    #[test]
    fn a_fleet_that_has_lost_its_gateway_does_not_come_back_all_at_once() {
        const FLEET: usize = 3_000;
        const BUCKET: Duration = Duration::from_millis(100);
        let mut fleet: Vec<Backoff> = (0..FLEET).map(|_| Backoff::default()).collect();
        for round in 0..6 {
            let mut buckets = std::collections::HashMap::new();
            for backoff in &mut fleet {
                let pause = backoff.pause(Attempt::Failed, random());
                *buckets.entry(pause.as_millis() / BUCKET.as_millis()).or_insert(0) += 1;
            }
            let most = buckets.into_values().max().expect("there is a fleet");
            assert!(most <= FLEET / 10, "attempt {round}: {most} of {FLEET} within 100 ms");
        }
    }

    #[test]
    fn no_overflow_after_years_of_failures() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(millis(range(&mut backoff, Attempt::Refused)), (7_500, 30_000));
    }

    #[test]
    fn random_numbers_differ() {
        assert_ne!(random(), random());
    }
}
