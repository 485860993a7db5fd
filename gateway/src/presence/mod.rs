//! Who comes and goes, and who is there: the one way out of routing.
//!
//! Links leave each change with a [`PresenceListener`] and go on, whatever becomes of it there; that is the records of the
//! crate `dao`. What is asked of links that are there, and what is wanted of them, goes the other way: [`Links`] queues it
//! at the link's own task, which alone knows.
//!
//! | file | what is in it |
//! |---|---|
//! | `links.rs` | all links: looking at them, ending them |
//! | `roll.rs` | asking every link what it is; what records are made anew from |
//! | `report.rs` | what a link says of itself |
//! | `closed.rs` | links that ended a short time ago |

mod closed;
mod links;
mod report;
mod roll;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use dao::Change;

pub use closed::ClosedLink;
pub(crate) use closed::{ClosedLinks, label};
pub use links::{Links, SideTotals, Totals};
pub(crate) use report::TRANSPORTS;
pub use report::{LinkReport, Offered, Peer, Traffic, Transport};

/// Keeps records of presence. Called from the links' tasks: must not block.
///
/// The changes of one link come in their order. A link has entered the directory before its coming is told and has left it
/// before its going is; under one id, who comes later has the greater generation.
pub trait PresenceListener: fmt::Debug + Send + Sync {
    /// Something changed.
    fn on_presence(&self, change: Change);
}

impl PresenceListener for dao::Records {
    fn on_presence(&self, change: Change) {
        self.record(change);
    }
}

/// Where presence is told, if anybody listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence(Option<Arc<dyn PresenceListener>>);

impl Presence {
    pub(crate) fn new(listener: Option<Arc<dyn PresenceListener>>) -> Self {
        Self(listener)
    }

    /// Tells the listener; without one the change is not even made.
    pub(crate) fn tell(&self, change: impl FnOnce() -> Change) {
        if let Some(listener) = &self.0 {
            listener.on_presence(change());
        }
    }
}

/// The time as records have it: seconds since 1970.
pub(crate) fn unix_time() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
