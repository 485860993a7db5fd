//! What can go wrong.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a query has no answer, or a change was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DaoError {
    /// No row has that id.
    #[error("not found")]
    NotFound,
    /// The records cannot be trusted, or not be read, at the moment.
    #[error("the records of who is online are not available: {reason}")]
    Unavailable {
        /// Why, in words for an operator.
        reason: Arc<str>,
    },
    /// Too many queries at once: this one did not get its turn in time.
    #[error("too many queries at once: try again")]
    Busy,
    /// The query itself cannot be answered.
    #[error(transparent)]
    BadQuery(#[from] BadQuery),
}

impl DaoError {
    /// [`DaoError::Unavailable`] with `reason`.
    pub fn unavailable(reason: impl Into<Arc<str>>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadQuery {
    /// There is no such field to order by.
    #[error("cannot order by {field:?}, only by {}", known.join(", "))]
    Order {
        /// What was asked for, without its sign.
        field: String,
        /// What there is.
        known: &'static [&'static str],
    },
    /// The place to go on from is none, or one of another order.
    #[error("the place to go on from does not belong to this order: take the last row of a page that was listed by it")]
    After,
}

/// Why records cannot be kept as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database cannot be opened, made or written.
    #[error("dao.sqlite.path: {} cannot be used as a database: {reason}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another program keeps its records in the same file.
    #[error("dao.sqlite.path: {} is in use by another gateway: give each a file of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of something else.
    #[error("dao.sqlite.path: {} is a database, but not one of a gateway: name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error(
        "dao.sqlite.path: {} has schema version {found}, this gateway knows up to {known}: remove the file, its rows are of \
         an earlier run, or name another one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
}
