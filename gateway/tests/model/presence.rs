//! Presence as the gateway tells it to whoever keeps records.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use frontier_gateway::{PresenceEvent, PresenceListener};

/// Records what it is told.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Vec<PresenceEvent>>);

impl PresenceListener for Records {
    fn on_presence(&self, event: PresenceEvent) {
        self.lock().push(event);
    }
}

impl Records {
    fn lock(&self) -> MutexGuard<'_, Vec<PresenceEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Edges come and go in turns, and what comes goes.
    ///
    /// # Errors
    /// The first that did not.
    pub(crate) fn check(&self, all_left: bool) -> Result<(), String> {
        let mut online: BTreeMap<u64, bool> = BTreeMap::new();
        let mut services: BTreeMap<u64, i64> = BTreeMap::new();
        for event in self.lock().iter() {
            let (edge, comes) = match event {
                PresenceEvent::EdgeOnline { edge, .. } => (edge.0, true),
                PresenceEvent::EdgeOffline { edge } => (edge.0, false),
                PresenceEvent::ServiceOnline { service, .. } => {
                    *services.entry(service.0).or_default() += 1;
                    continue;
                }
                PresenceEvent::ServiceOffline { service } => {
                    *services.entry(service.0).or_default() -= 1;
                    continue;
                }
                _ => continue,
            };
            if online.insert(edge, comes).unwrap_or(false) == comes {
                return Err(format!("records: edge {edge} comes or goes twice in a row"));
            }
        }
        let left = services.values().all(|links| *links == 0) && online.values().all(|online| !online);
        if all_left && !left {
            return Err(format!("records: not all have left: edges {online:?}, services {services:?}"));
        }
        Ok(())
    }
}
