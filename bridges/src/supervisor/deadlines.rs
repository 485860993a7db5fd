//! Deadlines of records, most of which are settled long before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::ledger::Number;

/// Those of settled records that are kept beside as many as are waited for.
const SPARE: usize = 1024;

/// Deadlines in their order. One that nobody waits for any more is forgotten when its turn comes, or when there are too many: that costs
/// less than to find each as its record is settled.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Instant, Number)>>);

impl Deadlines {
    /// Adds one, to be one of `awaited`.
    pub(super) fn add(
        &mut self,
        deadline: Instant,
        number: Number,
        awaited: usize,
        is_awaited: impl Fn(Number) -> bool,
    ) {
        if self.0.len() >= 2 * awaited + SPARE {
            self.0.retain(|Reverse((_, number))| is_awaited(*number));
        }
        self.0.push(Reverse((deadline, number)));
    }

    /// The earliest one.
    pub(super) fn next(&mut self, is_awaited: impl Fn(Number) -> bool) -> Option<Instant> {
        while let Some(&Reverse((deadline, number))) = self.0.peek() {
            if is_awaited(number) {
                return Some(deadline);
            }
            self.0.pop();
        }
        None
    }

    /// Takes out a record whose deadline has passed `now`.
    pub(super) fn passed(&mut self, now: Instant, is_awaited: impl Fn(Number) -> bool) -> Option<Number> {
        while let Some(&Reverse((deadline, number))) = self.0.peek()
            && deadline <= now
        {
            self.0.pop();
            if is_awaited(number) {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn settled_ones_do_not_pile_up_and_none_that_is_awaited_is_forgotten() {
        let (mut deadlines, begin) = (Deadlines::default(), Instant::now());
        let at = |number: Number| begin + Duration::from_millis(number);
        let is_awaited = |number: Number| number.is_multiple_of(1_000);
        for number in 0..100_000 {
            deadlines.add(at(100_000 - number), number, 100, is_awaited);
            assert!(deadlines.0.len() <= 2 * 100 + SPARE + 1);
        }
        assert_eq!(deadlines.next(is_awaited), Some(at(1_000)));
        let passed: Vec<_> = std::iter::from_fn(|| deadlines.passed(at(50_000), is_awaited)).collect();
        assert!(passed.iter().copied().eq((50..100).rev().map(|number| number * 1_000)), "{passed:?}");
        assert_eq!(deadlines.next(is_awaited), Some(at(51_000)));
        assert_eq!(deadlines.next(|_| false), None);
    }
}
