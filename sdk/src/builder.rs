//! What is decided before an edge or service connects.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proto::body::{EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID, ServiceMeta};
use proto::conn::Settings;
use proto::id::{ClientId, EdgeId, ServiceId};
use proto::wire::{HeartbeatClass, MAX_PAYLOAD};

use crate::dial::{BoxError, ByteStream, Dialer};
use crate::handlers::{Handlers, Work};
use crate::presence::{EdgePresence, Metas, edge_id_work, offline_work, online_work};
use crate::request::Request;
use crate::shared::{Options, Owner, Shared};
use crate::{Edge, Error, Reconnect, Service, Tls};

/// Bounds of one edge or service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of calls, and most bytes of messages, that wait to be sent; one of any legal size always fits. Above it:
    /// [`Error::Congested`]. 8 MiB by default.
    pub queue_bytes: usize,
    /// Most bytes of messages that were received and not yet taken with `receive`, for the link and for each stream; one of
    /// any legal size always fits. Further ones, and those beyond 512, are answered `congested`. 8 MiB by default.
    pub receive_bytes: usize,
    /// Most bytes of answers that wait to be sent. Above it an answer becomes the error `congested`. 16 MiB by default.
    pub answer_bytes: usize,
    /// Most handlers that run in tasks at once. Further calls are answered `congested`. 4096 by default.
    pub handlers: usize,
    /// Most bytes of the calls whose handlers run in tasks; one of any legal size always fits. Further calls are answered
    /// `congested`. 64 MiB by default.
    pub request_bytes: usize,
    /// Longest payload of a frame that is accepted, in bytes; a longer one ends the link. 10 MiB by default, which is the
    /// most that peers may send.
    pub max_payload: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes: 8 * 1024 * 1024,
            receive_bytes: 8 * 1024 * 1024,
            answer_bytes: 16 * 1024 * 1024,
            handlers: 4096,
            request_bytes: 64 * 1024 * 1024,
            max_payload: MAX_PAYLOAD,
        }
    }
}

/// Makes an [`Edge`] or a [`Service`]: see [`Edge::builder`] and [`Service::builder`].
#[must_use = "nothing happens until `connect`"]
pub struct Builder<K> {
    dialer: Dialer,
    meta: Bytes,
    service: ServiceMeta,
    wanted: ClientId,
    heartbeat: HeartbeatClass,
    reconnect: Reconnect,
    connect_timeout: Duration,
    limits: Limits,
    handlers: Handlers,
    metas: Arc<Metas>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Builder<K> {
    pub(crate) fn new(addr: String) -> Self {
        Self {
            dialer: Dialer::to(addr),
            meta: Bytes::new(),
            service: ServiceMeta::default(),
            wanted: ClientId::default(),
            heartbeat: HeartbeatClass::default(),
            reconnect: Reconnect::default(),
            connect_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            handlers: Handlers::default(),
            metas: Arc::default(),
            kind: PhantomData,
        }
    }

    /// Reaches the gateway through `dial` instead of TCP, TLS or WebSocket to the address: over a proxy, or a pipe in the
    /// process. It is called for every attempt to connect and must yield a fresh byte stream.
    pub fn dial_with<F, Fut, S, E>(mut self, dial: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: ByteStream + 'static,
        E: Into<BoxError>,
    {
        self.dialer = Dialer::custom(dial);
        self
    }

    /// Reaches the gateway over TLS; with an address `wss://` the system's roots are trusted without it. A way of one's own ([`Builder::dial_with`]) is left as it is.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.dialer = self.dialer.over_tls(tls);
        self
    }

    /// How often heartbeats are sent: every 20 s by default. The gateway drops a link of which it has heard nothing for
    /// more than two of them, and so does this side.
    pub fn heartbeat(mut self, class: HeartbeatClass) -> Self {
        self.heartbeat = class;
        self
    }

    /// What happens when the link is lost.
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.reconnect = policy;
        self
    }

    /// Time for one attempt to reach the gateway: 10 s by default. The gateway's answer has 10 s more.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Bounds of queues and numbers.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Offers a method from the start: see [`Edge::handle`].
    pub fn handle<F, Fut, B, E>(self, method: &str, handler: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.handlers.insert(method, Work::task(handler));
        self
    }

