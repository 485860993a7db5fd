//! The one task of an edge or service: dials, runs the link, and does so again.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use net::Causes;
use proto::conn::Connection;
use proto::id::IdGenerator;
use tokio::time::Instant;
use tracing::{debug, info};
use transport::{QueueLimits, drive, link};

use crate::dial::ByteStream;
use crate::link::ClientLink;
use crate::reconnect::{Attempt, Backoff, random};
use crate::shared::Shared;
use crate::{Error, LinkState, Reconnect};

/// Runs until the application wants the end, or until a link is over that is not to be made anew: the first one if it
/// never was online, any one with [`Reconnect::Never`]. Tells why.
pub(crate) async fn run(shared: Arc<Shared>) -> Error {
    let end = connect_again_and_again(&shared).await;
    shared.finish();
    end
}

async fn connect_again_and_again(shared: &Arc<Shared>) -> Error {
    let mut backoff = Backoff::default();
    let mut proven = false;
    let mut failed = false;
    loop {
        shared.set_state(LinkState::Connecting);
        let Over { error, reason, attempt } = connect_once(shared, failed).await;
        failed = !matches!(attempt, Attempt::Lived(_));
        proven |= !failed;
        if shared.is_closing() {
            return Error::Closed;
        }
        if !proven || shared.options.reconnect == Reconnect::Never {
            return error;
        }
        let pause = backoff.pause(attempt, random());
        info!(%reason, ?pause, "no link to the gateway, trying again after a pause");
        let next_attempt = Instant::now() + pause;
        shared.set_state(LinkState::Offline { reason: reason.into(), next_attempt });
        tokio::select! {
            () = tokio::time::sleep_until(next_attempt) => {}
            () = shared.stopped() => return Error::Closed,
        }
    }
}

/// How an attempt to be online ended.
struct Over {
    error: Error,
    /// For people.
    reason: String,
    attempt: Attempt,
}

async fn connect_once(shared: &Arc<Shared>, failed_before: bool) -> Over {
    let dialed = tokio::select! {
        dialed = shared.options.dialer.dial(shared.options.connect_timeout, failed_before) => dialed,
        () = shared.stopped() => Err(Error::Closed),
    };
    match dialed {
        Ok(io) => run_link(shared, io).await,
        Err(error) => Over { reason: Causes(&error).to_string(), error, attempt: Attempt::Failed },
    }
}

/// Runs one link to its end.
async fn run_link(shared: &Arc<Shared>, io: Box<dyn ByteStream>) -> Over {
    let options = &shared.options;
    let seconds = unix_seconds();
    let (handle, inbox) = link(QueueLimits { lane_bytes: options.limits.queue_bytes }, seconds);
    if !shared.link_started(handle.clone()) {
        return Over { error: Error::Closed, reason: "closed".to_owned(), attempt: Attempt::Failed };
    }
    let now = Instant::now().into_std();
    // One second earlier than the ids of what is queued: the two never meet.
    let ids = IdGenerator::new(seconds.saturating_sub(1), random() as u32);
    let conn = Connection::client(now, Arc::clone(&options.settings), ids, options.wanted, options.meta.clone());
    let endpoint = ClientLink::new(Arc::clone(shared), handle);
    let limits = transport::Limits { max_payload: options.limits.max_payload, ..transport::Limits::default() };
    let (end, io) = drive(io, conn, endpoint, inbox, Arc::new(limits)).await;
    drop(io);
    debug!(end = %Causes(&end), "link is over");
    let ended = shared.link_ended();
    let reason = ended.complaint.map_or_else(|| Causes(&end).to_string(), str::to_owned);
    match (ended.refusal, ended.lived) {
        (Some(text), _) => Over {
            reason: format!("refused by the gateway: {text}"),
            error: Error::Refused(text),
            attempt: Attempt::Refused,
        },
        (None, Some(lived)) => Over { reason, error: Error::LinkLost, attempt: Attempt::Lived(lived) },
        (None, None) => Over { error: Error::Handshake(reason.clone()), reason, attempt: Attempt::Failed },
    }
}

/// Seconds since 1970, for ids that look like everybody's.
fn unix_seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}
