//! From a byte stream to a link's task.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use net::Causes;
use proto::conn::Connection;
use proto::id::IdGenerator;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;
use transport::{LinkEnd, drive, link};

use super::serve::EdgeLink;
use crate::exchange::{Exchange, Patience, unix_seconds};
use crate::limits::LinkTerms;
use crate::metrics::{Direction, Side};
use crate::ways_in::{LinkSide, Pass};

/// What all edge links share.
#[derive(Debug)]
pub(crate) struct Edgebound {
    pub(super) exchange: Arc<Exchange>,
    terms: ArcSwap<Terms>,
}

/// What an edge that comes now finds.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) allocate_ids: bool,
    pub(super) honour_wanted_id: bool,
    /// Methods that one edge may register.
    pub(super) max_registrations: u32,
    link: LinkTerms,
}

impl Terms {
    fn new(config: &config::Edgebound) -> Arc<Self> {
        Arc::new(Self {
            allocate_ids: config.allocate_edge_ids,
            honour_wanted_id: config.honour_wanted_id,
            max_registrations: config.limits.max_registrations.get(),
            link: LinkTerms::new(&config.limits, Patience::Wait, Direction::ToService),
        })
    }
}

impl Edgebound {
    pub(crate) fn new(config: &config::Edgebound, exchange: Arc<Exchange>) -> Self {
        Self { exchange, terms: ArcSwap::new(Terms::new(config)) }
    }

    /// Applies another configuration to those who come from now on.
    pub(crate) fn renew(&self, config: &config::Edgebound) {
        self.terms.store(Terms::new(config));
    }

    #[cfg(test)]
    pub(crate) fn allocates_ids(&self) -> bool {
        self.terms().allocate_ids
    }

    pub(super) fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }
}

impl LinkSide for Edgebound {
    fn serve<S, P, F>(self: Arc<Self>, io: S, pass: Pass, since: Instant, part: P) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        P: FnOnce(S, LinkEnd) -> F + Send,
        F: Future<Output = ()> + Send,
    {
        let terms = self.terms();
        let terms = &terms.link;
        let epoch = unix_seconds();
        let (handle, inbox) = link(terms.queue, epoch);
        let seed = self.exchange.chooser.random() as u32;
        // One second earlier than the ids of what is queued: the two never meet.
        let conn = Connection::server(since, Arc::clone(&terms.settings), IdGenerator::new(epoch - 1, seed));
        let endpoint = EdgeLink::new(Arc::clone(&self), handle, &pass, Arc::clone(&terms.bounds));
        // Not an `async fn`: that would hold arguments and link twice for as long as it lives.
        drive(io, conn, endpoint, inbox, Arc::clone(&terms.driver)).then(move |(end, io)| {
            self.exchange.overruns.note_end(&self.exchange.metrics, Side::Edge, pass.peer(), &end);
            debug!(peer = %pass.peer(), reason = %Causes(&end), "edge connection ended");
            // The place is free when the connection is closed.
            part(io, end).map(move |()| drop(pass))
        })
    }
}