    /// Offers a method from the start whose handler never waits: see [`Edge::handle_now`].
    pub fn handle_now<F, B, E>(self, method: &str, handler: F) -> Self
    where
        F: Fn(Request) -> Result<B, E> + Send + Sync + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.handlers.insert(method, Work::now(handler));
        self
    }

    async fn connect_with(self, meta: Vec<u8>, tails: bool) -> Result<Arc<Owner>, Error> {
        let settings = Settings {
            heartbeat: self.heartbeat,
            max_payload: self.limits.max_payload,
            reply_bytes: self.limits.answer_bytes,
            ..Settings::default()
        };
        let options = Options {
            dialer: self.dialer,
            meta,
            wanted: self.wanted,
            settings: Arc::new(settings),
            reconnect: self.reconnect,
            connect_timeout: self.connect_timeout,
            limits: self.limits,
            tails,
        };
        if [EDGE_ONLINE, EDGE_OFFLINE].iter().all(|hook| self.handlers.contains(hook)) {
            self.metas.enable();
        }
        let shared = Shared::new(options, self.handlers, self.metas);
        Ok(Arc::new(Owner::connect(shared).await?))
    }
}

impl Builder<Edge> {
    /// What the edge says about itself, in any form; services get it with the hooks.
    pub fn meta(mut self, meta: impl Into<Bytes>) -> Self {
        self.meta = meta.into();
        self
    }

    /// Asks for this id. Most gateways let a service decide instead.
    pub fn edge_id(mut self, id: EdgeId) -> Self {
        self.wanted = id.into();
        self
    }

    /// Serves every method that has no handler of its own, from the start: see [`Edge::handle_any`].
    pub fn handle_any<F, Fut, B, E>(self, handler: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.handlers.insert_any(Work::task(handler));
        self
    }

    /// Connects. Done when the gateway has let the edge in and knows its methods. Cancel-safe: dropped, it leaves nothing
    /// behind.
    ///
    /// # Errors
    /// [`Error::Dial`], [`Error::Tls`], [`Error::Refused`], [`Error::Handshake`]. The first connect is not tried again.
    pub async fn connect(self) -> Result<Edge, Error> {
        let meta = self.meta.to_vec();
        self.connect_with(meta, false).await.map(Edge::new)
    }
}

impl Builder<Service> {
    /// The name by which edges open streams to the service. Several services may have one name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.service.service = name.into();
        self
    }

    /// Topics whose messages the service receives.
    pub fn topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.service.topics = topics.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for this id. Another service that has it is driven out.
    pub fn service_id(mut self, id: ServiceId) -> Self {
        self.wanted = id.into();
        self
    }

    /// Decides which id an edge gets, by the edge's meta: asked for every edge that connects. The id of an edge that is
    /// online drives that one out. Id 0 lets the gateway allot one; an error refuses the edge.
    pub fn on_get_edge_id<F, Fut, E>(self, hook: F) -> Self
    where
        F: Fn(Bytes) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<EdgeId, E>> + Send + 'static,
        E: fmt::Display,
    {
        self.handlers.insert(GET_EDGE_ID, edge_id_work(hook));
        self
    }

    /// Is told of every edge that is about to come online; an error refuses it. The edge waits for the answer, and gives up
    /// after 10 s.
    pub fn on_edge_online<F, Fut, E>(self, hook: F) -> Self
    where
        F: Fn(EdgePresence) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        self.handlers.insert(EDGE_ONLINE, online_work(Arc::clone(&self.metas), hook));
        self
    }

    /// Is told of every edge that has gone offline. Its answer changes nothing.
    pub fn on_edge_offline<F, Fut, E>(self, hook: F) -> Self
    where
        F: Fn(EdgePresence) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        self.handlers.insert(EDGE_OFFLINE, offline_work(Arc::clone(&self.metas), hook));
        self
    }

    /// Connects. Done when the gateway has let the service in and knows its methods and hooks. Cancel-safe: dropped, it
    /// leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Dial`], [`Error::Tls`], [`Error::Refused`], [`Error::Handshake`]. The first connect is not tried again.
    pub async fn connect(self) -> Result<Service, Error> {
        let mut meta = Vec::new();
        self.service.encode(&mut meta);
        self.connect_with(meta, true).await.map(Service::new)
    }
}

impl<K> fmt::Debug for Builder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("dialer", &self.dialer)
            .field("handlers", &self.handlers)
            .finish_non_exhaustive()
    }
}
