//! Edges that have made one call and stay.

use anyhow::{Context, Result};
use sdk::Edge;

use crate::args;
use crate::peer::{METHOD, Process};
use crate::report::{self, IdleReport};
use crate::server::Server;

/// Edges that come and go before it is measured, so that what is made once is made.
const FIRST: u32 = 64;

/// Measures memory per edge and the CPU of heartbeats.
pub(crate) async fn measure(args: &args::Idle) -> Result<()> {
    let server =
        args.gateway.pid.map(Server).context("idle needs --pid: it tells nothing but what the gateway costs")?;
    let _peer = Process::start(&["service", "--addr", &args.gateway.service_addr]).await?;
    drop(connect(args, FIRST).await?);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let before = server.memory()?;
    let edges = connect(args, args.edges.get()).await?;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let after = server.memory()?;
    let cpu_before = server.cpu()?;
    tokio::time::sleep(args.watch).await;
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    drop(edges);
    let count = f64::from(args.edges.get());
    let watched = args.watch.as_secs_f64();
    let per_ten_thousand = if watched > 0.0 { 100.0 * cpu.as_secs_f64() / watched * 10_000.0 / count } else { 0.0 };
    report::idle(
        args,
        &IdleReport {
            edges: args.edges.get(),
            bytes_per_edge: after.private_kib.saturating_sub(before.private_kib) as f64 * 1024.0 / count,
            heartbeat_percent_of_core_per_10k: per_ten_thousand,
        },
    )
}

async fn connect(args: &args::Idle, count: u32) -> Result<Vec<Edge>> {
    let mut edges = Vec::new();
    for _ in 0..count {
        let builder = Edge::builder(&args.gateway.edge_addr).heartbeat(args.heartbeat.into());
        let edge = builder.connect().await.context("an edge cannot connect")?;
        edge.call(METHOD, vec![b'x'; 128]).await.context("the one call of an edge failed")?;
        edges.push(edge);
    }
    Ok(edges)
}
