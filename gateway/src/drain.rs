//! Stopping in order. Links are told to leave one after another, so that a fleet does not come back in one second; edges
//! first, since what they still ask needs the services.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::Gateway;
use crate::exchange::{Command, Handle};

/// Time for links to take leave once the drain window is over.
const LEAVE_GRACE: Duration = Duration::from_secs(2);

/// Time for bridges to take leave of their brokers once the drain window is over.
const BRIDGE_GRACE: Duration = Duration::from_secs(3);

/// How often a draining gateway looks whether it is done.
const STEP: Duration = Duration::from_millis(20);

/// From one link to the next where the window has room for it: a few links are not kept waiting for its length.
const PACE: Duration = Duration::from_millis(5);

impl Gateway {
    /// Ends in order: accepts no more, tells every link to leave once nothing is in flight on it, one after another over
    /// `window`; after that answers the rest with an error and takes leave of it. Bridges close last: what they hold is sent
    /// within the window, or given up. Returns as soon as that is done.
    pub async fn shutdown(&self, window: Duration) {
        let by = Instant::now() + window;
        self.accepting.stop();
        self.exchange.stop_admitting();
        if tokio::time::timeout(window, self.part(window)).await.is_err() {
            let (edges, services) = self.online();
            info!(edges, services, "drain window is over, taking leave of the rest");
            self.exchange.leave();
        }
        self.close_bridges(by).await;
        self.serving.stop();
        if !self.serving.wait(LEAVE_GRACE).await {
            warn!("some links did not end in time, closing them");
        }
    }

    /// Bridges send what they hold, until `by` at most, and take leave of their brokers.
    async fn close_bridges(&self, by: Instant) {
        let Some(bridges) = &self.exchange.bridges else { return };
        bridges.close(by.into_std());
        self.bridging.stop();
        let left = by.saturating_duration_since(Instant::now());
        if !self.bridging.wait(left + BRIDGE_GRACE).await {
            warn!("some bridges did not close in time");
        }
    }

    /// Done once nobody is left.
    async fn part(&self, window: Duration) {
        let directory = &self.exchange.directory;
        tell(directory.edges.handles(), window * 7 / 10).await;
        while self.online().0 > 0 {
            tokio::time::sleep(STEP).await;
        }
        tell(directory.services.handles(), window / 10).await;
        while self.is_busy() {
            tokio::time::sleep(STEP).await;
        }
    }
}

/// Tells `links` to leave, evenly `within` a time, or sooner if they are few.
async fn tell(links: Vec<Handle>, within: Duration) {
    let pace = u32::try_from(links.len()).map_or(Duration::ZERO, |count| within / count.max(1)).min(PACE);
    let begin = Instant::now();
    for (link, number) in links.into_iter().zip(0u32..) {
        let due = begin + pace * number;
        // The timer has milliseconds: those that are due within one are told together.
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        // A link that is gone needs no telling.
        let _ = link.push(Command::Drain);
    }
}

#[cfg(test)]
mod tests {
    use transport::{QueueLimits, link};

    use super::*;

    async fn time_for(count: usize, within: Duration) -> Duration {
        let links: Vec<_> = (0..count).map(|_| link(QueueLimits { lane_bytes: 1024 }, 2)).collect();
        let begin = Instant::now();
        tell(links.iter().map(|(handle, _)| handle.clone()).collect(), within).await;
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn many_links_are_told_over_all_of_the_time() {
        let took = time_for(100_000, Duration::from_secs(20)).await;
        assert!(took > Duration::from_secs(19) && took < Duration::from_secs(21), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn few_links_are_told_soon() {
        let took = time_for(20, Duration::from_secs(20)).await;
        assert!(took > Duration::from_millis(90) && took < Duration::from_millis(150), "{took:?}");
        assert_eq!(time_for(0, Duration::from_secs(20)).await, Duration::ZERO);
        assert_eq!(time_for(1000, Duration::ZERO).await, Duration::ZERO);
    }
}
