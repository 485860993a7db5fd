//! Presence as the gateway tells it to whoever keeps records.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dao::{Change, Generation};
use frontier_gateway::PresenceListener;

use super::ledger::Side;

/// Records what it is told.
#[derive(Debug, Default)]
pub(crate) struct Records {
    told: Mutex<Vec<Change>>,
    /// What the directory said of who is online, and how much was told before it was asked.
    snapshots: Mutex<Vec<(usize, Vec<Change>)>>,
}

impl PresenceListener for Records {
    fn on_presence(&self, change: Change) {
        lock(&self.told).push(change);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Records {
    /// Changes that were told so far.
    pub(crate) fn told(&self) -> usize {
        lock(&self.told).len()
    }

    /// Keeps what the directory said when it was asked behind `told` changes.
    pub(crate) fn keep(&self, told: usize, snapshot: Vec<Change>) {
        lock(&self.snapshots).push((told, snapshot));
    }

    /// What brought whoever has this id by what was told so far, if anybody has it.
    pub(crate) fn present(&self, side: Side, id: u64) -> Option<Generation> {
        let mut rows = Rows::default();
        lock(&self.told).iter().for_each(|change| rows.apply(change));
        rows.0.get(&(side, id)).map(|(generation, _)| *generation)
    }

    /// Edges come and go in turns, and what comes goes; under one id the later has the greater generation. Records that are
    /// made anew from a snapshot and what was told behind it are those that were told all.
    ///
    /// # Errors
    /// The first that is not so.
    pub(crate) fn check(&self, all_left: bool) -> Result<(), String> {
        let told = lock(&self.told);
        let mut last: BTreeMap<(Side, u64), Generation> = BTreeMap::new();
        let mut rows = Rows::default();
        for change in &*told {
            let Told { side, id, generation, what } = Told::of(change);
            let present = rows.0.get(&(side, id)).map(|(generation, _)| *generation);
            match (what, side) {
                (What::Comes, Side::Edge) if present.is_some() => {
                    return Err(format!("records: edge {id} comes twice in a row"));
                }
                (What::Goes | What::Offers, Side::Edge) if present != Some(generation) => {
                    return Err(format!("records: edge {id} is not there, yet {change:?}"));
                }
                (What::Comes, _) if last.insert((side, id), generation).is_some_and(|last| last >= generation) => {
                    return Err(format!("records: {change:?} comes after {last:?}"));
                }
                _ => {}
            }
            rows.apply(change);
        }
        if all_left && !rows.0.is_empty() {
            return Err(format!("records: not all have left: {rows:?}"));
        }
        for (before, snapshot) in &*lock(&self.snapshots) {
            let mut anew = Rows::default();
            snapshot.iter().chain(&told[*before..]).for_each(|change| anew.apply(change));
            if anew.sorted() != rows.sorted() {
                return Err(format!("records: made anew behind {before} changes they are {anew:?}, not {rows:?}"));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Comes,
    Goes,
    Offers,
}

/// A change as the rules see it.
struct Told {
    side: Side,
    id: u64,
    generation: Generation,
    what: What,
}

impl Told {
    fn of(change: &Change) -> Self {
        let (side, id, generation, what) = match change {
            Change::EdgeOnline(edge, generation) => (Side::Edge, edge.id.0, generation, What::Comes),
            Change::EdgeOffline(id, generation) => (Side::Edge, id.0, generation, What::Goes),
            Change::EdgeRpc(rpc, generation) => (Side::Edge, rpc.edge.0, generation, What::Offers),
            Change::ServiceOnline(service, generation) => (Side::Service, service.id.0, generation, What::Comes),
            Change::ServiceOffline(id, generation) => (Side::Service, id.0, generation, What::Goes),
            Change::ServiceRpc(rpc, generation) => (Side::Service, rpc.service.0, generation, What::Offers),
            Change::ServiceTopic(topic, generation) => (Side::Service, topic.service.0, generation, What::Offers),
        };
        Self { side, id, generation: *generation, what }
    }
}

/// Whether both are of one name, whenever it was offered.
fn offers_the_same(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::EdgeRpc(one, _), Change::EdgeRpc(other, _)) => one.rpc == other.rpc,
        (Change::ServiceRpc(one, _), Change::ServiceRpc(other, _)) => one.rpc == other.rpc,
        (Change::ServiceTopic(one, _), Change::ServiceTopic(other, _)) => one.topic == other.topic,
        _ => false,
    }
}

/// Who is online by the changes that were applied, as [`Change`] says: with what brought each, and all that it offers.
#[derive(Debug, Default)]
struct Rows(BTreeMap<(Side, u64), (Generation, Vec<Change>)>);

impl Rows {
    fn apply(&mut self, change: &Change) {
        let Told { side, id, generation, what } = Told::of(change);
        let present = self.0.get_mut(&(side, id)).filter(|(present, _)| *present >= generation);
        match (what, present) {
            (What::Comes, None) => {
                self.0.insert((side, id), (generation, vec![change.clone()]));
            }
            (What::Goes, Some((present, _))) if *present == generation => {
                self.0.remove(&(side, id));
            }
            (What::Offers, Some((present, offers)))
                if *present == generation && !offers.iter().any(|known| offers_the_same(known, change)) =>
            {
                offers.push(change.clone());
            }
            _ => {}
        }
    }

    fn sorted(&self) -> Vec<(Side, u64, Generation, Vec<String>)> {
        let row = |(&(side, id), (generation, changes)): (&(Side, u64), &(Generation, Vec<Change>))| {
            let mut changes: Vec<String> = changes.iter().map(|change| format!("{change:?}")).collect();
            changes.sort();
            (side, id, *generation, changes)
        };
        self.0.iter().map(row).collect()
    }
}
