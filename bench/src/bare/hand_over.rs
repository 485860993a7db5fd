//! Clients that tell by a future what became of what they were handed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep_until;

use crate::flow::Flow;

/// Done when the messages are confirmed, or one of them is not.
pub(super) type Confirmed = BoxFuture<'static, Result<()>>;

/// A client that takes some messages at a time.
pub(super) trait HandOver: Send {
    /// The most messages that are handed over and confirmed together.
    const TOGETHER: usize;

    /// Hands `count` messages over.
    fn hand_over(&mut self, count: usize) -> impl Future<Output = Result<Confirmed>> + Send;
}

/// Publishes what `flow` lets begin, until it is over; counts in `done`.
pub(super) async fn publish<C: HandOver>(client: &mut C, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
    let mut under_way = FuturesUnordered::new();
    loop {
        while let begun = begin(flow, C::TOGETHER)
            && !begun.is_empty()
        {
            let confirmed = client.hand_over(begun.len()).await?;
            under_way.push(confirmed.map(|confirmed| confirmed.map(|()| begun)));
        }
        if flow.is_over(Instant::now()) {
            return Ok(());
        }
        let confirmed = match flow.next_due() {
            None => under_way.next().await,
            Some(due) => tokio::select! {
                Some(confirmed) = under_way.next() => Some(confirmed),
                () = sleep_until(due.into()) => continue,
            },
        };
        let mut confirmed = Some(confirmed.context("something is under way, or due")?);
        // What has been confirmed with it makes room for as much at once.
        while let Some(begun) = confirmed {
            let (begun, now) = (begun?, Instant::now());
            done.fetch_add(begun.len() as u64, Ordering::Relaxed);
            begun.into_iter().for_each(|since| flow.end(since, now));
            confirmed = under_way.next().now_or_never().flatten();
        }
    }
}

/// As many as may begin now, up to `most`: since when each takes its time.
fn begin(flow: &mut Flow, most: usize) -> Vec<Instant> {
    let now = Instant::now();
    std::iter::from_fn(|| flow.begin(now)).take(most).collect()
}
