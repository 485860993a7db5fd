//! The load for the gateway: callers, each of which waits for an answer before it begins anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinSet;

use crate::latencies::Latencies;
use crate::load::{Load, Stop};
use crate::progress::Progress;
use crate::server::Server;

/// Something that can be done again and again, by many at once.
pub(crate) trait Operation: Send + Sync + 'static {
    /// Does it once.
    fn once(&self) -> impl Future<Output = Result<(), sdk::Error>> + Send;
}

/// Callers in a closed loop, some for each operation.
///
/// Those of one operation share a task: who is answered together begins anew together, as frames do that go through the
/// relay. It also costs least here.
#[derive(Debug)]
pub(crate) struct Callers<O> {
    operations: Vec<Arc<O>>,
    each: usize,
    server: Option<Server>,
}

impl<O: Operation> Callers<O> {
    /// `each` callers for each of `operations`.
    pub(crate) fn new(operations: impl IntoIterator<Item = O>, each: u32, server: Option<Server>) -> Self {
        Self { operations: operations.into_iter().map(Arc::new).collect(), each: each as usize, server }
    }
}

impl<O: Operation> Load for Callers<O> {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        self.server
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let stop = stop.share(self.operations.len());
        let mut running = JoinSet::new();
        for operation in &self.operations {
            running.spawn(repeat(Arc::clone(operation), self.each, stop, progress.counter()));
        }
        let mut all = Latencies::default();
        while let Some(joined) = running.join_next().await {
            all.add(&joined.context("a caller panicked")??);
        }
        Ok(all)
    }
}

async fn repeat<O: Operation>(
    operation: Arc<O>,
    callers: usize,
    stop: Stop,
    done: Arc<AtomicU64>,
) -> Result<Latencies> {
    let once = async |begin: Instant| operation.once().await.map(|()| begin);
    let mut latencies = Latencies::default();
    let mut running = FuturesUnordered::new();
    let (mut begun, mut now) = (0, Instant::now());
    loop {
        while running.len() < callers && stop.allows(begun, now) {
            running.push(once(now));
            begun += 1;
        }
        let Some(begin) = running.next().await else { return Ok(latencies) };
        let begin = begin.context("an operation failed, so nothing was measured")?;
        now = Instant::now();
        latencies.record(now - begin);
        done.fetch_add(1, Ordering::Relaxed);
    }
}
