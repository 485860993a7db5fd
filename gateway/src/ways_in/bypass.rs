//! One public port for edges and for another server: what is not our protocol is passed on to it, byte for byte.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use net::tls::TlsConnector;
use net::{Causes, DialError, dial, dial_tls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, copy_bidirectional};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::sniffed::First;
use super::{Pass, WayInError, files};
use crate::exchange::Exchange;
use crate::metrics::{BypassMetrics, BypassResult};
use crate::quiet::Quiet;

/// How every connection that is an edge's begins: version 1, Conn.
const OURS: [u8; 2] = [1, 1];

/// Time for the other server to answer, names and TLS included.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// Where connections go that are not ours, and how.
#[derive(Debug)]
pub(super) struct Dialing {
    /// At least one.
    addrs: Vec<String>,
    tls: Option<TlsConnector>,
    sniff: Duration,
}

impl Dialing {
    /// As configured; none where the bypass is off. Reads the files of `bypass.tls`, and blocks while it does.
    pub(super) fn load(config: &config::Edgebound) -> Result<Option<Self>, WayInError> {
        if !config.bypass_enable {
            return Ok(None);
        }
        let config::Dial { addrs, tls, .. } = &config.bypass;
        if addrs.is_empty() {
            return Err(WayInError::NoBypassAddrs);
        }
        let tls = files::client(tls).map_err(|source| WayInError::BypassTls { source })?;
        Ok(Some(Self { addrs: addrs.clone(), tls, sniff: config.bypass_sniff }))
    }
}

/// What the first bytes of a connection say.
#[derive(Debug)]
pub(super) enum Seen {
    /// An edge begins so.
    Edge(First),
    /// No edge begins so.
    Other(First),
}

/// The way to the other server.
#[derive(Debug)]
pub(super) struct Bypass {
    dialing: ArcSwap<Dialing>,
    exchange: Arc<Exchange>,
    unreachable: Quiet,
}

impl Bypass {
    pub(super) fn new(dialing: Dialing, exchange: &Arc<Exchange>) -> Self {
        let dialing = ArcSwap::from_pointee(dialing);
        Self { dialing, exchange: Arc::clone(exchange), unreachable: Quiet::default() }
    }

    /// From now on connections go that way. Those that are passed on already go on.
    pub(super) fn install(&self, dialing: Dialing) {
        self.dialing.store(Arc::new(dialing));
    }

    /// Whether any connection is passed on at present.
    pub(super) fn is_busy(&self) -> bool {
        self.metrics().is_busy()
    }

    /// Looks at the first bytes: two, or one if that is enough to see that they are not ours. `None`: none came in time, or
    /// the connection ended before it could be told whose it was.
    pub(super) async fn look<S: AsyncRead + Unpin>(&self, io: &mut S, peer: SocketAddr) -> Option<Seen> {
        let limit = self.dialing.load().sniff;
        let outcome = match timeout(limit, first_bytes(io)).await {
            Ok(Ok(seen)) => return Some(seen),
            Ok(Err(error)) => {
                debug!(%peer, %error, "connection ended before it could be told whose it is");
                BypassResult::Ended
            }
            Err(_) => {
                debug!(%peer, ?limit, "connection closed: it said too little to tell whose it is");
                BypassResult::Silent
            }
        };
        self.count(outcome);
        None
    }

    /// Joins the connection with the other server until both directions have ended. The end of one direction is passed on
    /// by itself.
    pub(super) async fn pass_on<S>(&self, mut client: S, pass: Pass)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let peer = pass.peer();
        let _open = self.metrics().begin();
        let dialing = self.dialing.load_full();
        let which = self.exchange.chooser.random() % dialing.addrs.len() as u64;
        let addr = dialing.addrs[which as usize].as_str();
        let joined = match &dialing.tls {
            None => join(&mut client, dial(addr, DIAL_LIMIT).await).await,
            Some(connector) => join(&mut client, dial_tls(addr, connector, None, DIAL_LIMIT).await).await,
        };
        match joined {
            Ok(Ok((up, down))) => {
                self.count(BypassResult::Done);
                debug!(%peer, addr, up, down, "connection passed on to its end");
            }
            Ok(Err(error)) => {
                self.count(BypassResult::Broken);
                debug!(%peer, addr, %error, "connection that was passed on broke");
            }
            Err(error) => {
                self.count(BypassResult::Unreachable);
                if let Some(others) = self.unreachable.may_tell() {
                    warn!(%peer, others, "edgebound.bypass: connection closed: {}", Causes(&error));
                }
            }
        }
    }

    fn count(&self, result: BypassResult) {
        self.metrics().ended(result);
    }

    fn metrics(&self) -> &BypassMetrics {
        &self.exchange.metrics.bypass
    }
}

/// Reads until it is clear whose the connection is.
async fn first_bytes<S: AsyncRead + Unpin>(io: &mut S) -> io::Result<Seen> {
    let mut first = First::default();
    loop {
        let count = io.read(first.room()).await?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        first.filled(count);
        if !OURS.starts_with(first.bytes()) {
            return Ok(Seen::Other(first));
        }
        if first.bytes() == OURS {
            return Ok(Seen::Edge(first));
        }
    }
}

/// Passes bytes on both ways between `client` and the server that was dialed. Returns how many went up and down.
async fn join<C, S>(client: &mut C, server: Result<S, DialError>) -> Result<io::Result<(u64, u64)>, DialError>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut server = server?;
    Ok(copy_bidirectional(client, &mut server).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seen(pieces: &[&[u8]]) -> io::Result<Seen> {
        let mut builder: Box<dyn AsyncRead + Unpin> = Box::new(tokio::io::empty());
        for piece in pieces.iter().rev() {
            builder = Box::new(std::io::Cursor::new(piece.to_vec()).chain(builder));
        }
        first_bytes(&mut builder).await
    }

    #[tokio::test]
    async fn an_edge_is_known_by_two_bytes_and_others_by_as_few_as_it_takes() {
        for edge in [&[&[1u8, 1][..]][..], &[&[1], &[1]], &[&[1, 1, 0, 0]]] {
            assert!(matches!(seen(edge).await.unwrap(), Seen::Edge(first) if first.bytes() == [1, 1]), "{edge:?}");
        }
        for (other, taken) in [(&[&b"GET /"[..]][..], 2), (&[b"G", b"ET"], 1), (&[&[1], &[2]], 2), (&[&[0]], 1)] {
            assert!(
                matches!(seen(other).await.unwrap(), Seen::Other(first) if first.bytes().len() == taken),
                "{other:?}"
            );
        }
        for ended in [&[][..], &[&[1][..]]] {
            assert_eq!(seen(ended).await.unwrap_err().kind(), ErrorKind::UnexpectedEof, "{ended:?}");
        }
    }
}
