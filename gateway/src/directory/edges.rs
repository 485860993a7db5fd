//! Edges by id, and whose turn an id is.
//!
//! One link at a time holds an id. A newcomer displaces the holder: the old link can no longer be addressed from that
//! moment, and the id passes on when the old one's [`Tenure`] is dropped, which happens once its going offline has been
//! told. So presence of one id is always told in order, and nobody but the newcomer waits for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dao::Generation;
use foldhash::fast::RandomState;
use proto::id::EdgeId;

use super::mix;
use crate::exchange::{Command, Handle};

/// Enough that two workers seldom want the same one.
const SHARDS: usize = 64;

#[derive(Debug)]
struct Held {
    holder: Handle,
    /// Whether calls, messages and streams may be sent to the holder.
    addressable: bool,
    /// The link that gets the id next.
    next: Option<Handle>,
}

type Shard = HashMap<EdgeId, Held, RandomState>;

/// The table of edges, in shards.
#[derive(Debug)]
pub(crate) struct Edges {
    shards: Box<[RwLock<Shard>]>,
    generations: AtomicU64,
}

impl Default for Edges {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), generations: AtomicU64::new(0) }
    }
}

/// What became of a claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The id was free.
    Granted(Tenure),
    /// Another link had it and was told to go. [`Command::Turn`] brings the tenure.
    Waiting,
}

/// Holding an edge id. Dropping it passes the id on.
#[derive(Debug)]
pub(crate) struct Tenure {
    edges: Arc<Edges>,
    id: EdgeId,
    holder: Handle,
}

impl Edges {
    fn shard(&self, id: EdgeId) -> &RwLock<Shard> {
        &self.shards[(mix(id.0) as usize) % self.shards.len()]
    }

    // Nothing that could panic halfway runs under these locks.
    fn read(&self, id: EdgeId) -> RwLockReadGuard<'_, Shard> {
        self.shard(id).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, id: EdgeId) -> RwLockWriteGuard<'_, Shard> {
        self.shard(id).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link of an edge, if it can be addressed.
    pub(crate) fn edge(&self, id: EdgeId) -> Option<Handle> {
        let shard = self.read(id);
        shard.get(&id).filter(|held| held.addressable).map(|held| held.holder.clone())
    }

    /// The link that holds an id, whether it can be addressed or not.
    pub(crate) fn holder(&self, id: EdgeId) -> Option<Handle> {
        self.read(id).get(&id).map(|held| held.holder.clone())
    }

    /// The links that hold an id.
    pub(crate) fn handles(&self) -> Vec<Handle> {
        let shards = self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner));
        shards.flat_map(|shard| shard.values().map(|held| held.holder.clone()).collect::<Vec<_>>()).collect()
    }

    /// Ids that are held.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Bytes that wait for all edges, and for the one that has most.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let mut sum = 0;
        let mut most = 0;
        for shard in &self.shards {
            for held in shard.read().unwrap_or_else(PoisonError::into_inner).values() {
                let queued = held.holder.queued();
                sum += queued;
                most = most.max(queued);
            }
        }
        (sum, most)
    }

    /// Claims `id` for the link `claimant`, which comes from `peer`. Its holder, if there is one, is displaced; so is a link
    /// that waits for it.
    pub(crate) fn claim(self: &Arc<Self>, id: EdgeId, claimant: &Handle, peer: SocketAddr) -> Claim {
        let mut shard = self.write(id);
        let (displaced, waiter) = match shard.entry(id) {
            Entry::Vacant(vacant) => {
                vacant.insert(Held { holder: claimant.clone(), addressable: true, next: None });
                return Claim::Granted(Tenure { edges: Arc::clone(self), id, holder: claimant.clone() });
            }
            Entry::Occupied(mut occupied) => {
                let held = occupied.get_mut();
                held.addressable = false;
                (held.holder.clone(), held.next.replace(claimant.clone()))
            }
        };
        drop(shard);
        // A link that is gone already needs not be told.
        for link in [Some(displaced), waiter].into_iter().flatten() {
            let _ = link.push(Command::Displace { by: peer });
        }
        Claim::Waiting
    }
}

impl Tenure {
    /// The id that is held.
    pub(crate) const fn id(&self) -> EdgeId {
        self.id
    }

    /// A number that tells this holder of the id from all others: those before it have smaller ones. Asked for once.
    pub(crate) fn generation(&self) -> Generation {
        // Whoever held the id before has drawn its number before it passed the id on.
        Generation(self.edges.generations.fetch_add(1, Ordering::Relaxed))
    }

    /// From now on the edge cannot be addressed.
    pub(crate) fn leave(&self) {
        if let Some(held) = self.edges.write(self.id).get_mut(&self.id)
            && held.holder.is(&self.holder)
        {
            held.addressable = false;
        }
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        let mut shard = self.edges.write(self.id);
        let Entry::Occupied(mut occupied) = shard.entry(self.id) else { return };
        if !occupied.get().holder.is(&self.holder) {
            return;
        }
        let Some(next) = occupied.get_mut().next.take() else {
            let left = occupied.remove();
            drop(shard);
            drop(left);
            return;
        };
        let before =
            std::mem::replace(occupied.get_mut(), Held { holder: next.clone(), addressable: true, next: None });
        drop(shard);
        drop(before);
        let tenure = Tenure { edges: Arc::clone(&self.edges), id: self.id, holder: next.clone() };
        // If the newcomer has given up, the tenure comes back and is dropped here: the id passes on.
        let _ = next.push(Command::Turn(tenure));
    }
}
