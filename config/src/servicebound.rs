//! Section `servicebound`.

use serde::Deserialize;

use crate::limits::{self, Limits};
use crate::listen::{self, Listen, ListenAddr};

/// The side that services dial.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Servicebound {
    /// Where services connect; `0.0.0.0:30011` unless written.
    pub listen: Listen,
    /// Bounds of each link to a service.
    pub limits: Limits,
}

impl Default for Servicebound {
    fn default() -> Self {
        Written::default().into()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<listen::Written>,
    limits: Option<limits::Written>,
}

impl From<Written> for Servicebound {
    fn from(written: Written) -> Self {
        let listen = written.listen.unwrap_or_default();
        let limits = written.limits.unwrap_or_default();
        Self { listen: listen.or(ListenAddr::everywhere(30011)), limits: limits.or(Limits::SERVICE) }
    }
}
