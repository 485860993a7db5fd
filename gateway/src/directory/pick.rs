//! Which of several services.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use config::HashBy;
use proto::id::{EdgeId, ServiceId};

use super::Service;

/// Spreads a number over all 64 bits: ids count up, so neighbours must not land side by side.
pub(crate) const fn mix(number: u64) -> u64 {
    // The finalizer of splitmix64.
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Chooses a service for an edge as configured (`exchange.hashby`).
///
/// By rendezvous hashing: each candidate is weighed with the key, the heaviest wins. So the keys spread evenly, and when a
/// service comes or goes only the keys that it wins or held move.
#[derive(Debug)]
pub(crate) struct Chooser {
    hash_by: HashBy,
    random: AtomicU64,
}

impl Chooser {
    pub(crate) const fn new(hash_by: HashBy, seed: u64) -> Self {
        Self { hash_by, random: AtomicU64::new(seed) }
    }

    /// Whether an edge's choice stays the same as long as the services do.
    pub(crate) const fn is_stable(&self) -> bool {
        !matches!(self.hash_by, HashBy::Random)
    }

    /// The key by which an edge's traffic chooses.
    pub(crate) fn key(&self, edge: EdgeId, peer: SocketAddr) -> u64 {
        match self.hash_by {
            HashBy::EdgeId => edge.0,
            HashBy::SrcIp => match peer.ip() {
                IpAddr::V4(ip) => u64::from(u32::from(ip)),
                IpAddr::V6(ip) => u128::from(ip) as u64 ^ (u128::from(ip) >> 64) as u64,
            },
            HashBy::Random => self.random(),
        }
    }

    /// A number that nobody can foresee by looking at the last one's neighbours.
    pub(crate) fn random(&self) -> u64 {
        mix(self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
    }
}

/// The candidate that wins `key`.
pub(super) fn pick(candidates: &[Arc<Service>], key: u64) -> Option<Arc<Service>> {
    match candidates {
        [] => None,
        [only] => Some(Arc::clone(only)),
        several => several.iter().max_by_key(|service| weight(key, service.id)).cloned(),
    }
}

/// How much a candidate weighs for `key`.
pub(crate) const fn weight(key: u64, candidate: ServiceId) -> u64 {
    mix(mix(key) ^ mix(candidate.0))
}
