//! The records before a back end: order, waiting, and what happens when something breaks.

#![allow(clippy::unwrap_used, reason = "a failed unwrap names the line, which is all a test needs")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{edge_ids, edge_on};
use frontier_dao::{
    Change, Dao, DaoError, Edge, EdgeQuery, EdgeRpcQuery, Generation, Listed, Memory, Records, Service,
    ServiceNamesQuery, ServiceQuery, Snapshot, State, Text,
};
use proto::id::{EdgeId, ServiceId};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A directory: what is online, as changes.
#[derive(Debug, Default)]
struct Online(Mutex<Vec<Change>>);

#[async_trait]
impl Snapshot for Online {
    async fn take(&self) -> Vec<Change> {
        self.0.lock().unwrap().clone()
    }
}

/// Records in memory that can be held up, and fail on demand.
#[derive(Debug)]
struct Fragile {
    inner: Memory,
    /// A permit for each group that may be written.
    groups: Semaphore,
    written: Mutex<Vec<usize>>,
    failing: Mutex<Option<&'static str>>,
}

impl Fragile {
    fn new(groups: usize) -> Arc<Self> {
        let inner = Memory::default();
        Arc::new(Self { inner, groups: Semaphore::new(groups), written: Mutex::default(), failing: Mutex::default() })
    }

    fn fail(&self, with: Option<&'static str>) {
        *self.failing.lock().unwrap() = with;
    }

    fn check(&self) -> Result<(), DaoError> {
        self.failing.lock().unwrap().map_or(Ok(()), |reason| Err(DaoError::unavailable(reason)))
    }
}

#[async_trait]
impl Dao for Fragile {
    async fn apply(&self, changes: Vec<Change>) -> Result<(), DaoError> {
        self.groups.acquire().await.unwrap().forget();
        self.check()?;
        self.written.lock().unwrap().push(changes.len());
        self.inner.apply(changes).await
    }

    async fn rebuild(&self, changes: Vec<Change>) -> Result<(), DaoError> {
        self.check()?;
        self.inner.rebuild(changes).await
    }

    async fn edges(&self, query: &EdgeQuery) -> Result<Listed<Edge>, DaoError> {
        self.check()?;
        self.inner.edges(query).await
    }

    async fn edge(&self, id: EdgeId) -> Result<Edge, DaoError> {
        self.inner.edge(id).await
    }

    async fn edge_rpcs(&self, query: &EdgeRpcQuery) -> Result<Listed<Text>, DaoError> {
        self.inner.edge_rpcs(query).await
    }

    async fn services(&self, query: &ServiceQuery) -> Result<Listed<Service>, DaoError> {
        self.inner.services(query).await
    }

    async fn service(&self, id: ServiceId) -> Result<Service, DaoError> {
        self.inner.service(id).await
    }

    async fn service_rpcs(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        self.inner.service_rpcs(query).await
    }

    async fn service_topics(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        self.inner.service_topics(query).await
    }

    async fn close(&self) {}
}

struct Running {
    records: Records,
    online: Arc<Online>,
    stop: CancellationToken,
    writer: JoinHandle<()>,
}

fn start(dao: Arc<dyn Dao>) -> Running {
    let (online, stop) = (Arc::new(Online::default()), CancellationToken::new());
    let (records, writer) = Records::new(dao, Arc::clone(&online) as Arc<dyn Snapshot>);
    let writer = tokio::spawn(writer.run(stop.clone()));
    Running { records, online, stop, writer }
}

impl Running {
    async fn ids(&self) -> Result<(Vec<u64>, u64), DaoError> {
        self.records.edges(&EdgeQuery::default()).await.map(|listed| edge_ids(&listed))
    }

    /// Waits until the records can be asked again.
    async fn healthy(&self) {
        let healthy = async {
            while self.records.status().state != State::Healthy {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), healthy).await.expect("the records come back");
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.writer).await.expect("the writer ends").unwrap();
    }
}

#[tokio::test]
async fn a_query_sees_all_that_was_recorded_before_it() {
    let fresh = common::sqlite_in_memory().await;
    let running = start(Arc::clone(&fresh.dao));
    for id in 0..200 {
        running.records.record(edge_on(id, "m", 5));
        assert_eq!(running.ids().await.unwrap().1, id + 1);
        assert_eq!(running.records.edge(EdgeId(id)).await.unwrap().id, EdgeId(id));
    }
    running.end().await;
}

