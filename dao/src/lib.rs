//! Records of who is online, for the control plane.
//!
//! Presence alone writes here and the control plane alone reads; routing never does. [`Dao`] is what a back end is: its
//! documentation is the contract, `tests/suite` the proof. [`Records`] stands before it: links leave their changes with it and
//! go on, its [`Writer`] writes them in order and in groups, and a query waits for those that were left before it.
//!
//! ```text
//! link ─► Records::record ─► queue ─► Writer ─► dyn Dao ◄─ queries ◄─ control plane
//!                                        ▲
//!                          Snapshot ─────┘ after a full queue or a broken disk
//! ```
//!
//! # A new back end
//! One file with a [`Dao`], one line in `open.rs`, three lines in `tests/backends.rs`, a word in the configuration.

mod after;
mod error;
mod memory;
mod model;
mod open;
mod query;
mod records;
mod sqlite;

pub use after::After;
pub use error::{BadQuery, DaoError, OpenError};
pub use memory::Memory;
pub use model::{Change, Edge, EdgeRpc, Generation, Service, ServiceRpc, ServiceTopic, Text};
pub use open::{check, open};
pub use query::{
    During, EdgeQuery, EdgeRpcQuery, Listed, NameField, Order, Page, PeerField, ServiceNamesQuery, ServiceQuery,
};
pub use records::{Records, Snapshot, State, Status, Writer};
pub use sqlite::Sqlite;

use std::fmt;

use async_trait::async_trait;
use proto::id::{EdgeId, ServiceId};

/// A place where it is recorded who is online.
///
/// A list, its count and its page come from one state of the records: what is written meanwhile is in all of them or in none.
/// The `query` module says what filters and orders mean. Rows live as long as the run: a new back end, or one that is
/// opened again, has none. A query that cannot be answered is a [`DaoError::BadQuery`]. Queries may be dropped at any point.
#[async_trait]
pub trait Dao: fmt::Debug + Send + Sync + 'static {
    /// Records `changes`, in their order, all or none. What is recorded when this returns is in every later answer; it
    /// need not survive the run. There is one call of this or [`Dao::rebuild`] at a time. Dropped before its end, all or none may
    /// be recorded.
    ///
    /// # Errors
    /// [`DaoError::Unavailable`]: none was recorded, or it is not known; only [`Dao::rebuild`] makes the records right again.
    async fn apply(&self, changes: Vec<Change>) -> Result<(), DaoError>;

    /// Forgets everything and records `changes` instead. Replaces whatever it stands on, if that is broken.
    ///
    /// # Errors
    /// [`DaoError::Unavailable`]: to be tried again.
    async fn rebuild(&self, changes: Vec<Change>) -> Result<(), DaoError>;

    /// The edges that a query is about.
    ///
    /// # Errors
    /// [`DaoError::Unavailable`]: the records cannot be read, and only [`Dao::rebuild`] helps. [`DaoError::Busy`]: later they
    /// can. As all queries.
    async fn edges(&self, query: &EdgeQuery) -> Result<Listed<Edge>, DaoError>;

    /// An edge.
    ///
    /// # Errors
    /// [`DaoError::NotFound`], and those of all queries.
    async fn edge(&self, id: EdgeId) -> Result<Edge, DaoError>;

    /// The names of methods that edges offer, each once.
    ///
    /// # Errors
    /// Those of all queries.
    async fn edge_rpcs(&self, query: &EdgeRpcQuery) -> Result<Listed<Text>, DaoError>;

    /// The services that a query is about.
    ///
    /// # Errors
    /// Those of all queries.
    async fn services(&self, query: &ServiceQuery) -> Result<Listed<Service>, DaoError>;

    /// A service.
    ///
    /// # Errors
    /// [`DaoError::NotFound`], and those of all queries.
    async fn service(&self, id: ServiceId) -> Result<Service, DaoError>;

    /// The names of methods that services offer, each once.
    ///
    /// # Errors
    /// Those of all queries.
    async fn service_rpcs(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError>;

    /// The topics that services take, each once.
    ///
    /// # Errors
    /// Those of all queries.
    async fn service_topics(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError>;

    /// Lets go of files and threads. Nothing is called after it.
    async fn close(&self);
}
