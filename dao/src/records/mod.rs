//! What stands between links and a back end.
//!
//! A link leaves a change and goes on. One task, the [`Writer`], takes them out in order and writes them in groups; a query
//! waits until all that was left before it is written. When a change cannot be kept, because the back end fails or the
//! queue is full, the records are *broken*: from then on queries are refused with the reason, nothing is queued, and the
//! writer makes the records anew from a [`Snapshot`] of who is online, again and again until that succeeds.

mod queue;
mod writer;

pub use writer::Writer;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use proto::id::{EdgeId, ServiceId};

use crate::model::{Service, Text};
use crate::query::{EdgeQuery, EdgeRpcQuery, Listed, ServiceNamesQuery, ServiceQuery};
use crate::{Change, Dao, DaoError, Edge};
use queue::{Queue, Settled};

/// How long a query waits for the changes before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who is online, told anew.
#[async_trait]
pub trait Snapshot: fmt::Debug + Send + Sync + 'static {
    /// Every link that is online and what it offers, as the changes that record it, in an order in which they can be
    /// applied.
    ///
    /// A link whose going was recorded before this is called must not be among them; one whose coming was recorded before,
    /// and whose going was not by the time this returns, must. So whoever keeps the table that this reads enters a link there
    /// before its coming is recorded, and takes it out before its going is. All others may be in it or not: their changes
    /// follow.
    async fn take(&self) -> Vec<Change>;
}

/// Whether the records can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// They can.
    Healthy,
    /// They cannot, until they are made anew.
    Unavailable {
        /// Why, in words for an operator.
        reason: Arc<str>,
        /// Since when.
        since: SystemTime,
    },
}

/// What the records are doing, for health and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether they can be asked.
    pub state: State,
    /// Changes that wait to be written.
    pub waiting: usize,
    /// Bytes that these hold.
    pub waiting_bytes: usize,
    /// Changes that were left here since the start.
    pub recorded: u64,
    /// How often the records broke.
    pub breaks: u64,
    /// How often they were made anew.
    pub rebuilds: u64,
}

/// The records of who is online: where links leave changes, and where the control plane asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Records {
    dao: Arc<dyn Dao>,
    queue: Arc<Queue>,
}

impl Records {
    /// Records in `dao`, which has no rows. Nothing is written, and so no query answered, until the writer runs. `snapshot` is
    /// asked when the records have to be made anew.
    pub fn new(dao: Arc<dyn Dao>, snapshot: Arc<dyn Snapshot>) -> (Self, Writer) {
        let records = Self { dao, queue: Arc::default() };
        let writer = Writer::new(Arc::clone(&records.dao), Arc::clone(&records.queue), snapshot);
        (records, writer)
    }

    /// Leaves a change to be written. Takes a lock for a moment and never waits for anything; callable from any thread.
    ///
    /// The changes of one link must be left in their order. At most 16 MiB of changes wait: one more breaks the records.
    pub fn record(&self, change: Change) {
        self.queue.push(change);
    }

    /// What the records are doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.queue.status()
    }

    /// Waits until everything that was recorded before this call is written.
    ///
    /// # Errors
    /// The records are broken, or it takes more than 5 s.
    pub async fn settled(&self) -> Result<(), DaoError> {
        let upto = self.queue.recorded();
        let settled = async {
            loop {
                let changed = self.queue.changed();
                tokio::pin!(changed);
                // From here on no change of the queue is missed.
                changed.as_mut().enable();
                match self.queue.settled(upto) {
                    Settled::Yes => return Ok(()),
                    Settled::Never(reason) => return Err(DaoError::Unavailable { reason }),
                    Settled::NotYet => changed.await,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(settled) => settled,
            Err(_) => Err(DaoError::unavailable(format!(
                "{} changes wait to be written, for more than {} s",
                self.queue.status().waiting,
                PATIENCE.as_secs()
            ))),
        }
    }

    /// Passes an answer on. One that the back end could not give breaks the records: reading is what finds a damaged file.
    fn answered<T>(&self, answer: Result<T, DaoError>) -> Result<T, DaoError> {
        if let Err(DaoError::Unavailable { reason }) = &answer {
            self.queue.broke(reason);
        }
        answer
    }

    /// As [`Dao::edges`], once all that was recorded before is written.
    ///
    /// # Errors
    /// Those of [`Records::settled`] and of the back end; as all queries.
    pub async fn edges(&self, query: &EdgeQuery) -> Result<Listed<Edge>, DaoError> {
        self.settled().await?;
        self.answered(self.dao.edges(query).await)
    }

    /// As [`Dao::edge`].
    ///
    /// # Errors
    /// As [`Records::edges`], and [`DaoError::NotFound`].
    pub async fn edge(&self, id: EdgeId) -> Result<Edge, DaoError> {
        self.settled().await?;
        self.answered(self.dao.edge(id).await)
    }

    /// As [`Dao::edge_rpcs`].
    ///
    /// # Errors
    /// As [`Records::edges`].
    pub async fn edge_rpcs(&self, query: &EdgeRpcQuery) -> Result<Listed<Text>, DaoError> {
        self.settled().await?;
        self.answered(self.dao.edge_rpcs(query).await)
    }

    /// As [`Dao::services`].
    ///
    /// # Errors
    /// As [`Records::edges`].
    pub async fn services(&self, query: &ServiceQuery) -> Result<Listed<Service>, DaoError> {
        self.settled().await?;
        self.answered(self.dao.services(query).await)
    }

    /// As [`Dao::service`].
    ///
    /// # Errors
    /// As [`Records::edges`], and [`DaoError::NotFound`].
    pub async fn service(&self, id: ServiceId) -> Result<Service, DaoError> {
        self.settled().await?;
        self.answered(self.dao.service(id).await)
    }

    /// As [`Dao::service_rpcs`].
    ///
    /// # Errors
    /// As [`Records::edges`].
    pub async fn service_rpcs(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        self.settled().await?;
        self.answered(self.dao.service_rpcs(query).await)
    }

    /// As [`Dao::service_topics`].
    ///
    /// # Errors
    /// As [`Records::edges`].
    pub async fn service_topics(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        self.settled().await?;
        self.answered(self.dao.service_topics(query).await)
    }
}
