//! Whether a connection is used, and whether its answers are taken.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Requests under way on one connection. Clones are of the same.
#[derive(Debug, Clone)]
pub(super) struct Use(watch::Sender<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    all: usize,
    /// Until when some of them have to be over, each with a number of its own.
    due: BTreeSet<(Instant, u64)>,
    last: u64,
}

impl Use {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// A request is under way, until what is returned is dropped, which should be `within` a time unless it may last for ever.
    pub(super) fn begin(&self, within: Option<Duration>) -> Request {
        let mut due = None;
        self.0.send_modify(|under_way| {
            under_way.all += 1;
            under_way.last += 1;
            due = within.map(|within| (Instant::now() + within, under_way.last));
            under_way.due.extend(due);
        });
        Request { of: self.0.clone(), due }
    }

    /// Waits until nothing was under way for as long as `idle`. Cancel-safe.
    pub(super) async fn idle(&self, idle: Duration) {
        let mut under_way = self.0.subscribe();
        loop {
            let is_busy = under_way.borrow_and_update().all > 0;
            let limit = if is_busy { Duration::MAX } else { idle };
            if timeout(limit, under_way.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Waits until a request has taken longer than it should. Cancel-safe.
    pub(super) async fn overdue(&self) {
        let mut under_way = self.0.subscribe();
        loop {
            let first = under_way.borrow_and_update().due.first().map(|(due, _)| *due);
            let limit = first.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            if timeout(limit, under_way.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Request {
    of: watch::Sender<UnderWay>,
    due: Option<(Instant, u64)>,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.of.send_modify(|under_way| {
            under_way.all -= 1;
            if let Some(due) = &self.due {
                under_way.due.remove(due);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_is_idle_a_while_after_the_last_request_has_ended() {
        let (used, begun) = (Use::new(), Instant::now());
        let busy = async {
            for _ in 0..3 {
                sleep(IDLE / 2).await;
                drop(used.begin(Some(IDLE)));
            }
            let (long, short) = (used.begin(None), used.begin(Some(IDLE)));
            drop(short);
            sleep(IDLE * 10).await;
            drop(long);
        };
        let ((), ()) = tokio::join!(used.idle(IDLE), busy);
        assert_eq!(begun.elapsed().as_secs(), (IDLE * 3 / 2 + IDLE * 10 + IDLE).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_overdue_whatever_else_ends_and_one_that_may_last_never_is() {
        let (used, begun) = (Use::new(), Instant::now());
        let _lasts = used.begin(None);
        let busy = async {
            let first = used.begin(Some(IDLE));
            sleep(IDLE / 2).await;
            let stuck = used.begin(Some(IDLE));
            drop(first);
            for _ in 0..10 {
                sleep(IDLE / 4).await;
                drop(used.begin(Some(IDLE)));
            }
            drop(stuck);
        };
        tokio::select! {
            () = used.overdue() => {}
            () = busy => panic!("nothing was overdue"),
        }
        assert_eq!(begun.elapsed().as_secs(), (IDLE * 3 / 2).as_secs());
    }
}
