//! Whether a record can still be taken back.

use std::sync::atomic::{AtomicU8, Ordering};

/// It waits, in the ledger or in the bridge's own hands.
const OURS: u8 = 0;
/// The broker's client has it, or had it.
const HANDED: u8 = 1;
/// Its publisher was told an error before that.
const WITHDRAWN: u8 = 2;

/// Who has a record. It goes to the client or back to its publisher, and never from one to the other.
#[derive(Debug, Default)]
pub(crate) struct Stage(AtomicU8);

impl Stage {
    /// The client gets it. Returns whether it may: not what was withdrawn.
    pub(crate) fn hand_over(&self) -> bool {
        self.leave(HANDED)
    }

    /// Its publisher gets it back. Returns whether it can: not what the client has had.
    pub(crate) fn withdraw(&self) -> bool {
        self.leave(WITHDRAWN)
    }

    /// Whether the client has had it.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire) == HANDED
    }

    fn leave(&self, to: u8) -> bool {
        match self.0.compare_exchange(OURS, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(there) => there == to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_one_way_only() {
        let stage = Stage::default();
        assert!(!stage.is_handed_over());
        assert!(stage.hand_over() && stage.hand_over() && !stage.withdraw());
        assert!(stage.is_handed_over());
        let stage = Stage::default();
        assert!(stage.withdraw() && stage.withdraw() && !stage.hand_over());
        assert!(!stage.is_handed_over());
    }
}
