//! Records in memory.
//!
//! One table for edges and one for services. Rows lie in no order, so that one costs little where nobody asks; who asks makes
//! views of them (`view.rs`), in which a page is found by one walk over numbers. That runs on threads for what takes
//! time and holds a lock that only the records' writer waits for, never a link.

mod names;
mod page;
mod rows;
mod table;
mod view;

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use proto::id::{EdgeId, ServiceId};

use crate::model::{EdgeRpc, Service, ServiceRpc, ServiceTopic, Text};
use crate::query::{EdgeQuery, EdgeRpcQuery, Listed, Names, Peers, ServiceNamesQuery, ServiceQuery};
use crate::{Change, Dao, DaoError, Edge};
use names::Offered;
use rows::Row;
use table::Table;

/// Records in memory.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Arc<RwLock<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    edges: Table,
    services: Table,
}

impl Tables {
    fn apply(&mut self, change: Change) {
        let Self { edges, services } = self;
        match change {
            Change::EdgeOnline(Edge { id, meta, addr, create_time }, generation) => {
                edges.put(Row::new(id.0, meta, addr, create_time, generation));
            }
            Change::EdgeOffline(id, generation) => edges.remove(id.0, generation),
            Change::EdgeRpc(EdgeRpc { rpc, edge, create_time }, generation) => {
                edges.offer(edge.0, generation, Offered::Rpc, rpc, create_time);
            }
            Change::ServiceOnline(Service { id, name, addr, create_time }, generation) => {
                services.put(Row::new(id.0, name, addr, create_time, generation));
            }
            Change::ServiceOffline(id, generation) => services.remove(id.0, generation),
            Change::ServiceRpc(ServiceRpc { rpc, service, create_time }, generation) => {
                services.offer(service.0, generation, Offered::Rpc, rpc, create_time);
            }
            Change::ServiceTopic(ServiceTopic { topic, service, create_time }, generation) => {
                services.offer(service.0, generation, Offered::Topic, topic, create_time);
            }
        }
    }
}

fn edge(row: &Row) -> Edge {
    Edge { id: EdgeId(row.id), meta: row.label.clone(), addr: row.addr.clone(), create_time: row.create_time }
}

fn service(row: &Row) -> Service {
    Service { id: ServiceId(row.id), name: row.label.clone(), addr: row.addr.clone(), create_time: row.create_time }
}

impl Memory {
    /// Runs `work` where it may take a while.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RwLock<Tables>) -> T + Send + 'static,
    ) -> Result<T, DaoError> {
        let tables = Arc::clone(&self.tables);
        let done = tokio::task::spawn_blocking(move || work(&tables)).await;
        done.map_err(|_| DaoError::unavailable("the gateway stops"))
    }

    async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Tables) -> T + Send + 'static) -> Result<T, DaoError> {
        self.aside(|tables| work(&tables.read().unwrap_or_else(PoisonError::into_inner))).await
    }
}

#[async_trait]
impl Dao for Memory {
    async fn apply(&self, changes: Vec<Change>) -> Result<(), DaoError> {
        self.aside(|tables| {
            let mut tables = tables.write().unwrap_or_else(PoisonError::into_inner);
            changes.into_iter().for_each(|change| tables.apply(change));
        })
        .await
    }

    async fn rebuild(&self, changes: Vec<Change>) -> Result<(), DaoError> {
        self.aside(|tables| {
            let mut anew = Tables::default();
            changes.into_iter().for_each(|change| anew.apply(change));
            let before = std::mem::replace(&mut *tables.write().unwrap_or_else(PoisonError::into_inner), anew);
            // Outside the lock: it can be large.
            drop(before);
        })
        .await
    }

    async fn edges(&self, query: &EdgeQuery) -> Result<Listed<Edge>, DaoError> {
        let wanted = Peers::try_from(query)?;
        self.read(move |tables| tables.edges.list(&wanted, edge)).await
    }

    async fn edge(&self, id: EdgeId) -> Result<Edge, DaoError> {
        self.read(move |tables| tables.edges.row(id.0).map(edge)).await?.ok_or(DaoError::NotFound)
    }

    async fn edge_rpcs(&self, query: &EdgeRpcQuery) -> Result<Listed<Text>, DaoError> {
        let wanted = Names::from(query);
        self.read(move |tables| tables.edges.names(&wanted, Offered::Rpc)).await
    }

    async fn services(&self, query: &ServiceQuery) -> Result<Listed<Service>, DaoError> {
        let wanted = Peers::try_from(query)?;
        self.read(move |tables| tables.services.list(&wanted, service)).await
    }

    async fn service(&self, id: ServiceId) -> Result<Service, DaoError> {
        self.read(move |tables| tables.services.row(id.0).map(service)).await?.ok_or(DaoError::NotFound)
    }

    async fn service_rpcs(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        let wanted = Names::from(query);
        self.read(move |tables| tables.services.names(&wanted, Offered::Rpc)).await
    }

    async fn service_topics(&self, query: &ServiceNamesQuery) -> Result<Listed<Text>, DaoError> {
        let wanted = Names::from(query);
        self.read(move |tables| tables.services.names(&wanted, Offered::Topic)).await
    }

    async fn close(&self) {}
}
