//! Peers as light as those of the plain relay.
//!
//! Between them it is the gateway that is measured: on cores that all processes share, heavier peers would cool its caches and
//! make its batches smaller, which the relay is spared. So they use frames made beforehand, look at what comes only as far as
//! its header unless it is new, and have one read and one write for all that is ready, on one thread per process. What an
//! application sees is measured with the SDK instead (`--sdk`).

pub(crate) mod answering;
mod callers;
mod link;
mod requests;

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use proto::body::ServiceMeta;

pub(crate) use callers::Callers;
pub(crate) use link::{LONGEST_SILENCE, Link};
pub(crate) use requests::{Requests, Target, target};

use crate::peer::NAME;

/// Edges that connect at the same time: more would only wait for each other.
const AT_ONCE: usize = 64;

/// Connects `count` edges.
pub(crate) async fn edges(addr: &str, count: u32) -> Result<Vec<Link>> {
    let connecting = (0..count).map(|_| Link::connect(addr, Vec::new()));
    stream::iter(connecting).buffer_unordered(AT_ONCE).try_collect().await.context("an edge cannot connect")
}

/// Connects a service that wants the messages of `topics`.
pub(crate) async fn service(addr: &str, topics: &[&str]) -> Result<Link> {
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    let mut meta = Vec::new();
    ServiceMeta { service: NAME.to_owned(), topics }.encode(&mut meta);
    Link::connect(addr, meta).await.context("a service cannot connect")
}
