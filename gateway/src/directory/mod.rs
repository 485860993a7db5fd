//! Who is online, and who serves what: in memory, read by routing, changed by guards.
//!
//! A lookup locks one table for a moment and never across a wait. Whoever enters holds a guard; dropping it leaves, and a
//! late leaver cannot take a successor's place with it.

mod edges;
mod pick;
mod services;
mod topics;

pub(crate) use edges::{Claim, Edges, Tenure};
pub(crate) use pick::{Chooser, mix};
pub(crate) use services::{Registration, Service, Services};

use std::sync::Arc;

/// Both tables.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) edges: Arc<Edges>,
    pub(crate) services: Arc<Services>,
}
