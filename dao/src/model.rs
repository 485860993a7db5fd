//! What is recorded: rows, and the changes that make them.

use std::fmt;
use std::sync::Arc;

use proto::id::{EdgeId, ServiceId};
use smol_str::SmolStr;

/// Text that is shared with whoever else holds it: a clone costs no copy.
///
/// Compared byte by byte, which is the order of its characters' numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<[u8]>); // UTF-8, which `from_bytes` sees to.

impl Text {
    /// Takes what a peer sent. The bytes stay shared if they are UTF-8; else each bad sequence becomes U+FFFD in a copy.
    #[must_use]
    pub fn from_bytes(bytes: Arc<[u8]>) -> Self {
        match String::from_utf8_lossy(&bytes) {
            std::borrow::Cow::Borrowed(_) => Self(bytes),
            std::borrow::Cow::Owned(mended) => Self(mended.into_bytes().into()),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked when it was made")
    }

    /// Its bytes, which are UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

/// Which link a change is about. Of two links that hold an id one after the other the later has the greater number; an
/// address tells them not apart, for ports come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// An edge that is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Its id; any 64 bits.
    pub id: EdgeId,
    /// What it introduced itself with.
    pub meta: Text,
    /// Where it connected from, `address:port`.
    pub addr: SmolStr,
    /// When it was admitted, in seconds since 1970.
    pub create_time: i64,
}

/// A method that an edge offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRpc {
    /// The method's name.
    pub rpc: Text,
    /// Who offers it.
    pub edge: EdgeId,
    /// Since when, in seconds since 1970.
    pub create_time: i64,
}

/// A service that is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id; any 64 bits.
    pub id: ServiceId,
    /// The name that it goes by; several may share it.
    pub name: Text,
    /// Where it connected from, `address:port`.
    pub addr: SmolStr,
    /// When it was admitted, in seconds since 1970.
    pub create_time: i64,
}

/// A method that a service offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRpc {
    /// The method's name.
    pub rpc: Text,
    /// Who offers it.
    pub service: ServiceId,
    /// Since when, in seconds since 1970.
    pub create_time: i64,
}

/// A topic that a service takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTopic {
    /// The topic, or a pattern of topics, as the service named it.
    pub topic: Text,
    /// Who takes it.
    pub service: ServiceId,
    /// Since when, in seconds since 1970.
    pub create_time: i64,
}

/// One step of who is online.
///
/// Applying a change again, or late, does no harm: what belongs to another link than the one whose row is there is
/// ignored. So the changes of different links may come in any order, and those that a snapshot holds already may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An edge was admitted. Its row takes the place of an older link's, with all that this one offered. Ignored if the row
    /// that is there belongs to this link or to a later one.
    EdgeOnline(Edge, Generation),
    /// An edge is gone, and all that it offered. Ignored unless the row is this link's.
    EdgeOffline(EdgeId, Generation),
    /// An edge offers a method; again changes nothing. Ignored unless the row is this link's.
    EdgeRpc(EdgeRpc, Generation),
    /// A service was admitted; as [`Change::EdgeOnline`].
    ServiceOnline(Service, Generation),
    /// A service is gone; as [`Change::EdgeOffline`].
    ServiceOffline(ServiceId, Generation),
    /// A service offers a method; as [`Change::EdgeRpc`].
    ServiceRpc(ServiceRpc, Generation),
    /// A service takes a topic; as [`Change::EdgeRpc`].
    ServiceTopic(ServiceTopic, Generation),
}

impl Change {
    /// Bytes that it holds while it waits, shared ones included.
    pub(crate) fn weight(&self) -> usize {
        let text = match self {
            Self::EdgeOnline(edge, _) => edge.meta.as_bytes().len(),
            Self::ServiceOnline(service, _) => service.name.as_bytes().len(),
            Self::EdgeRpc(EdgeRpc { rpc: name, .. }, _)
            | Self::ServiceRpc(ServiceRpc { rpc: name, .. }, _)
            | Self::ServiceTopic(ServiceTopic { topic: name, .. }, _) => name.as_bytes().len(),
            Self::EdgeOffline(..) | Self::ServiceOffline(..) => 0,
        };
        size_of::<Self>() + text
    }
}
