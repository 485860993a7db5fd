//! The accept loop, which waits for no connection.

use std::sync::Arc;
use std::time::Instant;

use net::Listener;
use tokio::io::{AsyncRead, AsyncWrite};

use super::refusals::Refusals;
use super::{Pass, WayIn};
use crate::exchange::now;
use crate::lifecycle::Lifecycle;

/// A side of the gateway, as a way in sees it.
pub(crate) trait LinkSide: Send + Sync + 'static {
    /// Runs the link of one peer over `io` to its end. It counts from `since`, when the connection was accepted, how long
    /// the peer takes for its handshake.
    fn serve<S>(self: Arc<Self>, io: S, pass: Pass, since: Instant) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send;
}

/// Accepts connections until `accepting` ends; their tasks belong to `links`.
pub(crate) async fn accept<L: LinkSide>(
    way: Arc<WayIn>,
    mut listener: Listener,
    side: Arc<L>,
    accepting: Lifecycle,
    links: Lifecycle,
) {
    let mut refusals = Refusals::new(way.side);
    loop {
        tokio::select! {
            (stream, peer) = listener.accept() => match way.gate.enter(peer) {
                // By far the commonest: the link's task is all that is made.
                Ok(pass) if way.is_plain() => links.spawn(Arc::clone(&side).serve(stream, pass, now())),
                Ok(pass) => {
                    links.spawn(Arc::clone(&way).open(stream, pass, now(), Arc::clone(&side), links.clone()));
                }
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
