//! From a listener to a link: what happens to a connection before its first frame is read.
//!
//! ```text
//! accept ─► gate ───────────────────────────────────────────────► the link's task
//!            │ bounds on   └─► TLS ─► the first two bytes ─► edge ──┤
//!            ▼ links           10 s │  (bypass only)       └► another protocol: bypass
//!          refused                  └► a request of HTTP ─► WebSocket┘
//!                                      (its own port)     └► a page, or a refusal
//! ```
//!
//! The accept loop waits for nobody: whatever takes time runs in a task of the connection's own.
//!
//! | file | what is in it |
//! |---|---|
//! | `accept.rs` | the loop, and what a side has to do with what comes out |
//! | `gate.rs` | bounds on the number of connections |
//! | `refusals.rs` | one log line for many refusals |
//! | `open.rs` | TLS and the look at the first bytes |
//! | `websocket.rs` | the way of browsers |
//! | `forwarded.rs` | who stands behind proxies |
//! | `bypass.rs` | the way to another server |
//! | `sniffed.rs` | a stream whose first bytes were looked at |
//! | `files.rs` | what the configuration says of TLS, as `net` wants it |

mod accept;
mod bypass;
mod files;
mod forwarded;
mod gate;
mod open;
mod refusals;
mod sniffed;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use net::tls::{ServerTls, TlsAcceptor, TlsError};

use crate::exchange::Exchange;
use crate::metrics::{Side, SideMetrics};
use bypass::{Bypass, Dialing};

pub(crate) use accept::{LinkSide, accept, close};
pub(crate) use gate::{Gate, LIMITS, Limit, Pass, TRANSPORTS, Transport};
pub(crate) use websocket::WebSocketWay;

/// What lies between one listener and the links that come in by it.
#[derive(Debug)]
pub(crate) struct WayIn {
    side: Side,
    gate: Arc<Gate>,
    tls: Option<TlsAcceptor>,
    bypass: Option<Bypass>,
    /// From the moment of accepting until the Conn is there.
    handshake: Duration,
    metrics: Arc<SideMetrics>,
}

/// Why a way in cannot be opened, or cannot be renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WayInError {
    /// Certificates or keys of a listener cannot be used.
    #[error("{side}.listen.tls")]
    Tls {
        /// `edgebound`, `servicebound` or `edgebound.websocket`.
        side: &'static str,
        /// What is wrong, with the file.
        source: TlsError,
    },
    /// Certificates or keys for the way to the other server cannot be used.
    #[error("edgebound.bypass.tls")]
    BypassTls {
        /// What is wrong, with the file.
        source: TlsError,
    },
    /// There is nowhere to pass connections on to.
    #[error("edgebound.bypass.addrs: is empty; name the server that gets what is not our protocol, as host:port")]
    NoBypassAddrs,
}

/// Everything that a [`WayIn`] reads from files: loaded and checked, and not in use yet.
#[derive(Debug)]
pub(crate) struct Loaded {
    tls: Option<ServerTls>,
    bypass: Option<Dialing>,
}

impl Loaded {
    /// For services. Blocks while it reads.
    pub(crate) fn services(config: &config::Servicebound) -> Result<Self, WayInError> {
        Ok(Self { tls: files::server(&config.listen.tls, "servicebound")?, bypass: None })
    }

    /// For edges. Blocks while it reads.
    pub(crate) fn edges(config: &config::Edgebound) -> Result<Self, WayInError> {
        Ok(Self { tls: files::server(&config.listen.tls, "edgebound")?, bypass: Dialing::load(config)? })
    }

    /// For edges over WebSocket; nothing where that is off. Blocks while it reads.
    pub(crate) fn websockets(config: &config::WebSocket) -> Result<Self, WayInError> {
        let tls =
            config.enable.then(|| files::server(&config.listen.tls, "edgebound.websocket")).transpose()?.flatten();
        Ok(Self { tls, bypass: None })
    }
}

impl WayIn {
    /// A way in through `gate`, which all ways in of a side share.
    pub(crate) fn new(
        side: Side,
        loaded: Loaded,
        gate: Arc<Gate>,
        limits: &config::Limits,
        exchange: &Arc<Exchange>,
    ) -> Self {
        let metrics = Arc::clone(exchange.metrics.side(side));
        Self {
            side,
            gate,
            tls: loaded.tls.map(TlsAcceptor::new),
            bypass: loaded.bypass.map(|dialing| Bypass::new(dialing, exchange)),
            handshake: limits.handshake,
            metrics,
        }
    }

    /// From now on connections come in by what was loaded, as far as that is switched on. Those that are in stay as they are.
    pub(crate) fn install(&self, loaded: Loaded) {
        if let (Some(acceptor), Some(tls)) = (&self.tls, loaded.tls) {
            acceptor.install(tls);
        }
        if let (Some(bypass), Some(dialing)) = (&self.bypass, loaded.bypass) {
            bypass.install(dialing);
        }
    }

    /// Applies other bounds to those who come from now on.
    pub(crate) fn limit(&self, limits: &config::Limits) {
        self.gate.set(limits);
    }

    /// Connections that are passed on to another server at present.
    pub(crate) fn passed_on(&self) -> bool {
        self.bypass.as_ref().is_some_and(Bypass::is_busy)
    }
}
