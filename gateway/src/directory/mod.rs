//! Who is online, and who serves what: in memory, read by routing, changed by guards.
//!
//! A lookup locks one table for a moment and never across a wait. Whoever enters holds a guard; dropping it leaves, and a
//! late leaver cannot take a successor's place with it.

mod arrivals;
mod edges;
mod pick;
mod services;
mod topics;

pub(crate) use arrivals::{Arrival, Arrivals};
pub(crate) use edges::{Claim, Edges, Tenure};
pub(crate) use pick::{Chooser, mix, weight};
pub(crate) use services::{Registration, Service, Services};

use std::sync::Arc;

/// All tables. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) edges: Arc<Edges>,
    pub(crate) services: Arc<Services>,
}

/// What stands in the tables of a gateway: numbers of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tables {
    /// Links whose handshake is not over.
    pub arrivals: usize,
    /// Edge ids that a link holds, comes to or leaves.
    pub edges: usize,
    /// Services by id.
    pub services: usize,
    /// Names that services go by.
    pub names: usize,
    /// Methods that services offer.
    pub methods: usize,
    /// Topics and patterns of topics that services take.
    pub topics: usize,
    /// Bytes of calls and messages that wait for the links in these tables.
    pub queued_bytes: usize,
}

impl Directory {
    pub(crate) fn tables(&self) -> Tables {
        let queued_bytes = self.edges.queued().0 + self.services.queued().0;
        let (arrivals, edges) = (self.arrivals.len(), self.edges.len());
        Tables { arrivals, edges, queued_bytes, ..self.services.tables() }
    }
}
