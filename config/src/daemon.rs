//! Section `daemon`.

use serde::Deserialize;

/// The process as such.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Daemon {
    /// The name of this gateway among several; empty when it has none.
    pub frontier_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    frontier_id: Option<String>,
}

impl From<Written> for Daemon {
    fn from(written: Written) -> Self {
        Self { frontier_id: written.frontier_id.unwrap_or_default() }
    }
}
