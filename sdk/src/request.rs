//! What a handler gets.

use std::sync::Arc;

use bytes::Bytes;
use proto::id::EdgeId;
use tokio::time::Instant;

/// A call of the other side.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// The method that is called.
    pub method: Arc<str>,
    /// The argument.
    pub payload: Bytes,
    /// Bytes that accompany the argument. On services without the edge's id, which is in [`Request::edge_id`].
    pub custom: Bytes,
    /// On services: the edge that calls. `None` on edges, for calls of the gateway itself, and within streams, which
    /// carry no such id.
    pub edge_id: Option<EdgeId>,
    /// On services with both hooks [`on_edge_online`](crate::Builder::on_edge_online) and
    /// [`on_edge_offline`](crate::Builder::on_edge_offline): the meta of the edge that calls, if its coming was told to
    /// this service on this link.
    pub edge_meta: Option<Bytes>,
    /// When the caller gives up, as far as its clock can be believed: a time of more than 60 s ago or 1 h ahead counts as
    /// none. The handler is cut off at this time, but never less than 30 s after its start.
    pub deadline: Option<Instant>,
}
