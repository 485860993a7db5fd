//! From a connection to a byte stream with our protocol on it: TLS, and the look at the first bytes.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tracing::debug;

use super::bypass::Seen;
use super::{LinkSide, Pass, WayIn};
use crate::lifecycle::Lifecycle;
use crate::metrics::Handshake;
use crate::presence::Transport;

impl WayIn {
    /// Whether a connection is a link as it comes.
    pub(super) fn is_plain(&self) -> bool {
        self.tls.is_none() && self.bypass.is_none()
    }

    /// Does what is to be done before a connection is a link, which then has a task of its own: this one holds what only
    /// the beginning needs. Ends with the gateway, and in silence if the peer does not go through with it: ports are probed
    /// all the time.
    pub(super) async fn open<L: LinkSide>(
        self: Arc<Self>,
        tcp: TcpStream,
        pass: Pass,
        since: Instant,
        side: Arc<L>,
        links: Lifecycle,
    ) {
        let opening = async {
            match self.tls {
                None => self.enter(tcp, pass, since, side, &links).await,
                Some(_) => self.encrypt(tcp, pass, since, side, &links).await,
            }
        };
        tokio::select! {
            () = opening => {}
            () = links.stopping() => {}
        }
    }

    async fn encrypt<L: LinkSide>(&self, tcp: TcpStream, pass: Pass, since: Instant, side: Arc<L>, links: &Lifecycle) {
        let Some(acceptor) = &self.tls else { return };
        let until = tokio::time::Instant::from_std(since + self.handshake);
        let peer = pass.peer();
        match timeout_at(until, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => {
                self.metrics.way_in.handshake(Handshake::Done);
                Box::pin(self.enter(stream, pass.over(Transport::Tls), since, side, links)).await;
            }
            Ok(Err(error)) => {
                self.metrics.way_in.handshake(Handshake::Failed);
                debug!(%peer, side = self.side.section(), %error, "TLS handshake failed");
            }
            Err(_) => {
                self.metrics.way_in.handshake(Handshake::TimedOut);
                debug!(%peer, side = self.side.section(), limit = ?self.handshake, "TLS handshake not finished in time");
            }
        }
    }

    async fn enter<L, S>(&self, mut io: S, pass: Pass, since: Instant, side: Arc<L>, links: &Lifecycle)
    where
        L: LinkSide,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(bypass) = &self.bypass else {
            return links.spawn(side.serve(io, pass, since));
        };
        match bypass.look(&mut io, pass.peer()).await {
            Some(Seen::Edge(first)) => links.spawn(side.serve(first.before(io), pass, since)),
            Some(Seen::Other(first)) => bypass.pass_on(first.before(io), pass).await,
            None => {}
        }
    }
}
