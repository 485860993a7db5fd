//! From a byte stream to a link's task.

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use proto::conn::{Connection, Settings};
use proto::id::IdGenerator;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;
use transport::{Causes, Limits, QueueLimits, drive, link};

use super::serve::EdgeLink;
use crate::exchange::{Bounds, Exchange, Patience, unix_seconds};
use crate::metrics::Direction;
use crate::ways_in::{LinkSide, Pass};

/// What all edge links share.
#[derive(Debug)]
pub(crate) struct Edgebound {
    pub(super) exchange: Arc<Exchange>,
    pub(super) allocate_ids: bool,
    pub(super) honour_wanted_id: bool,
    settings: Arc<Settings>,
    queue: QueueLimits,
    limits: Limits,
    bounds: Bounds,
    /// Methods that one edge may register.
    pub(super) methods: usize,
}

impl Edgebound {
    pub(crate) fn new(config: &config::Edgebound, exchange: Arc<Exchange>) -> Self {
        let limits = &config.limits;
        Self {
            exchange,
            allocate_ids: config.allocate_edge_ids,
            honour_wanted_id: config.honour_wanted_id,
            settings: Arc::new(crate::limits::settings(limits)),
            queue: QueueLimits { lane_bytes: limits.queue_bytes.get() as usize },
            limits: crate::limits::driver(limits),
            bounds: Bounds {
                unanswered: limits.unanswered_bytes.get() as usize,
                stream: limits.stream_bytes.get() as usize,
                streams: limits.max_streams.get() as usize,
                patience: Patience::Wait,
                direction: Direction::ToService,
            },
            methods: limits.max_registrations.get() as usize,
        }
    }
}

impl LinkSide for Edgebound {
    fn serve<S>(self: Arc<Self>, io: S, pass: Pass, since: Instant) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let epoch = unix_seconds();
        let (handle, inbox) = link(self.queue, epoch);
        let seed = self.exchange.chooser.random() as u32;
        // One second earlier than the ids of what is queued: the two never meet.
        let conn = Connection::server(since, Arc::clone(&self.settings), IdGenerator::new(epoch - 1, seed));
        let endpoint = EdgeLink::new(Arc::clone(&self), handle, pass.peer(), self.bounds);
        // Not an `async fn`: that would hold arguments and link twice for as long as it lives.
        drive(io, conn, endpoint, inbox, self.limits)
            .map(move |end| debug!(peer = %pass.peer(), reason = %Causes(&end), "edge connection ended"))
    }
}
