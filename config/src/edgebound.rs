//! Section `edgebound`.

use std::time::Duration;

use serde::Deserialize;

use crate::dial::Dial;
use crate::field;
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
    /// How long after a start admissions are held back until a service has
    /// registered a hook; key `hook_grace`, in whole seconds, 0 to 600. 0 unless
    /// written: edges that come first get their ids here, and nobody is told.
    pub hook_grace: Duration,
    /// Whether connections that do not speak our protocol are passed on to
    /// `bypass`; off unless written, and such a connection is closed.
    pub bypass_enable: bool,
    /// Where they are passed on to.
    pub bypass: Dial,
    /// How long a connection may send nothing before it is closed, where the
    /// bypass is on; key `bypass_sniff_seconds`, 1 to 600, 10 unless written.
    pub bypass_sniff: Duration,
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
    #[serde(default, deserialize_with = "field::between::<0, 600, _>")]
    hook_grace: Option<u32>,
    bypass_enable: Option<bool>,
    bypass: Option<Dial>,
    #[serde(default, deserialize_with = "field::between::<1, 600, _>")]
    bypass_sniff_seconds: Option<u32>,
    limits: Option<limits::Written>,
}

impl From<Written> for Edgebound {
    fn from(written: Written) -> Self {
        let listen = written.listen.unwrap_or_default();
        let limits = written.limits.unwrap_or_default();
        let seconds = |written: Option<u32>, default| Duration::from_secs(written.unwrap_or(default).into());
        Self {
            listen: listen.or(ListenAddr::everywhere(30012)),
            allocate_edge_ids: written.edgeid_alloc_when_no_idservice_on.unwrap_or(false),
            honour_wanted_id: written.honour_wanted_id.unwrap_or(false),
            hook_grace: seconds(written.hook_grace, 0),
            bypass_enable: written.bypass_enable.unwrap_or(false),
            bypass: written.bypass.unwrap_or_default(),
            bypass_sniff: seconds(written.bypass_sniff_seconds, 10),
            limits: limits.or(Limits::EDGE),
        }
    }
}
