//! What only a running gateway can tell and do.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use proto::id::{EdgeId, ServiceId};

/// A running gateway, as the control plane sees it.
///
/// Nothing here may hold up routing: what concerns one link is asked of that link's task, and what concerns all is read from
/// counters.
#[async_trait]
pub trait Running: fmt::Debug + Send + Sync + 'static {
    /// Closes the link of an edge, and answers when it can no longer be addressed and its going is left with the records, or
    /// after 5 s. Dropped before its end, the link may be closed nevertheless.
    async fn kick_edge(&self, edge: EdgeId) -> Kick;

    /// Closes the link of a service; as [`Running::kick_edge`].
    async fn kick_service(&self, service: ServiceId) -> Kick;

    /// The link of an edge as it is now; `None` if it is not online or does not say in time.
    async fn edge(&self, edge: EdgeId) -> Option<Link>;

    /// The link of a service as it is now; as [`Running::edge`].
    async fn service(&self, service: ServiceId) -> Option<Link>;

    /// What has come and gone since the start.
    fn totals(&self) -> Totals;

    /// Links that have ended, the youngest first, at most `limit`, as far as they are remembered.
    fn closed(&self, limit: usize) -> Vec<Closed>;

    /// The bridges, in the order of the configuration.
    fn bridges(&self) -> Vec<Bridge>;

    /// What this gateway is.
    fn info(&self) -> Info;
}

/// What became of a kick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kick {
    /// It is gone.
    Done,
    /// There was nobody of that id.
    Absent,
    /// It was told to go and is not known to be gone.
    Pending,
}

/// Edge or service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// An edge.
    Edge,
    /// A service.
    Service,
}

impl LinkKind {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Service => "service",
        }
    }
}

/// What a link runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket.
    WebSocket,
    /// WebSocket over TLS.
    SecureWebSocket,
}

impl Transport {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "ws",
            Self::SecureWebSocket => "wss",
        }
    }
}

/// A link that is online. "In" is what its peer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it runs over.
    pub transport: Transport,
    /// The other end.
    pub peer: SocketAddr,
    /// When it was admitted.
    pub connected_since: SystemTime,
    /// How long ago its last byte came.
    pub last_heard: Duration,
    /// How long ago its last heartbeat came, if one has.
    pub last_heartbeat: Option<Duration>,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Calls and messages that came.
    pub messages_in: u64,
    /// Calls and messages that went.
    pub messages_out: u64,
    /// Streams that are open.
    pub streams: u32,
    /// Bytes of calls and messages that wait to be sent to it.
    pub queued_bytes: u64,
}

/// A link that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Whose it was.
    pub kind: LinkKind,
    /// The id of the edge or service.
    pub id: u64,
    /// The edge's meta or the service's name, cut to a bound.
    pub label: Arc<str>,
    /// The other end.
    pub peer: SocketAddr,
    /// When it was admitted.
    pub connected_since: SystemTime,
    /// When it ended.
    pub closed_at: SystemTime,
    /// Why, in words for an operator.
    pub reason: Arc<str>,
}

/// What has come and gone since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// On the side of edges.
    pub edges: Side,
    /// On the side of services.
    pub services: Side,
}

/// All links of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Side {
    /// Links that are online.
    pub online: u64,
    /// Links that were admitted.
    pub admitted: u64,
    /// Links that were refused.
    pub refused: u64,
    /// Links that lost their id to a newcomer.
    pub takeovers: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

/// A bridge at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// The kind of its broker.
    pub kind: &'static str,
    /// What it is doing.
    pub state: BridgeState,
    /// Since when.
    pub since: SystemTime,
    /// What became of its messages.
    pub counters: Counters,
}

/// What a bridge is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BridgeState {
    /// It connects.
    Connecting,
    /// It is up.
    Up,
    /// It is down.
    Down {
        /// Why.
        reason: String,
    },
}

/// Counters of a bridge, of one moment: matched = delivered + failed + dropped + queued + in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that it was to take.
    pub matched: u64,
    /// Messages that the broker has confirmed.
    pub delivered: u64,
    /// Messages that the broker refused, or may have got.
    pub failed: u64,
    /// Messages that the broker never got.
    pub dropped: u64,
    /// Messages that wait for the broker.
    pub queued: u64,
    /// Messages that the broker has not confirmed yet.
    pub in_flight: u64,
    /// Times that a message was queued again.
    pub retried: u64,
    /// Messages confirmed after they were answered with an error.
    pub late: u64,
    /// Bytes that it holds.
    pub bytes: u64,
}

/// What a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The program's version.
    pub version: &'static str,
    /// When it started.
    pub started_at: SystemTime,
    /// For how long it has run.
    pub uptime: Duration,
    /// A digest of its effective configuration, in hexadecimal.
    pub config_digest: String,
    /// What it calls itself towards brokers.
    pub node: String,
    /// Whether it is about to stop.
    pub draining: bool,
    /// What keeps the records.
    pub dao: &'static str,
}
