//! What a link says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use dao::{Change, Edge, EdgeRpc, Generation, Service, ServiceRpc, ServiceTopic, Text};
use proto::id::{EdgeId, ServiceId};

/// Who is at the other end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// An edge, by its id.
    Edge(EdgeId),
    /// A service, by its id.
    Service(ServiceId),
}

/// A method, or a topic, and since when it is offered, in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its name.
    pub name: Text,
    /// Since when.
    pub since: i64,
}

/// What lies between a link's socket and our protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Transport {
    /// Nothing.
    #[default]
    Tcp,
    /// TLS.
    Tls,
    /// WebSocket.
    WebSocket,
    /// WebSocket within TLS.
    WebSocketTls,
}

/// All of them.
pub(crate) const TRANSPORTS: [Transport; 4] =
    [Transport::Tcp, Transport::Tls, Transport::WebSocket, Transport::WebSocketTls];

impl Transport {
    /// As a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::WebSocket => "ws",
            Transport::WebSocketTls => "wss",
        }
    }
}

/// What a link has carried since it was made; *in* is what its peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes of our protocol, without those of TLS.
    pub bytes_in: u64,
    /// As `bytes_in`.
    pub bytes_out: u64,
    /// Calls, those in streams included.
    pub calls_in: u64,
    /// As `calls_in`; the gateway's own to a service are among them.
    pub calls_out: u64,
    /// Messages, those in streams included.
    pub messages_in: u64,
    /// As `messages_in`.
    pub messages_out: u64,
}

/// A link that is online, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkReport {
    /// Who it is.
    pub peer: Peer,
    /// Which of those that have held the id.
    pub generation: Generation,
    /// An edge's meta, a service's name.
    pub label: Text,
    /// Where it connected from.
    pub addr: SocketAddr,
    /// How.
    pub transport: Transport,
    /// When it was admitted, in seconds since 1970.
    pub since: i64,
    /// How long ago its last heartbeat came; since it was admitted, if none has come.
    pub heartbeat_age: Duration,
    /// What it has carried.
    pub traffic: Traffic,
    /// The methods that it has registered.
    pub methods: Vec<Offered>,
    /// The topics that it takes; an edge takes none.
    pub topics: Vec<Offered>,
}

impl LinkReport {
    /// The changes that record this link, in an order in which they can be applied.
    pub(crate) fn changes(self) -> Vec<Change> {
        let Self { peer, generation, label, addr, since, methods, topics, .. } = self;
        let addr = addr.to_string().into();
        match peer {
            Peer::Edge(id) => {
                let online = Change::EdgeOnline(Edge { id, meta: label, addr, create_time: since }, generation);
                let methods = methods.into_iter().map(|Offered { name, since }| {
                    Change::EdgeRpc(EdgeRpc { rpc: name, edge: id, create_time: since }, generation)
                });
                std::iter::once(online).chain(methods).collect()
            }
            Peer::Service(id) => {
                let online = Change::ServiceOnline(Service { id, name: label, addr, create_time: since }, generation);
                let topics = topics.into_iter().map(|Offered { name, since }| {
                    Change::ServiceTopic(ServiceTopic { topic: name, service: id, create_time: since }, generation)
                });
                let methods = methods.into_iter().map(|Offered { name, since }| {
                    Change::ServiceRpc(ServiceRpc { rpc: name, service: id, create_time: since }, generation)
                });
                std::iter::once(online).chain(topics).chain(methods).collect()
            }
        }
    }
}
