//! Ways out.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::listen::prepare;

/// A gateway could not be reached.
#[derive(Debug, thiserror::Error)]
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
}

/// Connects to `addr` (`host:port`) over TCP, trying every address that the name has, within `limit` in all. Cancel-safe.
///
/// # Errors
/// No address answers, or none in time.
pub async fn dial(addr: &str, limit: Duration) -> Result<TcpStream, DialError> {
    let stream = tokio::time::timeout(limit, TcpStream::connect(addr))
        .await
        .map_err(|_| DialError::TimedOut { addr: addr.to_owned(), limit })?
        .map_err(|source| DialError::Failed { addr: addr.to_owned(), source })?;
    prepare(&stream);
    Ok(stream)
}
