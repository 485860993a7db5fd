//! A hash for numbers that are handed out one after the other.

use std::hash::{BuildHasher, Hasher};

/// Neighbours in number are neighbours in the table, and nearly all lookups go from one to the next: each finds its entry where the processor
/// has just been. A hash that scatters them costs a cache miss each. For our own numbers only: whoever chooses them could make them collide.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InOrder;

impl BuildHasher for InOrder {
    type Hasher = OneNumber;

    fn build_hasher(&self) -> OneNumber {
        OneNumber(0)
    }
}

#[derive(Debug)]
pub(super) struct OneNumber(u64);

impl Hasher for OneNumber {
    /// The table takes the place from the low bits and, to tell neighbours apart before it looks at them, seven of the high ones.
    fn write_u64(&mut self, number: u64) {
        self.0 = number ^ (number << 57);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbours_have_places_and_tags_of_their_own() {
        let hash = |number: u64| InOrder.hash_one(number);
        for first in [0, 1, 1_000, u64::from(u32::MAX)] {
            let window: HashSet<_> = (first..first + 4_096).map(|number| hash(number) % 4_096).collect();
            assert_eq!(window.len(), 4_096, "a place each");
            let tags: HashSet<_> = (first..first + 128).map(|number| hash(number) >> 57).collect();
            assert_eq!(tags.len(), 128);
        }
    }
}
