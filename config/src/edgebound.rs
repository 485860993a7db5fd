//! Section `edgebound`.

use serde::Deserialize;

use crate::limits::{self, Limits};
use crate::listen::{self, Listen, ListenAddr};

/// The side that edges dial.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Edgebound {
    /// Where edges connect; `0.0.0.0:30012` unless written.
    pub listen: Listen,
    /// Whether the gateway itself gives an edge its id while no service has
    /// registered the hook `get_edge_id`; key
    /// `edgeid_alloc_when_no_idservice_on`, off unless written. When off, such
    /// an edge is refused.
    pub allocate_edge_ids: bool,
    /// Whether an edge gets the id that it asks for; key `honour_wanted_id`,
    /// off unless written. When off, the wish is ignored.
    pub honour_wanted_id: bool,
    /// Bounds of each link to an edge.
    pub limits: Limits,
}

impl Default for Edgebound {
    fn default() -> Self {
        Written::default().into()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<listen::Written>,
    edgeid_alloc_when_no_idservice_on: Option<bool>,
    honour_wanted_id: Option<bool>,
    limits: Option<limits::Written>,
}

impl From<Written> for Edgebound {
    fn from(written: Written) -> Self {
        let listen = written.listen.unwrap_or_default();
        let limits = written.limits.unwrap_or_default();
        Self {
            listen: listen.or(ListenAddr::everywhere(30012)),
            allocate_edge_ids: written.edgeid_alloc_when_no_idservice_on.unwrap_or(false),
            honour_wanted_id: written.honour_wanted_id.unwrap_or(false),
            limits: limits.or(Limits::EDGE),
        }
    }
}
