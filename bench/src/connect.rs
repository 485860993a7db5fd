//! Edges that connect, with hooks, and leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use sdk::{Edge, Reconnect};
use tokio::task::JoinSet;

use crate::args;
use crate::latencies::Latencies;
use crate::load::{Load, Stop, alternate};
use crate::peer::Process;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::report;
use crate::server::Server;

struct Connects {
    addr: String,
    edges: u32,
    server: Option<Server>,
    _peer: Process,
}

impl Load for Connects {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        self.server
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let share = stop.share(self.edges as usize);
        let mut running = JoinSet::new();
        for _ in 0..self.edges {
            running.spawn(come_and_go(self.addr.clone(), share, progress.counter()));
        }
        let mut all = Latencies::default();
        while let Some(ended) = running.join_next().await {
            all.add(&ended??);
        }
        Ok(all)
    }
}

async fn come_and_go(addr: String, stop: Stop, counter: Arc<AtomicU64>) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut begun = 0;
    loop {
        let now = Instant::now();
        if !stop.allows(begun, now) {
            return Ok(latencies);
        }
        begun += 1;
        let builder = Edge::builder(&addr).reconnect(Reconnect::Never);
        let edge = builder.connect().await.context("an edge cannot connect")?;
        latencies.record(now.elapsed());
        drop(edge);
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Measures how many edges are admitted a second, hooks included.
pub(crate) async fn measure(args: &args::Connect) -> Result<()> {
    let peer = Process::start(&["service", "--addr", &args.gateway.service_addr, "--hooks"]).await?;
    let server = args.gateway.pid.map(Server);
    let load = Connects { addr: args.gateway.edge_addr.clone(), edges: args.edges.get(), server, _peer: peer };
    let pairs = alternate::<_, Reference>(&args.run, load, None).await?;
    report::connects(args, &pairs)
}
