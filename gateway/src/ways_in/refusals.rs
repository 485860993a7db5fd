//! One log line for many refusals: at once for the first, then a sum now and then.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::gate::{LIMITS, Refusal};
use crate::metrics::Side;

/// Distance of two lines about the same.
const QUIET: Duration = Duration::from_secs(10);

/// What one accept loop has refused and not told yet.
#[derive(Debug)]
pub(super) struct Refusals {
    side: Side,
    untold: [u64; LIMITS.len()],
    /// Nothing is told before; `None` if nothing was told for long.
    quiet_until: Option<Instant>,
}

impl Refusals {
    pub(super) fn new(side: Side) -> Self {
        Self { side, untold: [0; LIMITS.len()], quiet_until: None }
    }

    pub(super) fn note(&mut self, refusal: Refusal, peer: SocketAddr) {
        let Refusal { limit, most } = refusal;
        if self.quiet_until.is_some() {
            self.untold[limit as usize] += 1;
            return;
        }
        let section = self.side.section();
        warn!(%peer, "connection refused: {section}.limits.{} is {most}; further ones are summed up", limit.key());
        self.quiet_until = Some(Instant::now() + QUIET);
    }

    /// Done when there may be something to tell. Cancel-safe.
    pub(super) async fn due(&self) {
        match self.quiet_until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// Tells the sums, if there are any.
    pub(super) fn tell(&mut self) {
        let [by_links, by_address] = std::mem::take(&mut self.untold);
        if by_links + by_address == 0 {
            self.quiet_until = None;
            return;
        }
        self.quiet_until = Some(Instant::now() + QUIET);
        let section = self.side.section();
        warn!(
            max_links = by_links,
            max_links_per_address = by_address,
            "{} more connections refused by {section}.limits",
            by_links + by_address
        );
    }
}
