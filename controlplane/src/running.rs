//! What only a running gateway can tell and do.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use proto::id::{EdgeId, ServiceId};

/// A running gateway, as the control plane sees it.
///
/// Nothing here may hold up routing: what concerns one link is asked of that link's task, and what concerns all is read from
/// counters.
#[async_trait]
pub trait Running: fmt::Debug + Send + Sync + 'static {
    /// Ends the link of an edge; `false` if it is not online. When this returns it can no longer be addressed, and its going
    /// is left with the records. May wait for the link's task, however long; dropped before its end, the link ends all the same.
    async fn kick_edge(&self, edge: EdgeId) -> bool;

    /// Ends the link of a service; as [`Running::kick_edge`].
    async fn kick_service(&self, service: ServiceId) -> bool;

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

/// A link that is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The edge's meta, the service's name.
    pub label: String,
    /// What it runs over, as a word.
    pub transport: &'static str,
    /// The other end.
    pub peer: SocketAddr,
    /// When it was admitted, in seconds since 1970.
    pub connected_since: i64,
    /// How long ago its last heartbeat came; since it was admitted, if none has come.
    pub heartbeat_age: Duration,
    /// What it has carried.
    pub traffic: Traffic,
    /// The methods that it offers.
    pub rpcs: Vec<String>,
    /// The topics that it takes.
    pub topics: Vec<String>,
}

/// What a link has carried since it was made. "In" is what its peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Calls that came.
    pub calls_in: u64,
    /// Calls that went.
    pub calls_out: u64,
    /// Messages that came.
    pub messages_in: u64,
    /// Messages that went.
    pub messages_out: u64,
}

/// A link that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Whose it was.
    pub kind: LinkKind,
    /// The id of the edge or service.
    pub id: u64,
    /// The edge's meta or the service's name, cut to a bound.
    pub label: Box<str>,
    /// The other end.
    pub peer: SocketAddr,
    /// When it was admitted, in seconds since 1970.
    pub connected_since: i64,
    /// When it ended, in seconds since 1970.
    pub closed_at: i64,
    /// Why, in words for an operator.
    pub reason: Box<str>,
    /// What it had carried.
    pub traffic: Traffic,
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
    /// Links that lost their id to a newcomer.
    pub displaced: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Calls that it made and that were answered, with or without success.
    pub calls: u64,
    /// Messages that it published and that were answered, with or without success.
    pub messages: u64,
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
