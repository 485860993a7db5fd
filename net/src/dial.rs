//! Ways out.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use crate::listen::prepare;
use crate::tls::{TlsConnector, TlsError, TlsStream, host_of, name_of};
use crate::websocket::{self, ConnectError, Options, Url, WebSocket};

/// A peer could not be reached. The cause is in `source()`, or in the text where advice hangs on it; [`Causes`](crate::Causes)
/// tells both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Nobody knows an address of that name, now.
    #[error("cannot resolve {host}")]
    Unresolved {
        /// The host in the address as given.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system says no.
    #[error("cannot connect to {addr}")]
    Failed {
        /// The address as given.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
    /// No answer in time.
    #[error("cannot connect to {addr}: no answer in {limit:?}")]
    TimedOut {
        /// The address as given.
        addr: String,
        /// The time that was given.
        limit: Duration,
    },
    /// There is no name that the peer's certificate could be for.
    #[error("cannot connect to {addr} over TLS: {cause}")]
    NoName {
        /// The address as given.
        addr: String,
        /// What is wrong with the name.
        cause: TlsError,
    },
    /// The peer is there, and the two do not come together over TLS.
    #[error("cannot connect to {addr} over TLS: {cause}{}", advice(cause))]
    Tls {
        /// The address as given.
        addr: String,
        /// What went wrong.
        cause: io::Error,
    },
    /// The peer is there, and gives no WebSocket.
    #[error("cannot connect to {addr} over WebSocket: {cause}")]
    WebSocket {
        /// The address that was dialed.
        addr: String,
        /// What went wrong.
        cause: ConnectError,
    },
}

/// Connects to `addr` (`host:port`) over TCP, trying every address that the name has, within `limit` in all. Cancel-safe.
///
/// # Errors
/// No address answers, or none in time.
pub async fn dial(addr: &str, limit: Duration) -> Result<TcpStream, DialError> {
    timeout(limit, tcp(addr)).await.map_err(|_| DialError::TimedOut { addr: addr.to_owned(), limit })?
}

/// Connects to `addr` (`host:port`) over TLS, within `limit` in all. The peer's certificate must be for `name`, or without
/// one for the host in `addr`. Cancel-safe.
///
/// # Errors
/// As [`dial`], and those of TLS. A peer that refuses our certificate may say so only when the stream is read.
pub async fn dial_tls(
    addr: &str,
    connector: &TlsConnector,
    name: Option<&str>,
    limit: Duration,
) -> Result<TlsStream, DialError> {
    let name = name_of(name.unwrap_or_else(|| host_of(addr)))
        .map_err(|cause| DialError::NoName { addr: addr.to_owned(), cause })?;
    let dialing = async {
        let stream = tcp(addr).await?;
        connector.connect(name, stream).await.map_err(|cause| DialError::Tls { addr: addr.to_owned(), cause })
    };
    timeout(limit, dialing).await.map_err(|_| DialError::TimedOut { addr: addr.to_owned(), limit })?
}

/// Asks for a WebSocket at `url` over `io`, to which the way to `url` has led since `begin`, within `limit` in all.
/// Cancel-safe.
///
/// # Errors
/// There is none, or none in time.
pub async fn dial_websocket<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    url: &Url,
    options: Options,
    begin: Instant,
    limit: Duration,
) -> Result<WebSocket<S>, DialError> {
    let addr = || url.addr().to_owned();
    match timeout_at(begin + limit, websocket::connect(io, url, options)).await {
        Ok(connected) => connected.map_err(|cause| DialError::WebSocket { addr: addr(), cause }),
        Err(_) => Err(DialError::TimedOut { addr: addr(), limit }),
    }
}

async fn tcp(addr: &str) -> Result<TcpStream, DialError> {
    let resolved = lookup_host(addr).await;
    let resolved: Vec<_> =
        resolved.map_err(|source| DialError::Unresolved { host: host_of(addr).to_owned(), source })?.collect();
    let dialed = TcpStream::connect(&*resolved).await;
    let stream = dialed.map_err(|source| DialError::Failed { addr: addr.to_owned(), source })?;
    prepare(&stream);
    Ok(stream)
}

/// What to do about the commonest failures of a handshake.
fn advice(error: &io::Error) -> &'static str {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner.or_else(|| error.source().and_then(|source| source.downcast_ref())) {
        // The second is an authority that was made anew under its old name.
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            "; whoever signed its certificate is not among those trusted here"
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => "; is that a port without TLS?",
        Some(Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure)) => {
            "; it may want a client certificate"
        }
        _ => "",
    }
}
