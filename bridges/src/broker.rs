//! What back ends share on the way to their brokers: addresses tried in turn, and TLS. All of it is read anew for each
//! connection, so that a name that moves or a certificate that is exchanged is taken up without a restart.
#![cfg_attr(
    not(any(feature = "amqp", feature = "mqtt", feature = "redis")),
    allow(dead_code, reason = "the client of NATS dials by itself")
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use config::{BridgeTls, BrokerAddr};
use net::tls::{ClientFiles, KeyPair, Roots, TlsConnector};
use net::{Causes, DialError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;

use crate::PublishError;

/// How long one address may take. The supervisor's limit for a connection has room for three.
const DIAL: Duration = Duration::from_secs(3);

/// A byte stream to a broker, in clear text or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// Addresses of one broker, or of several that stand for one another.
#[derive(Debug)]
pub(crate) struct Addresses {
    all: Vec<String>,
    /// Where the next try begins.
    next: AtomicUsize,
}

impl Addresses {
    /// Those of the configuration, which are `host:port`; `port` is for those without one.
    pub(crate) fn new(addrs: &[BrokerAddr], port: u16) -> Self {
        let all = addrs.iter().map(|addr| with_port(addr.expose(), port)).collect();
        Self { all, next: AtomicUsize::new(0) }
    }

    /// How many there are.
    #[cfg(feature = "redis")]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them, that which was tried longest ago first. Each call begins with another one, so that an address that answers
    /// and is of no use does not keep the others away.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = &str> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..self.all.len()).map(move |at| &*self.all[(first + at) % self.all.len()])
    }
}

/// For people: the addresses, separated by commas.
impl std::fmt::Display for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.all.join(", "))
    }
}

/// `addr` with `port`, unless it has one.
fn with_port(addr: &str, port: u16) -> String {
    let has_port = match addr.rsplit_once(']') {
        Some((_, rest)) => rest.starts_with(':'),
        // More than one colon is a bare address of IPv6.
        None => addr.matches(':').count() == 1,
    };
    match (has_port, addr.contains(':') && !addr.starts_with('[')) {
        (true, _) => addr.to_owned(),
        (false, true) => format!("[{addr}]:{port}"),
        (false, false) => format!("{addr}:{port}"),
    }
}

/// Connects to `addr`, over TLS if there is a connector.
pub(crate) async fn dial(addr: &str, tls: Option<&TlsConnector>) -> Result<Box<dyn Stream>, PublishError> {
    let told = |error: DialError| PublishError::lost(Causes(&error));
    Ok(match tls {
        Some(tls) => Box::new(net::dial_tls(addr, tls, None, DIAL).await.map_err(told)?),
        None => Box::new(net::dial(addr, DIAL).await.map_err(told)?),
    })
}

/// What speaks TLS to the broker; none where it is off.
pub(crate) async fn tls(config: &BridgeTls) -> Result<Option<TlsConnector>, PublishError> {
    if !config.enable {
        return Ok(None);
    }
    let roots = match (config.insecure_skip_verify, config.ca_certs.is_empty()) {
        (true, _) => Roots::Anybody,
        (false, true) => Roots::System,
        (false, false) => Roots::Files(config.ca_certs.clone()),
    };
    let pair = config.cert.clone().zip(config.key.clone());
    let files = ClientFiles { roots, certs: pair.map(|(cert, key)| KeyPair { cert, key }).into_iter().collect() };
    let loaded = spawn_blocking(move || TlsConnector::load(&files)).await;
    let loaded =
        loaded.map_err(|error| PublishError::lost(format_args!("reading certificates ended early: {error}")))?;
    loaded.map(Some).map_err(|error| PublishError::lost(Causes(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_added_where_there_is_none() {
        for (addr, expected) in [
            ("b", "b:7"),
            ("b:8", "b:8"),
            ("127.0.0.1", "127.0.0.1:7"),
            ("[::1]:8", "[::1]:8"),
            ("[::1]", "[::1]:7"),
            ("::1", "[::1]:7"),
        ] {
            assert_eq!(with_port(addr, 7), expected, "{addr}");
        }
    }

    #[test]
    fn each_try_begins_with_another_address() {
        let addrs: Vec<BrokerAddr> = ["a:1", "b:1"].iter().map(|addr| addr.parse().expect("any text is one")).collect();
        let addresses = Addresses::new(&addrs, 7);
        let turns: Vec<Vec<&str>> = (0..3).map(|_| addresses.in_turn().collect()).collect();
        assert_eq!(turns, [["a:1", "b:1"], ["b:1", "a:1"], ["a:1", "b:1"]]);
    }
}
