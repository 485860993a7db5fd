//! Coming and going, told to whoever keeps records of it.
//!
//! This is the one way out of routing: links report here and go on, whatever a listener does with it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use proto::id::{EdgeId, ServiceId};

/// Something that a record keeper wants to know. Those of one link come in order; an edge that comes under an id comes
/// after the one before it has gone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PresenceEvent {
    /// An edge was admitted.
    EdgeOnline {
        /// Its id.
        edge: EdgeId,
        /// The bytes that it introduced itself with.
        meta: Arc<[u8]>,
        /// Where it connected from.
        peer: SocketAddr,
        /// When.
        at: SystemTime,
    },
    /// An admitted edge is gone.
    EdgeOffline {
        /// Its id.
        edge: EdgeId,
    },
    /// An edge offers a method.
    EdgeMethod {
        /// Its id.
        edge: EdgeId,
        /// The method's name.
        method: Arc<[u8]>,
    },
    /// A service was admitted.
    ServiceOnline {
        /// Its id.
        service: ServiceId,
        /// Its name.
        name: Arc<str>,
        /// The topics that it takes.
        topics: Arc<[String]>,
        /// Where it connected from.
        peer: SocketAddr,
        /// When.
        at: SystemTime,
    },
    /// An admitted service is gone.
    ServiceOffline {
        /// Its id.
        service: ServiceId,
    },
    /// A service offers a method.
    ServiceMethod {
        /// Its id.
        service: ServiceId,
        /// The method's name.
        method: Arc<[u8]>,
    },
}

/// Keeps records of presence. Called from the links' tasks: must not block.
pub trait PresenceListener: fmt::Debug + Send + Sync {
    /// Something happened.
    fn on_presence(&self, event: PresenceEvent);
}

/// Where presence is told, if anybody listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence(Option<Arc<dyn PresenceListener>>);

impl Presence {
    pub(crate) fn new(listener: Option<Arc<dyn PresenceListener>>) -> Self {
        Self(listener)
    }

    /// Tells the listener; without one the event is not even made.
    pub(crate) fn tell(&self, event: impl FnOnce() -> PresenceEvent) {
        if let Some(listener) = &self.0 {
            listener.on_presence(event());
        }
    }
}
