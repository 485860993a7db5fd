//! Routing between links: what a peer sends is decided here and queued at the link that it is for.
//!
//! Each link's task decides for what its own peer sends, and never waits for another link: a call or message becomes a
//! [`Command`] in the target's queue together with a [`ReplyTo`], which brings the answer back to the origin's queue,
//! exactly once, whatever happens on the way.

mod bridged;
mod command;
mod deadline;
mod error;
mod grace;
mod hooks;
mod port;
mod reply;
mod routes;
mod stream;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use controlplane::Meter;
use dao::Records;
use proto::conn::Connection;
use transport::LinkHandle;

use crate::directory::{Chooser, Directory};
use crate::limits::Overruns;
use crate::metrics::Metrics;
use crate::presence::{ClosedLinks, Presence};
use crate::takeovers::Takeovers;

pub(crate) use bridged::{BridgeHandle, BridgeReply, Bridges, Targets};
pub(crate) use command::{Command, Forward, Waiter};
pub(crate) use deadline::{Due, now};
pub(crate) use error::RouteError;
pub(crate) use grace::Grace;
pub(crate) use hooks::{HookReply, HookStage, call_hook, tell_offline};
pub(crate) use port::{Bounds, Passage, Patience, Port, Publisher};
pub(crate) use reply::{Kind, ReplyTo};
pub(crate) use routes::Routes;
pub(crate) use text::Bodies;

/// Reaches the task of any link, edge or service.
pub(crate) type Handle = LinkHandle<Command>;

/// The protocol state of any link.
pub(crate) type Conn = Connection<Waiter>;

/// What all links share.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) directory: Directory,
    pub(crate) chooser: Chooser,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) presence: Presence,
    /// Where presence is recorded; none in a gateway without ports.
    pub(crate) records: Option<Records>,
    pub(crate) closed: ClosedLinks,
    pub(crate) takeovers: Takeovers,
    pub(crate) overruns: Overruns,
    pub(crate) grace: Grace,
    /// None where none is configured.
    pub(crate) bridges: Option<Bridges>,
    ids: AtomicU32,
    draining: AtomicBool,
}

/// What an exchange is put together from. By default a directory of its own and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) directory: Directory,
    pub(crate) presence: Presence,
    pub(crate) records: Option<Records>,
    pub(crate) bridges: Option<Bridges>,
    /// What the control plane counts with; none where it is off.
    pub(crate) control: Option<Arc<Meter>>,
}

impl Exchange {
    pub(crate) fn new(chooser: Chooser, grace: Duration, parts: Parts) -> Self {
        let Parts { directory, presence, records, bridges, control } = parts;
        let handles = bridges.as_ref().map_or(&[][..], Bridges::handles);
        let metrics = Metrics::new(handles, records.as_ref(), control.as_ref());
        let ids = AtomicU32::new(chooser.random() as u32);
        Self {
            directory,
            chooser,
            metrics: Arc::new(metrics),
            presence,
            records,
            closed: ClosedLinks::default(),
            takeovers: Takeovers::default(),
            overruns: Overruns::default(),
            grace: Grace::new(grace),
            bridges,
            ids,
            draining: AtomicBool::new(false),
        }
    }

    /// Whether the gateway is about to stop: no newcomer is admitted.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on no newcomer is admitted, and those on their way in are turned away.
    pub(crate) fn stop_admitting(&self) {
        self.draining.store(true, Ordering::Relaxed);
        // Who is let in meanwhile stands in one of the other tables before it leaves this one.
        self.directory.arrivals.close();
    }

    /// Every link leaves now; what is in flight is answered with an error.
    pub(crate) fn leave(&self) {
        let services = self.directory.services.handles();
        for link in self.directory.edges.handles().into_iter().chain(services) {
            // A link that is gone needs no telling.
            let _ = link.push(Command::Leave);
        }
    }

    /// An id for an edge or service that brings none: seconds in the upper half, a counter in the lower, never 0.
    pub(crate) fn allot_id(&self) -> u64 {
        let counter = self.ids.fetch_add(1, Ordering::Relaxed);
        (u64::from(unix_seconds()) << 32) | u64::from(counter)
    }
}

/// Seconds since 1970, which will do until 2106; at least 2, so that what is derived from it is never 0.
pub(crate) fn unix_seconds() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u32::try_from(seconds).unwrap_or(u32::MAX).max(2)
}
