//! What an application can know about its link.

use std::sync::Arc;

use proto::id::ClientId;
use tokio::time::Instant;

/// The state of the link to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkState {
    /// Dialing, shaking hands or registering methods.
    Connecting,
    /// Connected, and every method is registered.
    Online {
        /// The id that the gateway gave: an edge's or a service's. It may differ from that of the link before.
        id: ClientId,
    },
    /// The link was lost, or could not be made.
    Offline {
        /// Why, for people.
        reason: Arc<str>,
        /// When it is tried again.
        next_attempt: Instant,
    },
    /// For good: closed by the application, or lost with [`Reconnect::Never`](crate::Reconnect::Never).
    Closed,
}
