//! Edges that connect and leave, with a service that is asked for their ids and told of them; and edges that stay, which
//! are to notice little of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sdk::{Bytes, Edge, Reconnect};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::answering_service;
use crate::args::{Connect, Gateway};
use crate::edges;
use crate::latencies::Latencies;
use crate::load::{Load, Stop, alternate};
use crate::peer::METHOD;
use crate::ping_pong::PingPong;
use crate::progress::Progress;
use crate::report::{Compared, ConnectReport, Report};
use crate::server::Server;

/// How often an edge that stays calls.
const PACE: Duration = Duration::from_millis(10);

pub(crate) async fn run(args: &Connect) -> Result<Report> {
    let _service = answering_service(&args.gateway, true).await?;
    let residents =
        edges::connect(&args.gateway.edge_addr, &args.gateway.edge_tls, args.residents, |builder| builder).await?;
    let quiet = Residents::start(&residents);
    {
        let _progress = Progress::new("nobody connects");
        tokio::time::sleep(args.run.seconds).await;
    }
    let quiet = quiet.end().await?;
    let disturbed = Residents::start(&residents);
    let server = args.gateway.pid.map(Server);
    let visitors = Visitors { gateway: args.gateway.clone(), edges: args.edges.get(), server };
    let pairs = alternate(&args.run, visitors, None::<PingPong>).await?;
    let disturbed = disturbed.end().await?;
    let Compared { gateway, rounds, .. } = Compared::of(&pairs);
    Ok(Report::Connect(ConnectReport {
        records: args.records,
        edges: args.edges.get(),
        gateway,
        rounds,
        residents: args.residents,
        quiet_us: quiet.percentiles(),
        disturbed_us: disturbed.percentiles(),
    }))
}

/// Edges that connect and leave, over and over.
struct Visitors {
    gateway: Gateway,
    edges: u32,
    server: Option<Server>,
}

impl Load for Visitors {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        self.server
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let stop = stop.share(self.edges as usize);
        let mut running = JoinSet::new();
        for _ in 0..self.edges {
            running.spawn(come_and_go(self.gateway.clone(), stop, progress.counter()));
        }
        let mut all = Latencies::default();
        while let Some(joined) = running.join_next().await {
            all.add(&joined.context("a visitor's task panicked")??);
        }
        Ok(all)
    }
}

/// What is recorded is the time until the edge is in.
async fn come_and_go(gateway: Gateway, stop: Stop, done: Arc<AtomicU64>) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    loop {
        let begin = Instant::now();
        if !stop.allows(latencies.count(), begin) {
            return Ok(latencies);
        }
        let builder = edges::builder(&gateway.edge_addr, &gateway.edge_tls).reconnect(Reconnect::Never);
        let edge = builder.connect().await.context("an edge cannot connect")?;
        latencies.record(begin.elapsed());
        edge.close().await;
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Edges that stay and call from time to time.
struct Residents {
    calling: JoinSet<Result<Latencies>>,
    over: Arc<AtomicBool>,
}

impl Residents {
    fn start(edges: &[Edge]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let calling = edges.iter().map(|edge| call_now_and_then(edge.clone(), Arc::clone(&over))).collect();
        Self { calling, over }
    }

    async fn end(mut self) -> Result<Latencies> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Latencies::default();
        while let Some(joined) = self.calling.join_next().await {
            all.add(&joined.context("a resident's task panicked")??);
        }
        Ok(all)
    }
}

async fn call_now_and_then(edge: Edge, over: Arc<AtomicBool>) -> Result<Latencies> {
    let payload = Bytes::from_static(&[b'x'; 128]);
    let mut latencies = Latencies::default();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !over.load(Ordering::Relaxed) {
        pace.tick().await;
        let begin = Instant::now();
        edge.call(METHOD, payload.clone()).await.context("a call failed while others connected")?;
        latencies.record(begin.elapsed());
    }
    Ok(latencies)
}
