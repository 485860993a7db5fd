//! The one task of a bridge: connects, keeps the connection busy and watched, and tries again for ever.

mod alarm;
mod backoff;
mod deadlines;
mod handle;
mod ledger;
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout};
use tracing::{debug, warn};

use self::backoff::Backoff;
use self::handle::Shared;
use self::session::{Ended, Session};
use crate::{Answer, Bridge, Connector, PublishError};

#[cfg(feature = "kafka")]
pub(crate) use self::handle::WAITING_ROOM;
pub use self::handle::{BridgeHandle, Phase, State};
pub use self::ledger::Counters;

/// How long one try to connect may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

/// The first and the longest wait between two tries.
const RECONNECT_FIRST: Duration = Duration::from_millis(250);
const RECONNECT_MOST: Duration = Duration::from_secs(5);

/// How long a connection must have stood for the next try to come at once again.
const STOOD: Duration = Duration::from_secs(10);

/// How long taking leave of a broker may take.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);
/// The same when the time to close is over.
const FAREWELL_LEAST: Duration = Duration::from_millis(250);

/// The time by which everything in here is measured.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A bridge and its task, which ends after [`BridgeHandle::close`]. Dropped, the task tells those who wait nothing.
pub(crate) fn supervise<A: Answer>(
    config: &config::Bridge,
    connector: Arc<dyn Connector>,
) -> (BridgeHandle<A>, impl Future<Output = ()> + Send + use<A>) {
    let shared = Arc::new(Shared::new(config, &connector.target()));
    (BridgeHandle(Arc::clone(&shared)), run(shared, connector))
}

async fn run<A: Answer>(shared: Arc<Shared<A>>, connector: Arc<dyn Connector>) {
    let mut backoff = Backoff::new(RECONNECT_FIRST, RECONNECT_MOST);
    let mut failures = 0;
    let mut proven = true;
    loop {
        let connecting = timeout(CONNECT, connector.connect());
        let Some(connected) = meanwhile(&shared, connecting).await else { break };
        match connected {
            Ok(Ok(bridge)) => {
                let since = now();
                let ended = Session::new(&shared, Arc::clone(&bridge), proven).run().await;
                let stood = now().saturating_duration_since(since) >= STOOD;
                proven = !matches!(ended, Ended::Stalled { .. });
                let (error, worked) = match ended {
                    Ended::Closed => {
                        give_up_all(&shared);
                        farewell(&shared, &*bridge).await;
                        break;
                    }
                    Ended::Lost(error) => (error, true),
                    Ended::Stalled { error, delivered } => (error, delivered),
                };
                if worked && stood {
                    failures = 0;
                }
                // Leave is taken of a connection that is of no use, so it is down already.
                shared.down(&error);
                if meanwhile(&shared, farewell(&shared, &*bridge)).await.is_none() {
                    break;
                }
            }
            Ok(Err(error)) => shared.down(&error),
            Err(_) => shared.down(&no_connection()),
        }
        failures += 1;
        let pause = tokio::time::sleep(backoff.after(failures));
        if meanwhile(&shared, pause).await.is_none() {
            break;
        }
    }
    give_up_all(&shared);
    debug!(bridge = &*shared.name, "bridge closed");
}

/// Answers all who wait: the bridge closes.
fn give_up_all<A: Answer>(shared: &Shared<A>) {
    let owed = shared.ledger().give_up_all();
    if !owed.is_empty() {
        warn!(bridge = &*shared.name, records = owed.len(), "bridge closed before all was sent");
    }
    answer(owed);
}

/// The broker has used up its time.
pub(crate) fn no_connection() -> PublishError {
    PublishError::lost(format_args!("no connection within {} s", CONNECT.as_secs()))
}

/// Waits for `done` while nothing can be sent: publishers are answered when their deadlines pass. `None`: it is time to end.
async fn meanwhile<A: Answer, T>(shared: &Shared<A>, done: impl Future<Output = T>) -> Option<T> {
    let mut closing = shared.closing.subscribe();
    tokio::pin!(done);
    loop {
        let by = *closing.borrow_and_update();
        shared.expire();
        let (next, idle) = {
            let mut ledger = shared.ledger();
            (ledger.rest(now(), false), ledger.is_idle())
        };
        if by.is_some_and(|by| idle || by <= now()) {
            return None;
        }
        tokio::select! {
            done = &mut done => return Some(done),
            () = at(next.into_iter().chain(by).min()) => {}
            () = shared.wake.notified() => {}
            _ = closing.changed() => {}
        }
    }
}

/// Done at that time; never, if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

async fn farewell<A: Answer>(shared: &Shared<A>, bridge: &dyn Bridge) {
    let by = *shared.closing.borrow();
    let left = by.map_or(FAREWELL, |by| by.saturating_duration_since(now()).max(FAREWELL_LEAST));
    if timeout(left.min(FAREWELL), bridge.close()).await.is_err() {
        debug!(bridge = &*shared.name, "the broker did not take leave in time");
    }
}

fn answer<A: Answer>(owed: Vec<ledger::Owed<A>>) {
    for (answer, outcome) in owed {
        answer.answer(outcome);
    }
}

impl<A: Answer> Shared<A> {
    /// Nothing gets through, for this reason.
    fn down(&self, error: &PublishError) {
        let reason: Arc<str> = error.to_string().into();
        if self.enter(Phase::Down { reason }) {
            warn!(bridge = &*self.name, target = &*self.target, reason = %error, "bridge down, trying again");
        } else {
            debug!(bridge = &*self.name, reason = %error, "bridge still down");
        }
    }

    /// Answers those whose deadlines have passed.
    fn expire(&self) {
        let owed = self.ledger().expire(now(), || self.obstacle());
        answer(owed);
    }
}

#[cfg(test)]
mod tests;
