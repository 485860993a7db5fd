//! Over how many partitions records are spread at present.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use smol_str::SmolStr;

/// Partitions that are told apart.
const MOST: usize = 16;

/// How long one counts after the last record that it got.
const FRESH: Duration = Duration::from_secs(1);

type Partition = (SmolStr, i32);

/// Partitions that got records of late, each with when it last did.
#[derive(Debug, Default)]
pub(super) struct Spread(Mutex<Vec<(Partition, Instant)>>);

/// Those that records of one batch have gone to.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Partition>);

impl Spread {
    /// A record of a batch has gone there.
    pub(super) fn see(&self, seen: &mut Seen, topic: &SmolStr, number: i32) {
        let known = |(name, partition): &Partition| *partition == number && name == topic;
        if seen.0.len() >= MOST || seen.0.iter().any(known) {
            return;
        }
        let partition = (topic.clone(), number);
        seen.0.push(partition.clone());
        let now = Instant::now();
        let mut partitions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.retain(|(other, at)| *other != partition && now - *at < FRESH);
        if partitions.len() < MOST {
            partitions.push((partition, now));
        }
    }

    /// How many there are, from one to sixteen.
    pub(super) fn partitions(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len().max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_count_once_each_and_up_to_a_bound() {
        let spread = Spread::default();
        assert_eq!(spread.partitions(), 1);
        let (mut one, mut other) = (Seen::default(), Seen::default());
        for (topic, number) in [("a", 0), ("a", 0), ("a", 1), ("b", 0)] {
            spread.see(&mut one, &topic.into(), number);
            spread.see(&mut other, &topic.into(), number);
        }
        assert_eq!(spread.partitions(), 3);
        (0..100).for_each(|number| spread.see(&mut Seen::default(), &"c".into(), number));
        assert_eq!(spread.partitions(), MOST);
    }
}
