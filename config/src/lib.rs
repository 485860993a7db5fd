//! What an operator can configure, and how it is read and checked.
//!
//! A [`Config`] comes from three places, later ones winning:
//!
//! 1. a YAML file ([`Config::load`]), or without one the embedded defaults
//!    ([`Config::default`]);
//! 2. environment variables and
//! 3. command-line flags ([`apply`]).
//!
//! Reading is strict: an unknown key, a key given twice, a second document or
//! a value out of range is a [`ConfigError`] that names the file, the line and
//! what would be right. A key with nothing behind it counts as absent.
//!
//! Every section has its own module with two types: `Written` mirrors the file
//! (every key optional, units in the key names), the public type is what the
//! program uses (defaults filled in, typed).
//!
//! This crate opens no socket, knows no client library and does no IO but
//! reading that one file.

mod daemon;
mod dial;
mod edgebound;
mod error;
mod exchange;
mod field;
mod limits;
mod listen;
mod log;
mod nearest;
mod observability;
mod overrides;
mod read;
mod servicebound;
mod tls;

pub use daemon::{Daemon, Pprof, Rlimit};
pub use dial::Dial;
pub use edgebound::Edgebound;
pub use error::{ConfigError, Origin, Place};
pub use exchange::{Exchange, HashBy};
pub use field::UnknownWord;
pub use limits::Limits;
pub use listen::{BadAddr, Listen, ListenAddr, Network};
pub use log::{Format, Level, Log, LogFile, Output};
pub use observability::Observability;
pub use overrides::{BadDrainSeconds, DEFAULT_DRAIN, Overrides, apply, drain_window};
pub use read::MAX_FILE_BYTES;
pub use servicebound::Servicebound;
pub use tls::{CertKey, Tls, TlsClient, TlsServer, Verify};

use std::path::Path;

use serde::Deserialize;

/// Everything that can be configured; the root of the YAML file.
///
/// [`Default`] is what the gateway runs with when it is given no file: services
/// on `0.0.0.0:30011`, edges on `0.0.0.0:30012`, health and metrics on
/// `0.0.0.0:9091`, and edge ids handed out by the gateway itself. A *file* that
/// leaves a key out gets the same values but one: there
/// `edgebound.edgeid_alloc_when_no_idservice_on` is off unless written, as in
/// the Go gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Config {
    /// What is logged, where to and in which form.
    pub log: Log,
    /// The process as such.
    pub daemon: Daemon,
    /// The side that services dial.
    pub servicebound: Servicebound,
    /// The side that edges dial.
    pub edgebound: Edgebound,
    /// How one of several services is chosen.
    pub exchange: Exchange,
    /// The HTTP port for health and metrics.
    pub observability: Observability,
}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self::from(Written::default());
        config.edgebound.allocate_edge_ids = true;
        config
    }
}

impl Config {
    /// Reads `file`, which must be a regular file of at most [`MAX_FILE_BYTES`].
    ///
    /// # Errors
    ///
    /// Any [`ConfigError`] but [`ConfigError::Override`]; nothing is applied
    /// by halves.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = read::text(file)?;
        Self::parse(file, &text)
    }

    /// Reads a configuration from `text`; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`Config::load`], without those of reading.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        read::parse(file, text)
    }
}

/// The file's top level as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    log: Option<Log>,
    daemon: Option<Daemon>,
    servicebound: Option<Servicebound>,
    edgebound: Option<Edgebound>,
    exchange: Option<Exchange>,
    observability: Option<Observability>,
}

impl From<Written> for Config {
    fn from(written: Written) -> Self {
        Self {
            log: written.log.unwrap_or_default(),
            daemon: written.daemon.unwrap_or_default(),
            servicebound: written.servicebound.unwrap_or_default(),
            edgebound: written.edgebound.unwrap_or_default(),
            exchange: written.exchange.unwrap_or_default(),
            observability: written.observability.unwrap_or_default(),
        }
    }
}
