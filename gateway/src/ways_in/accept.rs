//! The accept loop, which waits for no connection.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use net::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use transport::LinkEnd;

use super::refusals::Refusals;
use super::{Pass, WayIn};
use crate::lifecycle::Lifecycle;

/// A side of the gateway, as a way in sees it.
pub(crate) trait LinkSide: Send + Sync + 'static {
    /// Runs the link of one peer over `io` to its end, and then has `part` take leave on it. It counts from `since`, when the
    /// connection was accepted, how long the peer takes for its handshake.
    fn serve<S, P, F>(self: Arc<Self>, io: S, pass: Pass, since: Instant, part: P) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        P: FnOnce(S, LinkEnd) -> F + Send,
        F: Future<Output = ()> + Send;
}

/// The end of a link over a byte stream that says by itself all there is to say: it is closed.
pub(crate) fn close<S>(_io: S, _end: LinkEnd) -> Ready<()> {
    ready(())
}

/// What becomes of the connections of one listener.
pub(crate) trait Entrance<L>: Send + Sync + 'static {
    /// What all ways in have.
    fn way(&self) -> &WayIn;

    /// Whether the address that a connection comes from is that of its peer.
    fn is_peer(&self, _address: IpAddr) -> bool {
        true
    }

    /// Begins with a connection that is let in, in a task among `links`.
    fn begin(self: &Arc<Self>, tcp: TcpStream, pass: Pass, side: &Arc<L>, links: &Lifecycle);
}

/// Accepts connections until `accepting` ends; their tasks belong to `links`.
pub(crate) async fn accept<E: Entrance<L>, L: LinkSide>(
    entrance: Arc<E>,
    mut listener: Listener,
    side: Arc<L>,
    accepting: Lifecycle,
    links: Lifecycle,
) {
    let way = entrance.way();
    let mut refusals = Refusals::new(way.side);
    loop {
        tokio::select! {
            (tcp, peer) = listener.accept() => match way.gate.enter(peer, entrance.is_peer(peer.ip())) {
                Ok(pass) => entrance.begin(tcp, pass, &side, &links),
                Err(refusal) => {
                    way.metrics.way_in.refused(refusal.limit);
                    refusals.note(refusal, peer);
                }
            },
            () = refusals.due() => refusals.tell(),
            () = accepting.stopping() => break,
        }
    }
    refusals.tell();
}
