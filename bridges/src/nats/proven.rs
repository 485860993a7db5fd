//! Subjects on which something has passed: the user may publish there.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Subjects that are remembered: less than 2 MiB of hashes.
const MOST: usize = 65_536;

/// A set of their hashes.
#[derive(Debug, Default)]
pub(super) struct Proven {
    hashes: Mutex<HashSet<u64, foldhash::fast::RandomState>>,
    hasher: RandomState,
}

impl Proven {
    // Nothing that could panic halfway runs under this lock.
    fn hashes(&self) -> MutexGuard<'_, HashSet<u64, foldhash::fast::RandomState>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something has passed on `subject`.
    pub(super) fn holds(&self, subject: &str) -> bool {
        self.hashes().contains(&self.hasher.hash_one(subject))
    }

    /// Something has.
    pub(super) fn add(&self, subject: &str) {
        let mut hashes = self.hashes();
        if hashes.len() == MOST {
            hashes.clear();
        }
        hashes.insert(self.hasher.hash_one(subject));
    }
}
