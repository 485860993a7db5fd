//! All links, for whoever watches over them.

use std::sync::Arc;

use dao::Change;
use proto::id::{EdgeId, ServiceId};
use tokio::sync::oneshot;

use super::roll::{ask, roll};
use super::{ClosedLink, LinkReport};
use crate::exchange::{Command, Exchange, Handle, Kind};
use crate::metrics::{Direction, Side};

/// Sums over all links, those that have ended included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Of edges.
    pub edges: SideTotals,
    /// Of services.
    pub services: SideTotals,
    /// Calls that edges made and that were answered, with or without success.
    pub calls_of_edges: u64,
    /// Calls that services made and that were answered, with or without success.
    pub calls_of_services: u64,
    /// Messages that edges published and that were answered, with or without success.
    pub messages_of_edges: u64,
    /// Messages that services published and that were answered, with or without success.
    pub messages_of_services: u64,
}

/// Sums over the links of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SideTotals {
    /// Links that are online at present.
    pub online: u64,
    /// Links that were admitted since the start.
    pub admitted: u64,
    /// Links that were displaced by a newcomer with their id.
    pub displaced: u64,
    /// Bytes read from sockets.
    pub bytes_in: u64,
    /// Bytes written to sockets.
    pub bytes_out: u64,
}

/// All links: to look at, and to end. Cheap to clone.
///
/// What is asked of a link is queued at its task and answered there, behind what it does at the moment; nothing of it stands
/// in the way of anything else. A link that ends meanwhile has no answer.
#[derive(Debug, Clone)]
pub struct Links {
    exchange: Arc<Exchange>,
}

impl Links {
    pub(crate) const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    /// What an edge's link says of itself; `None` if it is not online. Cancel-safe.
    pub async fn edge(&self, id: EdgeId) -> Option<LinkReport> {
        ask(self.exchange.directory.edges.holder(id)).await.pop()
    }

    /// As [`Links::edge`], of a service.
    pub async fn service(&self, id: ServiceId) -> Option<LinkReport> {
        ask(self.exchange.directory.services.holder(id)).await.pop()
    }

    /// Ends an edge's link. `false` if it is not online.
    ///
    /// When this returns it can no longer be addressed, what was in flight on it is answered, and its going is recorded and
    /// told. Its socket is closed when the peer has taken leave, or after 2 s; a link that was admitted less than 1.5 s ago
    /// waits for that age first, as old clients would never come back otherwise. Nobody is kept from connecting again. This
    /// waits for the link's task, however long; if it is dropped the link ends all the same.
    pub async fn kick_edge(&self, id: EdgeId) -> bool {
        kick(self.exchange.directory.edges.holder(id)).await
    }

    /// As [`Links::kick_edge`], of a service.
    pub async fn kick_service(&self, id: ServiceId) -> bool {
        kick(self.exchange.directory.services.holder(id)).await
    }

    /// Everybody who is online and what they offer, as the changes that record it: what records are made anew from.
    /// Cancel-safe.
    pub async fn changes(&self) -> Vec<Change> {
        roll(&self.exchange.directory).await
    }

    /// The links of edges that ended last, the latest first: at most 1000.
    #[must_use]
    pub fn closed_edges(&self) -> Vec<ClosedLink> {
        self.exchange.closed.latest(Side::Edge)
    }

    /// As [`Links::closed_edges`], of services.
    #[must_use]
    pub fn closed_services(&self) -> Vec<ClosedLink> {
        self.exchange.closed.latest(Side::Service)
    }

    /// Sums since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let metrics = &self.exchange.metrics;
        let side = |side| metrics.side(side).totals();
        Totals {
            edges: side(Side::Edge),
            services: side(Side::Service),
            calls_of_edges: metrics.answers(Kind::Call, Direction::ToService),
            calls_of_services: metrics.answers(Kind::Call, Direction::ToEdge),
            messages_of_edges: metrics.answers(Kind::Message, Direction::ToService),
            messages_of_services: metrics.answers(Kind::Message, Direction::ToEdge),
        }
    }
}

async fn kick(link: Option<Handle>) -> bool {
    let Some(link) = link else { return false };
    let (done, kicked) = oneshot::channel();
    // A link that is gone gives the command back, and one that is not online drops it.
    let _ = link.push(Command::Kick(done));
    kicked.await.is_ok()
}
