//! Many edges at once.

use anyhow::{Context, Result};
use sdk::{Builder, Edge};
use tokio::task::JoinSet;

use crate::args::EdgeTls;

/// Edges that connect, or leave, at the same time: more would only wait for each other.
const AT_ONCE: usize = 64;

/// An edge that connects to `addr` in that way.
pub(crate) fn builder(addr: &str, tls: &EdgeTls) -> Builder<Edge> {
    let builder = Edge::builder(addr);
    match tls.tls() {
        Some(tls) => builder.tls(tls),
        None => builder,
    }
}

/// Connects `count` edges, each prepared by `prepare`.
pub(crate) async fn connect(
    addr: &str,
    tls: &EdgeTls,
    count: u32,
    prepare: impl Fn(Builder<Edge>) -> Builder<Edge>,
) -> Result<Vec<Edge>> {
    let mut connecting = JoinSet::new();
    let mut edges = Vec::with_capacity(count as usize);
    for _ in 0..count {
        if connecting.len() == AT_ONCE {
            edges.extend(next(&mut connecting).await?);
        }
        connecting.spawn(prepare(builder(addr, tls)).connect());
    }
    while let Some(edge) = next(&mut connecting).await? {
        edges.push(edge);
    }
    Ok(edges)
}

async fn next(connecting: &mut JoinSet<Result<Edge, sdk::Error>>) -> Result<Option<Edge>> {
    let Some(joined) = connecting.join_next().await else { return Ok(None) };
    let edge = joined.context("connecting an edge panicked")?.context("an edge cannot connect")?;
    Ok(Some(edge))
}

/// Lets all of them take leave.
pub(crate) async fn close(edges: Vec<Edge>) {
    let mut leaving = JoinSet::new();
    for edge in edges {
        if leaving.len() == AT_ONCE {
            leaving.join_next().await;
        }
        leaving.spawn(async move { edge.close().await });
    }
    while leaving.join_next().await.is_some() {}
}
