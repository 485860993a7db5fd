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

use super::serve::ServiceLink;
use crate::exchange::{Exchange, Patience, unix_seconds};
use crate::limits::LinkTerms;
use crate::metrics::{Direction, Side};
use crate::ways_in::{LinkSide, Pass};

/// What all service links share.
#[derive(Debug)]
pub(crate) struct Servicebound {
    pub(super) exchange: Arc<Exchange>,
    terms: ArcSwap<Terms>,
}

/// What a service that comes now finds.
#[derive(Debug)]
pub(super) struct Terms {
    /// Methods that one service may register.
    pub(super) max_registrations: usize,
    link: LinkTerms,
}

impl Terms {
    fn new(config: &config::Servicebound) -> Arc<Self> {
        Arc::new(Self {
            max_registrations: config.limits.max_registrations.get() as usize,
            link: LinkTerms::new(&config.limits, Patience::Slow, Direction::ToEdge),
        })
    }
}

impl Servicebound {
    pub(crate) fn new(config: &config::Servicebound, exchange: Arc<Exchange>) -> Self {
        Self { exchange, terms: ArcSwap::new(Terms::new(config)) }
    }

    /// Applies another configuration to those who come from now on.
    pub(crate) fn renew(&self, config: &config::Servicebound) {
        self.terms.store(Terms::new(config));
    }

    pub(super) fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }
}

impl LinkSide for Servicebound {
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
        let endpoint = ServiceLink::new(Arc::clone(&self), handle, &pass, Arc::clone(&terms.bounds));
        // Not an `async fn`: that would hold arguments and link twice for as long as it lives.
        drive(io, conn, endpoint, inbox, Arc::clone(&terms.driver)).then(move |(end, io)| {
            self.exchange.overruns.note_end(&self.exchange.metrics, Side::Service, pass.peer(), &end);
            debug!(peer = %pass.peer(), reason = %Causes(&end), "service connection ended");
            // The place is free when the connection is closed.
            part(io, end).map(move |()| drop(pass))
        })
    }
}
