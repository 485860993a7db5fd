//! Edges that connect and leave at a steady rate.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::aside::Turns;
use crate::latencies::Latencies;
use crate::lean::Link;

/// Edges that may be underway at once: a gateway that falls behind is not flooded.
const AT_ONCE: usize = 64;

/// Goes on until it is over. Returns how long it took from when an edge was due until it was in.
///
/// # Errors
/// An edge is not let in.
pub(crate) async fn visit(turns: Turns, addr: String) -> Result<Latencies> {
    let mut visiting = JoinSet::new();
    let mut latencies = Latencies::default();
    let mut number = 0;
    while turns.next(number).await {
        if visiting.len() == AT_ONCE {
            left(&mut visiting, &mut latencies).await?;
        }
        visiting.spawn(come_and_go(addr.clone(), turns.due(number)));
        number += 1;
    }
    while left(&mut visiting, &mut latencies).await? {}
    Ok(latencies)
}

/// Whether another one has left.
async fn left(visiting: &mut JoinSet<Result<Duration>>, latencies: &mut Latencies) -> Result<bool> {
    let Some(joined) = visiting.join_next().await else { return Ok(false) };
    latencies.record(joined.context("a visitor's task panicked")??);
    Ok(true)
}

async fn come_and_go(addr: String, due: Instant) -> Result<Duration> {
    let link = Link::connect(&addr, b"a visitor".to_vec()).await?;
    let took = due.elapsed();
    link.leave().await;
    Ok(took)
}
