//! From a connection to a byte stream with our protocol on it: TLS, and the look at the first bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use net::tls::{TlsAcceptor, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tracing::debug;

use super::accept::{Entrance, close};
use super::bypass::Seen;
use super::{LinkSide, Pass, WayIn};
use crate::exchange::now;
use crate::lifecycle::Lifecycle;
use crate::metrics::Handshake;
use crate::presence::Transport;

impl<L: LinkSide> Entrance<L> for WayIn {
    fn way(&self) -> &WayIn {
        self
    }

    fn begin(self: &Arc<Self>, tcp: TcpStream, pass: Pass, side: &Arc<L>, links: &Lifecycle) {
        let side = Arc::clone(side);
        if self.tls.is_none() && self.bypass.is_none() {
            // By far the commonest: the link's task is all that is made.
            links.spawn(side.serve(tcp, pass, now(), close));
        } else {
            links.spawn(Arc::clone(self).open(tcp, pass, now(), side, links.clone()));
        }
    }
}

impl WayIn {
    /// Does what is to be done before a connection is a link, which then has a task of its own: this one holds what only
    /// the beginning needs. Ends with the gateway, and in silence if the peer does not go through with it: ports are probed
    /// all the time.
    async fn open<L: LinkSide>(
        self: Arc<Self>,
        tcp: TcpStream,
        pass: Pass,
        since: Instant,
        side: Arc<L>,
        links: Lifecycle,
    ) {
        let opening = async {
            match &self.tls {
                None => self.enter(tcp, pass, since, side, &links).await,
                Some(acceptor) => {
                    if let Some(stream) = self.encrypt(acceptor, tcp, pass.peer(), since).await {
                        Box::pin(self.enter(stream, pass.over(Transport::Tls), since, side, &links)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = opening => {}
            () = links.stopping() => {}
        }
    }

    /// Takes part in a TLS handshake, which counts from `since`. `None`: there was none, and that is told and counted.
    pub(super) async fn encrypt(
        &self,
        acceptor: &TlsAcceptor,
        tcp: TcpStream,
        peer: SocketAddr,
        since: Instant,
    ) -> Option<TlsStream> {
        let side = self.side.section();
        match timeout_at(self.handshake_ends(since), acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => {
                self.metrics.way_in.handshake(Handshake::Done);
                return Some(stream);
            }
            Ok(Err(error)) => {
                self.metrics.way_in.handshake(Handshake::Failed);
                debug!(%peer, side, %error, "TLS handshake failed");
            }
            Err(_) => {
                self.metrics.way_in.handshake(Handshake::TimedOut);
                debug!(%peer, side, limit = ?self.handshake, "TLS handshake not finished in time");
            }
        }
        None
    }

    /// When a connection that was accepted at `since` has to be a link.
    pub(super) fn handshake_ends(&self, since: Instant) -> tokio::time::Instant {
        tokio::time::Instant::from_std(since + self.handshake)
    }

    async fn enter<L, S>(&self, mut io: S, pass: Pass, since: Instant, side: Arc<L>, links: &Lifecycle)
    where
        L: LinkSide,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(bypass) = &self.bypass else {
            return links.spawn(side.serve(io, pass, since, close));
        };
        match bypass.look(&mut io, pass.peer()).await {
            Some(Seen::Edge(first)) => links.spawn(side.serve(first.before(io), pass, since, close)),
            Some(Seen::Other(first)) => bypass.pass_on(first.before(io), pass).await,
            None => {}
        }
    }
}
