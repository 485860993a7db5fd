//! Whether a connection is used.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Requests under way on one connection.
#[derive(Debug, Clone)]
pub(super) struct Use(watch::Sender<usize>);

impl Use {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// A request is under way, until what is returned is dropped.
    pub(super) fn begin(&self) -> Request {
        self.0.send_modify(|under_way| *under_way += 1);
        Request(self.0.clone())
    }

    /// Waits until nothing was under way for as long as `idle`. Cancel-safe.
    pub(super) async fn idle(&self, idle: Duration) {
        let mut under_way = self.0.subscribe();
        loop {
            let is_busy = *under_way.borrow_and_update() > 0;
            let limit = if is_busy { Duration::MAX } else { idle };
            if timeout(limit, under_way.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Request(watch::Sender<usize>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.send_modify(|under_way| *under_way -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_is_idle_a_while_after_the_last_request_has_ended() {
        let (used, begun) = (Use::new(), Instant::now());
        let busy = async {
            for _ in 0..3 {
                sleep(IDLE / 2).await;
                drop(used.begin());
            }
            let (long, short) = (used.begin(), used.begin());
            drop(short);
            sleep(IDLE * 10).await;
            drop(long);
        };
        let ((), ()) = tokio::join!(used.idle(IDLE), busy);
        assert_eq!(begun.elapsed().as_secs(), (IDLE * 3 / 2 + IDLE * 10 + IDLE).as_secs());
    }
}
