//! Edges that have made one call and stay: what a link costs when nothing happens on it.

use std::time::Duration;

use anyhow::{Context, Result};
use sdk::{Bytes, Edge};

use super::answering_service;
use crate::args::{Gateway, Idle};
use crate::edges;
use crate::peer::METHOD;
use crate::progress::Progress;
use crate::report::{IdleReport, Report};
use crate::server::{Memory, Server};

/// Edges that come and go first, so that what is made once is made before it counts.
const FORERUNNERS: u32 = 64;

/// Memory is read at this distance, until it has not become less so many times, or the patience is over: allocators give
/// back late.
const STEP: Duration = Duration::from_millis(250);
const STEADY: u32 = 8;
const PATIENCE: u32 = 120;

pub(crate) async fn run(args: &Idle) -> Result<Report> {
    let server = args.gateway.pid.map(Server);
    let server = server.context("idle needs --pid: it measures nothing but what the gateway costs")?;
    let _service = answering_service(&args.gateway, false).await?;
    edges::close(active_edges(args, FORERUNNERS).await?).await;
    let before = settled(server).await?;
    let edges = active_edges(args, args.edges.get()).await?;
    let after = settled(server).await?;
    let cpu = watch(args, server).await?;
    edges::close(edges).await;
    let count = f64::from(args.edges.get());
    let growth = |before: u64, after: u64| after.saturating_sub(before) as f64 * 1024.0 / count;
    Ok(Report::Idle(IdleReport {
        records: args.records,
        edges: args.edges.get(),
        over: args.gateway.over(),
        heartbeat_seconds: sdk::HeartbeatClass::from(args.heartbeat).interval().as_secs(),
        before,
        after,
        resident_bytes_per_edge: growth(before.resident_kib, after.resident_kib),
        private_bytes_per_edge: growth(before.private_kib, after.private_kib),
        watched_seconds: args.watch.as_secs_f64(),
        cpu_percent: cpu,
        cpu_percent_per_10000_edges: cpu * 10_000.0 / count,
    }))
}

/// Edges that have made a call.
async fn active_edges(args: &Idle, count: u32) -> Result<Vec<Edge>> {
    let progress = Progress::new(&format!("connecting {count} edges"));
    let heartbeat = args.heartbeat.into();
    let Gateway { edge_addr, edge_tls, .. } = &args.gateway;
    let edges = edges::connect(edge_addr, edge_tls, count, |builder| builder.heartbeat(heartbeat)).await?;
    let payload = Bytes::from_static(&[b'x'; 128]);
    for edge in &edges {
        edge.call(METHOD, payload.clone()).await.context("the one call of an edge failed")?;
    }
    drop(progress);
    Ok(edges)
}

/// The server's memory once it becomes less no more.
async fn settled(server: Server) -> Result<Memory> {
    let _progress = Progress::new("waiting for memory to settle");
    let mut least = server.memory()?;
    let mut steady = 0;
    for _ in 0..PATIENCE {
        tokio::time::sleep(STEP).await;
        let memory = server.memory()?;
        steady = if memory.private_kib < least.private_kib { 0 } else { steady + 1 };
        if steady == STEADY {
            return Ok(memory);
        }
        least = memory;
    }
    Ok(least)
}

/// The server's CPU over the time that is to be watched, in percent of one core.
async fn watch(args: &Idle, server: Server) -> Result<f64> {
    let _progress = Progress::new("watching the gateway's CPU");
    let before = server.cpu()?;
    tokio::time::sleep(args.watch).await;
    let cpu = server.cpu()?.saturating_sub(before);
    Ok(if args.watch.is_zero() { 0.0 } else { 100.0 * cpu.as_secs_f64() / args.watch.as_secs_f64() })
}
