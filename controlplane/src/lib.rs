//! The control plane: who is online, listed, counted and kicked by operators, over gRPC and REST on one port.
//!
//! It reads the records of who is online ([`dao::Records`]) and asks the gateway, as which anything counts that is
//! [`Running`], for what only a running one knows and can do. Routing never waits for it.
//!
//! ```text
//! connection ─► serve (bounds, TLS, HTTP/1 or 2) ─► entrance (token, permit) ─┬► grpc ─┐
//!                                                                             └► rest ─┴► operations ─► Records, Running
//! ```

mod access;
mod entrance;
mod failure;
mod grpc;
mod meter;
mod operations;
mod rest;
mod running;
mod serve;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dao::Records;
use net::Listener;
use net::tls::{KeyPair, ServerFiles, ServerTls, TlsAcceptor, TlsError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use access::Tokens;
use entrance::Entrance;
use operations::Operations;

pub use access::AccessError;
pub use meter::{Bound, Meter, Outcome, Protocol};
pub use running::{Bridge, BridgeState, Closed, Counters, Info, Link, LinkKind, Running, Side, Totals, Traffic};

/// What TLS offers, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How long clients may do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a connection may be open without a request; in HTTP/1 it ends after 10 s in any case.
    pub idle: Duration,
    /// How long a request may take until its answer is taken, down to the last byte.
    pub taken: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { idle: Duration::from_secs(300), taken: Duration::from_secs(120) }
    }
}

/// What the control plane needs is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Its certificates.
    #[error("controlplane.listen.tls cannot be used")]
    Tls(#[source] TlsError),
    /// Its tokens.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// What the configuration names, read from its files: certificates and tokens.
#[derive(Debug)]
pub struct Loaded {
    tls: Option<ServerTls>,
    tokens: Tokens,
}

impl Loaded {
    /// Reads all that `config` names. Blocks while it does.
    ///
    /// # Errors
    /// Any of it cannot be used.
    pub fn load(config: &config::ControlPlane) -> Result<Self, LoadError> {
        let tls = config.listen.tls.server().map(|server| {
            let certs = server.certs.into_iter().map(|pair| KeyPair { cert: pair.cert, key: pair.key }).collect();
            let loaded = ServerTls::load(&ServerFiles { certs, client_roots: server.client_cas });
            loaded.map(|tls| tls.offering(&PROTOCOLS))
        });
        Ok(Self { tls: tls.transpose().map_err(LoadError::Tls)?, tokens: Tokens::load(&config.tokens)? })
    }
}

/// The control plane of one gateway.
#[derive(Debug)]
pub struct ControlPlane {
    entrance: Entrance,
    tls: Option<TlsAcceptor>,
    /// Connections, and kicks that outlive whoever asked for them.
    tasks: TaskTracker,
    meter: Arc<Meter>,
    patience: Patience,
}

impl ControlPlane {
    /// A control plane over these records and this gateway, which counts with `meter`.
    #[must_use]
    pub fn new(loaded: Loaded, records: Records, running: Arc<dyn Running>, meter: Arc<Meter>) -> Self {
        let tasks = TaskTracker::new();
        let operations = Arc::new(Operations::new(records, running, tasks.clone()));
        let entrance = Entrance::new(&operations, loaded.tokens, Arc::clone(&meter));
        Self { entrance, tls: loaded.tls.map(TlsAcceptor::new), tasks, meter, patience: Patience::default() }
    }

    /// With another patience than 5 minutes without a request, and 2 for each.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Takes other certificates and tokens, for handshakes and requests from now on. Whether there is TLS at all stays as it
    /// was at the start.
    pub fn renew(&self, loaded: Loaded) {
        if let (Some(acceptor), Some(tls)) = (&self.tls, loaded.tls) {
            acceptor.install(tls);
        }
        self.entrance.install(loaded.tokens);
    }

    /// Serves what `listener` accepts until `stop`. Then requests that are under way get 1 s to finish, and every connection
    /// has ended when this returns.
    pub async fn serve(self: Arc<Self>, listener: Listener, stop: CancellationToken) {
        let addr = listener.local_addr();
        if self.entrance.is_open() && reaches_others(addr) {
            warn!(
                "controlplane.tokens is empty: whoever reaches {addr} can list and kick everybody; \
                 name tokens, or listen on 127.0.0.1"
            );
        }
        self.entrance.report(true).await;
        serve::run(self, listener, stop).await;
    }
}

/// Whether other machines can reach what listens there.
fn reaches_others(addr: SocketAddr) -> bool {
    !addr.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_address_is_out_of_others_reach() {
        let reached = |addr: &str| reaches_others(addr.parse().unwrap());
        for addr in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"] {
            assert!(reached(addr), "{addr}");
        }
        for addr in ["127.0.0.1:1", "127.3.2.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!reached(addr), "{addr}");
        }
    }
}
