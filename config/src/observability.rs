//! Section `observability`.

use serde::Deserialize;

use crate::field;
use crate::listen::ListenAddr;

/// The HTTP port that serves `/healthz`, `/readyz` and `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Observability {
    /// Whether the port is served at all; on unless switched off.
    pub enable: bool,
    /// Where to listen; `0.0.0.0:9091` unless written.
    pub addr: ListenAddr,
}

impl Default for Observability {
    fn default() -> Self {
        Written::default().into()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    enable: Option<bool>,
    #[serde(default, deserialize_with = "field::word")]
    addr: Option<ListenAddr>,
}

impl From<Written> for Observability {
    fn from(written: Written) -> Self {
        Self { enable: written.enable.unwrap_or(true), addr: written.addr.unwrap_or(ListenAddr::everywhere(9091)) }
    }
}
