//! Edges that come and go, as services learn of them.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use proto::body::Presence;
use proto::id::EdgeId;

use crate::handlers::Work;

/// Edges of which a service remembers the meta at most.
const REMEMBERED: usize = 65_536;

/// An edge that comes online or has gone offline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgePresence {
    /// The edge's id.
    pub edge_id: EdgeId,
    /// What it says about itself.
    pub meta: Bytes,
    /// Network of its address, for example `tcp`.
    pub net: String,
    /// Its address, for example `192.0.2.7:40312`.
    pub addr: String,
}

/// The metas of edges that were told to be online on the present link. Owns no memory while it is empty.
#[derive(Debug, Default)]
pub(crate) struct Metas {
    /// Off unless both hooks are there: without either, entries would be missing or would stay for ever.
    on: AtomicBool,
    metas: Mutex<HashMap<EdgeId, Bytes>>,
}

impl Metas {
    pub(crate) fn enable(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    pub(crate) fn find(&self, edge: EdgeId) -> Option<Bytes> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        self.lock().get(&edge).cloned()
    }

    fn remember(&self, edge: EdgeId, meta: Bytes) {
        let mut metas = self.lock();
        if self.on.load(Ordering::Relaxed) && metas.len() < REMEMBERED {
            metas.insert(edge, meta);
        }
    }

    fn forget(&self, edge: EdgeId) {
        self.lock().remove(&edge);
    }

    /// Forgets all: who goes while there is no link is not told.
    pub(crate) fn clear(&self) {
        *self.lock() = HashMap::new();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EdgeId, Bytes>> {
        // Nothing that could panic halfway runs under this lock.
        self.metas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The method by which the gateway asks for an edge's id.
pub(crate) fn edge_id_work<F, Fut, E>(hook: F) -> Work
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<EdgeId, E>> + Send + 'static,
    E: fmt::Display,
{
    Work::task(move |request| {
        let id = hook(request.payload);
        async move {
            let id = id.await.map_err(|error| error.to_string())?;
            Ok::<_, String>(id.0.to_be_bytes().to_vec())
        }
    })
}

/// The method by which the gateway tells that an edge comes online.
pub(crate) fn online_work<F, Fut, E>(metas: Arc<Metas>, hook: F) -> Work
where
    F: Fn(EdgePresence) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display,
{
    Work::task(move |request| {
        let metas = Arc::clone(&metas);
        let told = decode(&request.payload).map(|presence| (presence.clone(), hook(presence)));
        async move {
            let (presence, admitted) = told?;
            admitted.await.map_err(|error| error.to_string())?;
            metas.remember(presence.edge_id, presence.meta);
            Ok::<_, String>(Bytes::new())
        }
    })
}

/// The method by which the gateway tells that an edge has gone offline.
pub(crate) fn offline_work<F, Fut, E>(metas: Arc<Metas>, hook: F) -> Work
where
    F: Fn(EdgePresence) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display,
{
    Work::task(move |request| {
        let told = decode(&request.payload).map(|presence| {
            metas.forget(presence.edge_id);
            hook(presence)
        });
        async move {
            told?.await.map_err(|error| error.to_string())?;
            Ok::<_, String>(Bytes::new())
        }
    })
}

fn decode(payload: &[u8]) -> Result<EdgePresence, String> {
    let presence = Presence::decode(payload).map_err(|error| format!("illegal presence: {error}"))?;
    let Presence { edge, meta, net, addr } = presence;
    Ok(EdgePresence { edge_id: EdgeId(edge), meta: Bytes::from(meta), net, addr })
}
