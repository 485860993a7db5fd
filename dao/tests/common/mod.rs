//! What the tests share: fresh back ends, and rows in short.

#![allow(dead_code, reason = "each file of tests uses its part of it")]

use std::ops::Deref;
use std::sync::Arc;

use frontier_dao::{Change, Dao, Edge, EdgeRpc, Generation, Listed, Service, ServiceRpc, ServiceTopic, Text};
use proto::id::{EdgeId, ServiceId};
use tempfile::TempDir;

/// A back end without rows, and what it lies in.
pub(crate) struct Fresh {
    pub(crate) dao: Arc<dyn Dao>,
    _folder: Option<TempDir>,
}

impl Deref for Fresh {
    type Target = dyn Dao;

    fn deref(&self) -> &dyn Dao {
        &*self.dao
    }
}

async fn opened(backend: config::Backend, folder: Option<TempDir>) -> Fresh {
    let mut settings = config::Dao { backend, ..config::Dao::default() };
    settings.sqlite.path = folder.as_ref().map(|folder| folder.path().join("dao.db"));
    Fresh { dao: frontier_dao::open(&settings).await.unwrap(), _folder: folder }
}

pub(crate) async fn memory() -> Fresh {
    opened(config::Backend::Memory, None).await
}

pub(crate) async fn sqlite_in_memory() -> Fresh {
    opened(config::Backend::Sqlite, None).await
}

pub(crate) async fn sqlite_file() -> Fresh {
    opened(config::Backend::Sqlite, Some(tempfile::tempdir().unwrap())).await
}

/// An edge admitted at second `at`.
pub(crate) fn edge(id: u64, meta: &str, at: i64) -> Edge {
    let addr = format!("127.0.0.1:{}", 10_000 + id % 50_000);
    Edge { id: EdgeId(id), meta: meta.into(), addr: addr.into(), create_time: at }
}

pub(crate) fn service(id: u64, name: &str, at: i64) -> Service {
    let addr = format!("127.0.0.1:{}", 10_000 + id % 50_000);
    Service { id: ServiceId(id), name: name.into(), addr: addr.into(), create_time: at }
}

pub(crate) fn edge_on(id: u64, meta: &str, at: i64) -> Change {
    Change::EdgeOnline(edge(id, meta, at), Generation(1))
}

pub(crate) fn service_on(id: u64, name: &str, at: i64) -> Change {
    Change::ServiceOnline(service(id, name, at), Generation(1))
}

pub(crate) fn edge_rpc(id: u64, rpc: &str, at: i64) -> Change {
    Change::EdgeRpc(EdgeRpc { rpc: rpc.into(), edge: EdgeId(id), create_time: at }, Generation(1))
}

pub(crate) fn service_rpc(id: u64, rpc: &str, at: i64) -> Change {
    Change::ServiceRpc(ServiceRpc { rpc: rpc.into(), service: ServiceId(id), create_time: at }, Generation(1))
}

pub(crate) fn service_topic(id: u64, topic: &str, at: i64) -> Change {
    Change::ServiceTopic(ServiceTopic { topic: topic.into(), service: ServiceId(id), create_time: at }, Generation(1))
}

/// Ids in the order in which they are listed, and the count.
pub(crate) fn edge_ids(listed: &Listed<Edge>) -> (Vec<u64>, u64) {
    (listed.rows.iter().map(|edge| edge.id.0).collect(), listed.count)
}

pub(crate) fn service_ids(listed: &Listed<Service>) -> (Vec<u64>, u64) {
    (listed.rows.iter().map(|service| service.id.0).collect(), listed.count)
}

pub(crate) fn names(listed: &Listed<Text>) -> (Vec<&str>, u64) {
    (listed.rows.iter().map(Text::as_str).collect(), listed.count)
}

/// Pseudo-random numbers: the same for the same seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
