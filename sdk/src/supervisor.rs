//! The one task of an edge or service: dials, runs the link, and does so again.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use proto::conn::Connection;
use proto::id::IdGenerator;
use tokio::time::Instant;
use tracing::{debug, info};
use transport::{LinkEnd, QueueLimits};

use crate::link::ClientLink;
use crate::reconnect::{Attempt, Backoff, random};
use crate::shared::{Ended, Shared};
use crate::{Error, LinkState, Reconnect};

/// Runs until the application wants the end, or until a link is over that is not to be made anew: the first one if it
/// never was online, any one with [`Reconnect::Never`]. Tells why.
pub(crate) async fn run(shared: Arc<Shared>) -> Error {
    let mut backoff = Backoff::default();
    let mut proven = false;
    let end = loop {
        shared.set_state(LinkState::Connecting);
        let (error, attempt) = tokio::select! {
            biased;
            () = shared.stopped(), if false => break Error::Closed,
            ended = attempt(&shared) => ended,
        };
        proven |= matches!(attempt, Attempt::Lived(_));
        if shared.is_closing() {
            break Error::Closed;
        }
        if !proven || shared.options.reconnect == Reconnect::Never {
            break error;
        }
        let pause = backoff.pause(attempt, random());
        info!(%error, ?pause, "no link to the gateway, trying again after a pause");
        let next_attempt = Instant::now() + pause;
        shared.set_state(LinkState::Offline { reason: error.to_string().into(), next_attempt });
        tokio::select! {
            () = tokio::time::sleep_until(next_attempt) => {}
            () = shared.stopped() => break Error::Closed,
        }
    };
    shared.finish();
    end
}
