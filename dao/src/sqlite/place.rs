//! Where the database lies, and who may use it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor};

use super::schema;
use crate::OpenError;

/// How long to wait for another program that has the file locked.
const BUSY: Duration = Duration::from_secs(5);

/// To what the write-ahead log shrinks when it starts anew.
const WAL_BYTES: &str = "4194304";

/// A file, or memory.
#[derive(Debug)]
pub(super) struct Place {
    file: Option<Held>,
    debug: bool,
}

/// A file that no other gateway uses.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// Locked for as long as it is open. A file of its own, as the database is made anew at times.
    _lock: File,
}

impl Place {
    /// Takes `path`, which must be absent, empty or a gateway's, for this gateway; without one it is memory.
    pub(super) async fn take(path: Option<&Path>, debug: bool) -> Result<Self, OpenError> {
        let Some(path) = path.filter(|path| !is_memory(path)) else {
            return Ok(Self { file: None, debug });
        };
        let lock = lock(path)?;
        examine(path, SqliteConnectOptions::new().busy_timeout(BUSY)).await?;
        Ok(Self { file: Some(Held { path: path.to_owned(), _lock: lock }), debug })
    }

    /// The file, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|held| held.path.as_path())
    }

    /// Another gateway may take the file. Its database is closed.
    pub(super) fn leave(&self) {
        if let Some(held) = &self.file {
            // While it is still locked, so that nobody else's is removed. One that stays does no harm.
            let _ = fs::remove_file(beside(&held.path, ".lock"));
        }
    }

    fn options(&self) -> SqliteConnectOptions {
        let options = match self.path() {
            Some(path) => SqliteConnectOptions::new()
                .filename(path)
                .journal_mode(SqliteJournalMode::Wal)
                .pragma("journal_size_limit", WAL_BYTES),
            None => SqliteConnectOptions::new().in_memory(true).filename(":memory:"),
        };
        let options = options
            .busy_timeout(BUSY)
            // The rows live as long as the run: nothing has to survive a crash.
            .synchronous(SqliteSynchronous::Off)
            // A large sort must not need a disk.
            .pragma("temp_store", "memory")
            .pragma("cache_size", "-16384")
            .foreign_keys(true);
        // They are lines of level debug.
        if self.debug { options } else { options.disable_statement_logging() }
    }

    /// Makes the database anew, without rows, whatever lies there.
    ///
    /// A connection to what lay there may end later: SQLite then leaves the new log alone, as the database under its name is
    /// not the file any more that it opened.
    pub(super) async fn make(&self) -> Result<SqliteConnection, sqlx::Error> {
        if let Some(path) = self.path() {
            for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm"), beside(path, "-journal")] {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(sqlx::Error::Io(error)),
                    _ => {}
                }
            }
            // SQLite does not say why it cannot.
            File::create(path).map_err(sqlx::Error::Io)?;
        }
        let mut connection = self.options().connect().await?;
        let mut transaction = connection.begin().await?;
        for statement in schema::STATEMENTS {
            transaction.execute(*statement).await?;
        }
        let mark =
            format!("PRAGMA application_id = {}; PRAGMA user_version = {}", schema::APPLICATION_ID, schema::VERSION);
        transaction.execute(sqlx::AssertSqlSafe(mark)).await?;
        transaction.commit().await?;
        Ok(connection)
    }

    /// Another connection to a database that was made, for queries; `None` in memory, where each would be a database of its
    /// own.
    pub(super) fn reader(&self) -> Option<SqliteConnectOptions> {
        self.path().map(|_| self.options().create_if_missing(false).pragma("query_only", "on"))
    }
}

/// Says of `path` what [`Place::take`] and [`Place::make`] would, and leaves everything as it is. Whether another gateway uses it is not
/// looked at: it may be the one whose configuration this is.
pub(super) async fn look(path: &Path) -> Result<(), OpenError> {
    let lock = beside(path, ".lock");
    let failed = |error: io::Error| unusable(path, &format!("{}: {error}", lock.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let may_write = fs::metadata(folder).and_then(|found| {
        if !found.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
    });
    may_write.map_err(failed)?;
    // What is written beside the database at this moment is not waited for, nor looked at.
    examine(path, SqliteConnectOptions::new().read_only(true).immutable(true)).await
}

/// Whether what lies at `path` may be replaced.
async fn examine(path: &Path, options: SqliteConnectOptions) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() == 0 => return Ok(()),
        Ok(found) if found.is_dir() => return Err(unusable(path, &"it is a folder")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(path, &error)),
    }
    let options = options.filename(path).create_if_missing(false);
    let look = async {
        let mut connection = options.disable_statement_logging().connect().await?;
        let number = |of: &'static str| sqlx::query_scalar::<_, i64>(of);
        let application = number("PRAGMA application_id").fetch_one(&mut connection).await?;
        let version = number("PRAGMA user_version").fetch_one(&mut connection).await?;
        let tables = number("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>((application, version, tables))
    };
    let (application, found, tables) = look.await.map_err(|error| unusable(path, &reason(&error)))?;
    if application != schema::APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if application == schema::APPLICATION_ID && found > schema::VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: schema::VERSION });
    }
    Ok(())
}

/// Whether SQLite takes this for memory.
pub(super) fn is_memory(path: &Path) -> bool {
    path == Path::new(":memory:")
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let lock = beside(path, ".lock");
    let failed = |error: io::Error| unusable(path, &format!("{}: {error}", lock.display()));
    loop {
        let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, &lock) => return Ok(file),
            // Whoever had it has removed it meanwhile: what is locked now is nobody's any more.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: &fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(file), Ok(found)) if place(&file) == place(&found))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(super) fn unusable(path: &Path, reason: &impl ToString) -> OpenError {
    OpenError::Database { path: path.to_owned(), reason: reason.to_string() }
}

/// What SQLite or the system says, without what a library puts around it.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
