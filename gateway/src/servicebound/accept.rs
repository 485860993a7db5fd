//! Connections to link tasks.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use proto::conn::{Connection, Settings};
use proto::id::IdGenerator;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;
use transport::{Causes, Limits, Listener, QueueLimits, drive, link};

use super::serve::ServiceLink;
use crate::exchange::{Bounds, Exchange, Patience, now, unix_seconds};
use crate::lifecycle::Lifecycle;
use crate::metrics::Direction;

/// What all service links share.
#[derive(Debug)]
pub(crate) struct Servicebound {
    pub(super) exchange: Arc<Exchange>,
    settings: Arc<Settings>,
    queue: QueueLimits,
    limits: Limits,
    bounds: Bounds,
}

impl Servicebound {
    pub(crate) fn new(config: &config::Servicebound, exchange: Arc<Exchange>) -> Self {
        let limits = &config.limits;
        Self {
            exchange,
            settings: Arc::new(crate::limits::settings(limits)),
            queue: QueueLimits { lane_bytes: limits.queue_bytes.get() as usize },
            limits: crate::limits::driver(limits),
            bounds: Bounds {
                unanswered: limits.unanswered_bytes.get() as usize,
                stream: limits.stream_bytes.get() as usize,
                patience: Patience::Slow,
                direction: Direction::ToEdge,
            },
        }
    }

    /// Accepts services until `accepting` ends; their tasks belong to `links`.
    pub(crate) async fn accept(self: Arc<Self>, mut listener: Listener, accepting: Lifecycle, links: Lifecycle) {
        loop {
            tokio::select! {
                (stream, peer) = listener.accept() => {
                    links.spawn(Arc::clone(&self).serve(stream, peer));
                }
                () = accepting.stopping() => return,
            }
        }
    }

    /// Runs one service's link over `io` to its end.
    pub(crate) fn serve<S>(self: Arc<Self>, io: S, peer: SocketAddr) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let now = now();
        let epoch = unix_seconds();
        let (handle, inbox) = link(self.queue, epoch);
        let seed = self.exchange.chooser.random() as u32;
        // One second earlier than the ids of what is queued: the two never meet.
        let conn = Connection::server(now, Arc::clone(&self.settings), IdGenerator::new(epoch - 1, seed));
        let endpoint = ServiceLink::new(Arc::clone(&self), handle, peer, self.bounds);
        // Not an `async fn`: that would hold arguments and link twice for as long as it lives.
        drive(io, conn, endpoint, inbox, self.limits)
            .map(move |end| debug!(%peer, reason = %Causes(&end), "service connection ended"))
    }
}
