//! The database as a file: what may lie there, what becomes of it, and a disk that fails.

#![allow(clippy::unwrap_used, reason = "a failed unwrap names the line, which is all a test needs")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{edge_ids, edge_on};
use frontier_dao::{Change, Dao, DaoError, EdgeQuery, OpenError, Page, Records, Snapshot, Sqlite, State};
use proto::id::EdgeId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio_util::sync::CancellationToken;

async fn open(path: &Path) -> Result<Sqlite, OpenError> {
    Sqlite::open(Some(path), false).await
}

/// Another program that opens the file.
async fn other(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

#[tokio::test]
async fn rows_of_an_earlier_run_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dao.db");
    let dao = open(&path).await.unwrap();
    dao.apply(vec![edge_on(1, "m", 5)]).await.unwrap();
    // As a killed gateway leaves it: not closed, with a log beside it.
    let left = folder.path().join("left.db");
    for ending in ["", "-wal", "-shm"] {
        let name = |base: &Path| format!("{}{ending}", base.display());
        fs::copy(name(&path), name(&left)).unwrap();
    }
    dao.close().await;
    drop(dao);
    for path in [path, left] {
        let dao = open(&path).await.unwrap();
        assert_eq!(edge_ids(&dao.edges(&EdgeQuery::default()).await.unwrap()), (vec![], 0), "{}", path.display());
        dao.apply(vec![edge_on(2, "m", 5)]).await.unwrap();
        assert_eq!(edge_ids(&dao.edges(&EdgeQuery::default()).await.unwrap()), (vec![2], 1));
    }
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dao.db");
    open(&path).await.unwrap().close().await;
    let mut connection = other(&path).await;
    connection.execute("PRAGMA user_version = 99").await.unwrap();
    connection.close().await.unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("schema version 99"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    let mut connection = other(&foreign).await;
    connection.execute("CREATE TABLE customers (name TEXT)").await.unwrap();
    connection.close().await.unwrap();
    let error = open(&foreign).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let mut connection = other(&foreign).await;
    connection.execute("INSERT INTO customers VALUES ('still there')").await.unwrap();

    let text = folder.path().join("text.txt");
    fs::write(&text, "a letter that somebody wrote, longer than the head of a database: ".repeat(20)).unwrap();
    let error = open(&text).await.unwrap_err().to_string();
    assert!(error.contains("text.txt") && error.contains("not a database"), "{error}");
    assert!(fs::read_to_string(&text).unwrap().starts_with("a letter"));
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/dao.db");
    let error = open(&missing).await.unwrap_err().to_string();
    assert!(error.contains("missing/dao.db") && error.contains("No such file or directory"), "{error}");
    let error = open(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
}

#[tokio::test]
async fn two_gateways_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dao.db");
    let first = open(&path).await.unwrap();
    first.apply(vec![edge_on(1, "m", 5)]).await.unwrap();
    assert!(matches!(open(&path).await.unwrap_err(), OpenError::InUse { .. }));
    assert_eq!(first.edges(&EdgeQuery::default()).await.unwrap().count, 1);
    let lock = folder.path().join("dao.db.lock");
    assert!(lock.exists());
    first.close().await;
    drop(first);
    assert!(!lock.exists(), "what stays behind is the database alone");
    // A gateway that was killed leaves it there, and it stands in nobody's way.
    drop(open(&path).await.unwrap());
    assert!(lock.exists());
    open(&path).await.unwrap();
}

#[tokio::test]
async fn others_can_look_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dao.db");
    let dao = open(&path).await.unwrap();
    dao.apply(vec![edge_on(u64::MAX, "m", 5), edge_on(7, "n", 6)]).await.unwrap();
    let mut connection = other(&path).await;
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT edge_id, meta FROM edges ORDER BY key").fetch_all(&mut connection).await.unwrap();
    let text = |text: &str| text.to_owned();
    assert_eq!(rows, [(text("7"), text("n")), (text("18446744073709551615"), text("m"))]);
}

