//! Ways out.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::listen::prepare;
use crate::tls::{TlsConnector, TlsError, TlsStream, host_of, name_of};

/// A peer could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
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
    #[error("cannot connect to {addr} over TLS")]
    NoName {
        /// The address as given.
        addr: String,
        /// What is wrong with the name.
        source: TlsError,
    },
    /// The peer is there, and the two do not come together over TLS.
    #[error("cannot connect to {addr} over TLS{}", advice(source))]
    Tls {
        /// The address as given.
        addr: String,
        /// What went wrong.
        source: io::Error,
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
        .map_err(|source| DialError::NoName { addr: addr.to_owned(), source })?;
    let dialing = async {
        let stream = tcp(addr).await?;
        connector.connect(name, stream).await.map_err(|source| DialError::Tls { addr: addr.to_owned(), source })
    };
    timeout(limit, dialing).await.map_err(|_| DialError::TimedOut { addr: addr.to_owned(), limit })?
}

async fn tcp(addr: &str) -> Result<TcpStream, DialError> {
    let dialed = TcpStream::connect(addr).await;
    let stream = dialed.map_err(|source| DialError::Failed { addr: addr.to_owned(), source })?;
    prepare(&stream);
    Ok(stream)
}

/// What the commonest failures of a handshake mean.
fn advice(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        // The second is an authority that was made anew under its old name.
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            " (whoever signed its certificate is not among those trusted here)"
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => " (is that a port without TLS?)",
        Some(Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure)) => {
            " (it may want a client certificate)"
        }
        _ => "",
    }
}
