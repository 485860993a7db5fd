//! Links that ended a short time ago, for whoever asks where one has gone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Peer, Traffic};
use crate::metrics::Side;

/// Links of each side that are remembered.
const MOST: usize = 1000;

/// Bytes of a label that are remembered: a meta can be as long as a message.
const LABEL_BYTES: usize = 256;

/// A link that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedLink {
    /// Who it was.
    pub peer: Peer,
    /// The beginning of an edge's meta, of a service's name: at most 256 bytes.
    pub label: Box<str>,
    /// Where it had connected from.
    pub addr: SocketAddr,
    /// When it was admitted, in seconds since 1970.
    pub since: i64,
    /// When it went, in seconds since 1970.
    pub until: i64,
    /// What it had carried.
    pub traffic: Traffic,
    /// Why it ended.
    pub reason: Box<str>,
}

impl ClosedLink {
    pub(crate) const fn side(&self) -> Side {
        match self.peer {
            Peer::Edge(_) => Side::Edge,
            Peer::Service(_) => Side::Service,
        }
    }
}

/// What is remembered of a label.
pub(crate) fn label(label: &[u8]) -> Box<str> {
    let cut = &label[..label.len().min(LABEL_BYTES)];
    // What was cut in two at the end is left out.
    let whole = match std::str::from_utf8(cut) {
        Err(error) if cut.len() < label.len() && error.error_len().is_none() => &cut[..error.valid_up_to()],
        _ => cut,
    };
    String::from_utf8_lossy(whole).into()
}

/// The last links of each side that have ended.
#[derive(Debug, Default)]
pub(crate) struct ClosedLinks([Mutex<VecDeque<ClosedLink>>; 2]);

impl ClosedLinks {
    // Nothing that could panic halfway runs under these locks.
    fn lock(&self, side: Side) -> MutexGuard<'_, VecDeque<ClosedLink>> {
        self.0[side as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers one, and forgets the oldest if there are too many.
    pub(crate) fn push(&self, link: ClosedLink) {
        let mut links = self.lock(link.side());
        let oldest = if links.len() == MOST { links.pop_front() } else { None };
        links.push_back(link);
        drop(links);
        drop(oldest);
    }

    /// Those of a side, the latest first.
    pub(crate) fn latest(&self, side: Side) -> Vec<ClosedLink> {
        self.lock(side).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proto::id::{EdgeId, ServiceId};

    use super::*;

    fn closed(peer: Peer) -> ClosedLink {
        let addr = SocketAddr::from(([192, 0, 2, 1], 1));
        let (label, reason, traffic) = (Box::from("m"), Box::from("peer left"), Traffic::default());
        ClosedLink { peer, label, addr, since: 1, until: 2, traffic, reason }
    }

    #[test]
    fn the_oldest_is_forgotten_and_edges_push_out_no_service() {
        let links = ClosedLinks::default();
        links.push(closed(Peer::Service(ServiceId(7))));
        (0..=MOST as u64).for_each(|id| links.push(closed(Peer::Edge(EdgeId(id)))));
        let edges = links.latest(Side::Edge);
        assert_eq!(edges.len(), MOST);
        assert_eq!((edges[0].peer, edges[MOST - 1].peer), (Peer::Edge(EdgeId(MOST as u64)), Peer::Edge(EdgeId(1))));
        assert_eq!(links.latest(Side::Service), [closed(Peer::Service(ServiceId(7)))]);
    }

    #[test]
    fn a_long_label_is_cut_between_characters() {
        assert_eq!(&*label(b"sensor"), "sensor");
        let long = format!("{}ä{}", "x".repeat(255), "y".repeat(255));
        assert_eq!(*label(long.as_bytes()), *"x".repeat(255));
        assert_eq!(&*label(b"a\xff"), "a\u{fffd}");
    }
}
