//! Records in SQLite: a file that others can look into, or memory.
//!
//! The file is made anew at each start, and whenever it turns out to be broken: its rows live as long as the run. One
//! connection writes; with a file, others read beside it (WAL), each in a thread of its own.

mod place;
mod read;
mod schema;
mod write;

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::id::{EdgeId, ServiceId};
use sqlx::Connection;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use tokio::sync::{Mutex, MutexGuard, RwLock};

use crate::model::{Service, Text};
use crate::query::{EdgeQuery, EdgeRpcQuery, Listed, Names, Peers, ServiceNamesQuery, ServiceQuery};
use crate::{Change, Dao, DaoError, Edge, OpenError};
use place::Place;
use read::PeerRow;
use schema::{EDGE_RPCS, EDGES, NameTable, PeerTable, SERVICE_RPCS, SERVICE_TOPICS, SERVICES};

/// Queries that run at once; others wait.
const READERS: u32 = 2;

/// How long a query waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Records in SQLite.
#[derive(Debug)]
pub struct Sqlite {
    place: Place,
    /// `None` while it is made anew, and after that failed.
    database: RwLock<Option<Arc<Database>>>,
}

#[derive(Debug)]
struct Database {
    writer: Mutex<SqliteConnection>,
    /// `None` in memory: there the writer reads.
    readers: Option<SqlitePool>,
}

impl Sqlite {
    /// Opens a database without rows: in the file `path`, which is made if it is absent and emptied if it is a gateway's,
    /// or in memory. With `debug` statements are logged.
    ///
    /// # Errors
    /// The file cannot be used, is in use by another gateway, or is not one of ours, or of a later version.
    pub async fn open(path: Option<&Path>, debug: bool) -> Result<Self, OpenError> {
        let place = Place::take(path, debug).await?;
        let database = make(&place)
            .await
            .map_err(|error| place::unusable(place.path().unwrap_or(Path::new(":memory:")), &place::reason(&error)))?;
        Ok(Self { place, database: RwLock::new(Some(Arc::new(database))) })
    }

    /// Whether [`Sqlite::open`] would open `path`, told without changing anything, and without regard to another gateway that uses
    /// it.
    ///
    /// # Errors
    /// What opening it would say.
    pub async fn look(path: Option<&Path>) -> Result<(), OpenError> {
        match path.filter(|path| !place::is_memory(path)) {
            Some(path) => place::look(path).await,
            None => Ok(()),
        }
    }

    async fn database(&self) -> Result<Arc<Database>, DaoError> {
        let database = self.database.read().await;
        database.clone().ok_or_else(|| DaoError::unavailable("the database is closed"))
    }

    fn failed(&self, error: &sqlx::Error) -> DaoError {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return DaoError::Busy;
        }
        let reason = place::reason(error);
        DaoError::unavailable(match self.place.path() {
            Some(path) => format!("{}: {reason}", path.display()),
            None => format!("SQLite: {reason}"),
        })
    }

    async fn peers<T>(&self, table: PeerTable, wanted: &Peers, made: fn(PeerRow) -> T) -> Result<Listed<T>, DaoError> {
        let database = self.database().await?;
        let listed = async { read::peers(&mut *database.reader().await?, table, wanted).await };
        let Listed { rows, count } = listed.await.map_err(|error| self.failed(&error))?;
        Ok(Listed { rows: rows.into_iter().map(made).collect(), count })
    }

    async fn peer(&self, table: PeerTable, id: u64) -> Result<PeerRow, DaoError> {
        let database = self.database().await?;
        let found = async { read::peer(&mut *database.reader().await?, table, id).await };
        found.await.map_err(|error| self.failed(&error))?.ok_or(DaoError::NotFound)
    }

    async fn names(&self, table: NameTable, wanted: &Names) -> Result<Listed<Text>, DaoError> {
        let database = self.database().await?;
        let listed = async { read::names(&mut *database.reader().await?, table, wanted).await };
        listed.await.map_err(|error| self.failed(&error))
    }
}

/// A connection to read from.
enum Reader<'a> {
    Own(PoolConnection<sqlx::Sqlite>),
    Writers(MutexGuard<'a, SqliteConnection>),
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Writers(connection) => connection,
        }
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Writers(connection) => connection,
        }
    }
}

async fn make(place: &Place) -> Result<Database, sqlx::Error> {
    let writer = place.make().await?;
    let pool = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(TURN);
    let readers = place.reader().map(|options| pool.connect_lazy_with(options));
    Ok(Database { writer: Mutex::new(writer), readers })
}

impl Database {
    async fn reader(&self) -> Result<Reader<'_>, sqlx::Error> {
        Ok(match &self.readers {
            Some(readers) => Reader::Own(readers.acquire().await?),
            None => Reader::Writers(self.writer.lock().await),
        })
    }

    /// Waits for the end of queries that run, and closes.
    async fn close(self: Arc<Self>) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        if let Some(database) = Arc::into_inner(self) {
            // It is given up in any case.
            let _ = database.writer.into_inner().close().await;
        }
    }
}

fn edge(row: PeerRow) -> Edge {
    Edge { id: EdgeId(row.id), meta: row.label.into(), addr: row.addr.into(), create_time: row.create_time }
}

fn service(row: PeerRow) -> Service {
    Service { id: ServiceId(row.id), name: row.label.into(), addr: row.addr.into(), create_time: row.create_time }
}

#[async_trait]
impl Dao for Sqlite {
    async fn apply(&self, changes: Vec<Change>) -> Result<(), DaoError> {
        let database = self.database().await?;
        let mut writer = database.writer.lock().await;
        write::apply(&mut writer, changes).await.map_err(|error| self.failed(&error))
    }

    async fn rebuild(&self, changes: Vec<Change>) -> Result<(), DaoError> {
        let mut database = self.database.write().await;
        if let Some(before) = database.take() {
            before.close().await;
        }
        let anew = make(&self.place).await.map_err(|error| self.failed(&error))?;
        let filled = write::apply(&mut *anew.writer.lock().await, changes).await;
        filled.map_err(|error| self.failed(&error))?;
        *database = Some(Arc::new(anew));
        Ok(())
    }

    async fn edges(&self, query: &EdgeQuery) -> Result<Listed<Edge>, DaoError> {
        self.peers(EDGES, &query.try_into()?, edge).await
    }

    async fn edge(&self, id: EdgeId) -> Result<Edge, DaoError> {
        self.peer(EDGES, id.0).await.map(edge)
    }

    async fn edge_rpcs(&self, query: &EdgeRpcQuery) -> Result<Listed<Text>, DaoError> {
        self.names(EDGE_RPCS, &query.into()).await
    }

    async fn services(&self, query: &ServiceQuery) -> Result<Listed<Service>, DaoError> {
        self.peers(SERVICES, &query.try_into()?, service).await
    }

    async fn service(&self, id: ServiceId) -> Result<Service, DaoError> {
        self.peer(SERVICES, id.0).await.map(service)
    }

    async fn service_rpcs(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        self.names(SERVICE_RPCS, &query.into()).await
    }

    async fn service_topics(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        self.names(SERVICE_TOPICS, &query.into()).await
    }

    async fn close(&self) {
        if let Some(database) = self.database.write().await.take() {
            database.close().await;
        }
        self.place.leave();
    }
}
