//! What an operator can configure, and how it is read and checked.
//!
//! A [`Config`] comes from three places, later ones winning:
//!
//! 1. a YAML file, or without one the embedded defaults ([`Config::default`]);
//! 2. environment variables and
//! 3. command-line flags.
//!
//! [`load`] lays them over each other and checks the whole. Reading is strict:
//! an unknown key, a key given twice, a second document or a value out of range
//! is a [`ConfigError`] that names the file, the line and what would be right. A
//! key with nothing behind it counts as absent. What is asked for and not served
//! is refused, never ignored; `served.rs` is the list.
//!
//! Every section has its own module, where each key, its meaning and its default
//! stand once (`section.rs` tells how). The schema, the documentation and the
//! sample file are told from there ([`schema`], [`markdown`], [`sample`]).
//!
//! This crate opens no socket, knows no client library and does no IO but
//! reading the one file, and a secret's when it is asked for.

mod bridge;
mod changes;
mod control;
mod daemon;
mod dao;
mod dial;
mod edgebound;
mod error;
mod exchange;
mod field;
mod limits;
mod listen;
mod load;
mod log;
mod mqm;
mod nearest;
mod observability;
mod overrides;
mod places;
mod read;
mod rules;
mod schema;
mod secret;
mod section;
mod served;
mod servicebound;
mod tls;
mod websocket;

pub use bridge::*;
pub use control::{ControlPlane, ControlToken, Frontlas, FrontlasMetrics, Role};
pub use daemon::{Daemon, Pprof, Rlimit};
pub use dao::{Backend, Dao, Sqlite};
pub use dial::Dial;
pub use edgebound::Edgebound;
pub use error::{ConfigError, Origin, Place};
pub use exchange::{Exchange, HashBy};
pub use field::UnknownWord;
pub use limits::Limits;
pub use listen::{BadAddr, Listen, ListenAddr, Network};
pub use load::{Loaded, Request, Warning, load};
pub use log::{Format, Level, Log, LogFile, Output};
pub use mqm::*;
pub use observability::Observability;
pub use overrides::{BadDrainSeconds, DEFAULT_DRAIN, Overrides, drain_window};
pub use places::Site;
pub use read::{MAX_FILE_BYTES, UnknownKey};
pub use schema::{markdown, sample, schema};
pub use secret::{BrokerAddr, Credential, NoSecret, Secret};
pub use servicebound::Servicebound;
pub use tls::{CertKey, Tls, TlsClient, TlsServer, Verify};
pub use websocket::{AllowedOrigin, BadNetwork, BadOrigin, ProxyNetwork, WebSocket};

use std::path::Path;

use crate::section::{Section, Setting, section_without_default};

section_without_default! {
    /// The configuration of frontier.
    pub struct Config {
        /// What is logged, where to and in which form.
        log: Log = Log::default(),
        /// The process as such.
        daemon: Daemon = Daemon::default(),
        /// The side that services dial.
        servicebound: Servicebound = Servicebound::default(),
        /// The side that edges dial.
        edgebound: Edgebound = Edgebound::default(),
        /// How traffic of edges finds its service.
        exchange: Exchange = Exchange::default(),
        /// The HTTP port that serves `/healthz`, `/readyz` and `/metrics`.
        observability: Observability = Observability::default(),
        /// The API for operators: gRPC and REST on one port.
        controlplane: ControlPlane = ControlPlane::default(),
        /// Where it is recorded who is online, for the control plane.
        dao: Dao = Dao::default(),
        /// The registry of the cluster that this gateway belongs to.
        frontlas: Frontlas = Frontlas::default(),
        /// Brokers that topics of edges go to, in the form of the Go gateway.
        mqm: Mqm = Mqm::default(),
        /// Ways out for topics of edges, in full.
        bridges: Vec<Bridge> = Vec::new(),
    }
}

/// What the gateway runs with when it is given no file: services on `0.0.0.0:30011`, edges on `0.0.0.0:30012`, health and
/// metrics on `0.0.0.0:9091`, and edge ids handed out by the gateway itself. A *file* that leaves a key out gets the same
/// values but one: there `edgebound.edgeid_alloc_when_no_idservice_on` is off unless written, as in the Go gateway.
impl Default for Config {
    fn default() -> Self {
        let mut config = Self::unwritten();
        config.edgebound.allocate_edge_ids = true;
        config
    }
}

impl Config {
    /// Reads `file`, which must be a regular file of at most [`MAX_FILE_BYTES`], and nothing else: no environment, no flags.
    ///
    /// # Errors
    ///
    /// Any [`ConfigError`] but [`ConfigError::Override`]; nothing is applied
    /// by halves.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let request = Request { file: Some(file), ..Request::default() };
        load(&request, |_| None).map(|loaded| loaded.config)
    }

    /// All ways out for topics: those of `bridges`, then those of `mqm`. Names are distinct.
    pub fn all_bridges(&self) -> Vec<Bridge> {
        [self.bridges.clone(), self.mqm.bridges()].concat()
    }

    /// The configuration as a file: every key that has a value, secrets masked.
    ///
    /// Read again it is the same configuration, but for the secrets.
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(&self.written()).expect("a configuration has text keys alone")
    }
}
