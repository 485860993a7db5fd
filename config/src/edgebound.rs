//! Section `edgebound`.

use std::time::Duration;

use crate::dial::Dial;
use crate::field::Seconds;
use crate::limits::Limits;
use crate::listen::Listen;
use crate::section::section;
use crate::websocket::WebSocket;

section! {
    /// The side that edges dial.
    pub struct Edgebound {
        /// Where edges connect.
        listen: Listen = Listen::everywhere(30012),
        /// Whether the gateway itself gives an edge its id while no service has registered the hook `get_edge_id`. When off,
        /// such an edge is refused. Without a configuration file it is on.
        #[serde(rename = "edgeid_alloc_when_no_idservice_on")]
        allocate_edge_ids: bool = false,
        /// Whether an edge gets the id that it asks for. When off, the wish is ignored.
        honour_wanted_id: bool = false,
        /// For how many seconds after a start admissions are held back until a service has registered a hook. With 0, edges
        /// that come before every service get their ids here, and nobody is told.
        hook_grace: Duration as Seconds<0, 600> = Duration::ZERO,
        /// Whether connections that do not speak our protocol are passed on to `bypass`. When off, they are closed.
        bypass_enable: bool = false,
        /// Where they are passed on to.
        bypass: Dial = Dial::default(),
        /// How long a connection may send nothing before it is closed, where the bypass is on.
        #[serde(rename = "bypass_sniff_seconds")]
        bypass_sniff: Duration as Seconds<1, 600> = Duration::from_secs(10),
        /// Edges over WebSocket.
        websocket: WebSocket = WebSocket::default(),
        /// Bounds of this side and of each link to an edge.
        limits: Limits = Limits::edge(),
    }
}