#[tokio::test]
async fn a_reader_that_stays_holds_up_nothing_and_the_log_shrinks_once_it_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dao.db");
    let log = folder.path().join("dao.db-wal");
    let dao = open(&path).await.unwrap();
    let meta = "x".repeat(20_000);
    let write = async |ids: std::ops::Range<u64>| {
        for id in ids {
            dao.apply(vec![edge_on(id, &meta, 5)]).await.unwrap();
            dao.apply(vec![Change::EdgeOffline(EdgeId(id), frontier_dao::Generation(1))]).await.unwrap();
        }
    };
    let mut reader = other(&path).await;
    reader.execute("BEGIN").await.unwrap();
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM edges").fetch_one(&mut reader).await.unwrap();
    write(0..400).await;
    let grown = fs::metadata(&log).unwrap().len();
    assert!(grown > 16 << 20, "only {grown} bytes: this shows nothing");
    reader.execute("COMMIT").await.unwrap();
    write(400..420).await;
    let shrunk = fs::metadata(&log).unwrap().len();
    assert!(shrunk <= 4 << 20, "{shrunk} bytes");
}

/// Who is online, for the records to be made anew from.
#[derive(Debug, Default)]
struct Online(Mutex<Vec<Change>>);

#[async_trait]
impl Snapshot for Online {
    async fn take(&self) -> Vec<Change> {
        self.0.lock().unwrap().clone()
    }
}

/// Records on a file, and a directory beside them.
struct Running {
    records: Records,
    online: Arc<Online>,
    stop: CancellationToken,
}

impl Running {
    async fn start(path: &Path) -> Self {
        let (online, stop) = (Arc::new(Online::default()), CancellationToken::new());
        let dao = Arc::new(open(path).await.unwrap());
        let (records, writer) = Records::new(dao, Arc::clone(&online) as Arc<dyn Snapshot>);
        tokio::spawn(writer.run(stop.clone()));
        Self { records, online, stop }
    }

    fn come(&self, id: u64, meta: &str) {
        self.online.0.lock().unwrap().push(edge_on(id, meta, 5));
        self.records.record(edge_on(id, meta, 5));
    }

    async fn count(&self) -> Result<u64, DaoError> {
        let query = EdgeQuery { page: Page::new(1, 1), ..EdgeQuery::default() };
        Ok(self.records.edges(&query).await?.count)
    }

    async fn healthy(&self) {
        let healthy = async {
            while self.records.status().state != State::Healthy {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), healthy).await.expect("the records come back");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_damaged_file_is_made_anew_from_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dao.db");
    let running = Running::start(&path).await;
    for id in 0..2_000 {
        running.come(id, &format!("m{id}"));
    }
    assert_eq!(running.count().await, Ok(2_000));
    for file in [path.clone(), folder.path().join("dao.db-wal")] {
        let length = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
        let damaged = fs::OpenOptions::new().write(true).open(&file).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&damaged, &vec![0xa5; length], 0).unwrap();
    }
    // Until the damage is met answers may be right still; none is wrong.
    let mut met = false;
    for id in 2_000..2_400 {
        running.come(id, "m");
        match running.count().await {
            Ok(count) => assert_eq!(count, id + 1),
            Err(DaoError::Unavailable { reason }) => {
                assert!(reason.contains("dao.db"), "{reason}");
                met = true;
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(met, "the damage was never met");
    running.healthy().await;
    assert_eq!(running.count().await, Ok(running.online.0.lock().unwrap().len() as u64));
}

/// A tmpfs of its own, which needs root.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(folder.path()).status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "mounting needs root: leave this test out with `--skip small_disk`"
        );
        Self(folder)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What cannot be unmounted now goes with the machine; the test has its result.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_small_disk_costs_answers_and_no_row() {
    let disk = Small::mount();
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 1_000_000]).unwrap();
    let running = Running::start(&disk.0.path().join("dao.db")).await;
    let meta = "x".repeat(1_000);
    let mut reason = None;
    for id in 0..1_500 {
        running.come(id, &meta);
        match running.count().await {
            Ok(count) => assert_eq!(count, id + 1, "a wrong count"),
            Err(DaoError::Unavailable { reason: told }) => {
                reason = Some(told);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let reason = reason.expect("the disk is too small for this");
    assert!(reason.contains("full") || reason.contains("No space left"), "{reason}");
    running.come(10_000, &meta);
    assert!(running.count().await.is_err());
    assert_eq!(running.records.status().waiting, 0, "nothing piles up");
    fs::remove_file(&ballast).unwrap();
    running.healthy().await;
    assert_eq!(running.count().await, Ok(running.online.0.lock().unwrap().len() as u64));
    running.come(10_001, &meta);
    assert_eq!(running.count().await, Ok(running.online.0.lock().unwrap().len() as u64));
}
