//! What is true of every broker.

mod access;
mod arrival;
mod drain;
mod frozen;
mod names;
mod outages;
mod refusals;
mod withdrawn;

pub(crate) use access::*;
pub(crate) use arrival::*;
pub(crate) use drain::*;
pub(crate) use frozen::*;
pub(crate) use names::*;
pub(crate) use outages::*;
pub(crate) use refusals::*;
pub(crate) use withdrawn::*;

use std::thread::sleep;
use std::time::{Duration, Instant};

use frontier_integration_tests::PATIENCE;
use frontier_integration_tests::bridges::{Arrived, Told};

use crate::Target;

/// One test for each scenario, under its name, against the broker `$target`.
#[macro_export]
macro_rules! scenarios {
    ($target:ty: $($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            $crate::scenarios::$name::<$target>();
        })*
    };
}

/// How long a broker may be back, or dead, until the bridge has noticed, on a busy machine.
const NOTICED: Duration = Duration::from_secs(60);

/// Every message has its ack: all deadlines were far off.
#[track_caller]
pub(crate) fn everyone_was_acked(told: &[Told]) {
    for told in told {
        assert!(!told.cut, "edge {}: its link was closed", told.edge);
        assert!(told.refused.is_empty(), "edge {}: {:?}", told.edge, told.refused);
        assert_eq!(told.acked.len(), told.sent, "edge {}", told.edge);
    }
}

/// Waits until all that was acked is stored at `destination`, and checks the order.
#[track_caller]
pub(crate) fn everything_acked_is_there<T: Target>(target: &mut T, destination: &str, told: &[Told]) -> Vec<Arrived> {
    let until = Instant::now() + PATIENCE;
    loop {
        let stored = target.stored(destination);
        let missing: Vec<_> = told.iter().map(|told| (told.edge, told.missing(&stored))).collect();
        if missing.iter().all(|(_, missing)| missing.is_empty()) {
            told.iter().for_each(|told| told.is_in_order(&stored));
            return stored;
        }
        assert!(Instant::now() < until, "acked and not stored, by edge: {missing:?}");
        sleep(Duration::from_millis(100));
    }
}