#[tokio::test]
async fn changes_are_written_in_groups_and_in_order() {
    let dao = Fragile::new(1);
    let running = start(Arc::clone(&dao) as Arc<dyn Dao>);
    running.records.record(edge_on(0, "m", 5));
    running.records.settled().await.unwrap();
    // The next group is held up; more comes meanwhile.
    for generation in 1..=1_000 {
        running.records.record(Change::EdgeOnline(common::edge(7, "m", 5), Generation(generation)));
        running.records.record(Change::EdgeOffline(EdgeId(7), Generation(generation)));
    }
    running.records.record(edge_on(8, "m", 5));
    dao.groups.add_permits(100);
    assert_eq!(running.ids().await.unwrap(), (vec![0, 8], 2));
    let written = dao.written.lock().unwrap().clone();
    assert_eq!(written.iter().sum::<usize>(), 2_002);
    assert!(written.len() < 20 && written.iter().all(|many| *many <= 512), "{written:?}");
    running.end().await;
}

#[tokio::test]
async fn a_full_queue_holds_up_nobody_and_the_rows_come_from_the_directory() {
    let dao = Fragile::new(0);
    let running = start(Arc::clone(&dao) as Arc<dyn Dao>);
    let meta = "x".repeat(100_000);
    for id in 0..400 {
        running.records.record(edge_on(id, &meta, 5));
        assert!(running.records.status().waiting_bytes <= 16 << 20);
    }
    let DaoError::Unavailable { reason } = running.ids().await.unwrap_err() else { panic!("no reason") };
    assert!(reason.contains("wait to be written"), "{reason}");
    let State::Unavailable { reason: told, .. } = running.records.status().state else { panic!("counts as healthy") };
    assert_eq!(told, reason);
    *running.online.0.lock().unwrap() = (0..400).map(|id| edge_on(id, "m", 5)).collect();
    dao.groups.add_permits(1_000);
    running.healthy().await;
    assert_eq!(running.ids().await.unwrap().1, 400);
    let status = running.records.status();
    assert_eq!((status.breaks, status.rebuilds, status.recorded), (1, 1, 400));
    running.records.record(edge_on(1_000, "m", 5));
    assert_eq!(running.ids().await.unwrap().1, 401);
    running.end().await;
}

#[tokio::test]
async fn a_back_end_that_fails_is_told_with_its_reason_and_made_anew() {
    let dao = Fragile::new(1_000);
    let running = start(Arc::clone(&dao) as Arc<dyn Dao>);
    running.records.record(edge_on(1, "m", 5));
    running.records.settled().await.unwrap();
    dao.fail(Some("no space left"));
    running.records.record(edge_on(2, "m", 6));
    // Whoever asks is told, never given a count without the one that could not be written.
    assert_eq!(running.ids().await, Err(DaoError::unavailable("no space left")));
    *running.online.0.lock().unwrap() = vec![edge_on(1, "m", 5), edge_on(2, "m", 6)];
    running.records.record(edge_on(3, "m", 7));
    assert_eq!(running.ids().await, Err(DaoError::unavailable("no space left")));
    running.online.0.lock().unwrap().push(edge_on(3, "m", 7));
    dao.fail(None);
    running.healthy().await;
    assert_eq!(running.ids().await.unwrap(), (vec![3, 2, 1], 3));
    running.end().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_breaks_the_records_too() {
    let dao = Fragile::new(1_000);
    let running = start(Arc::clone(&dao) as Arc<dyn Dao>);
    *running.online.0.lock().unwrap() = vec![edge_on(1, "m", 5)];
    dao.fail(Some("damaged"));
    assert_eq!(running.ids().await, Err(DaoError::unavailable("damaged")));
    assert!(matches!(running.records.status().state, State::Unavailable { .. }));
    dao.fail(None);
    running.healthy().await;
    assert_eq!(running.ids().await.unwrap(), (vec![1], 1));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_query_does_not_wait_for_ever_for_a_back_end_that_hangs() {
    let dao = Fragile::new(0);
    let running = start(dao as Arc<dyn Dao>);
    running.records.record(edge_on(1, "m", 5));
    let DaoError::Unavailable { reason } = running.ids().await.unwrap_err() else { panic!("no reason") };
    assert!(reason.contains("more than 5 s"), "{reason}");
    running.end().await;
}

#[tokio::test]
async fn once_stopped_queries_are_refused() {
    let running = start(Fragile::new(10) as Arc<dyn Dao>);
    let records = running.records.clone();
    running.end().await;
    records.record(edge_on(1, "m", 5));
    assert_eq!(records.edges(&EdgeQuery::default()).await, Err(DaoError::unavailable("the gateway stops")));
    assert_eq!(records.status().waiting, 0);
}
