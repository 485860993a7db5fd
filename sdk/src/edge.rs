//! An edge: a device, agent or other client at the edge.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use proto::id::EdgeId;
use tokio::sync::watch;

use crate::handlers::Work;
use crate::outgoing::Route;
use crate::shared::{Owner, Shared};
use crate::{Builder, Call, Error, LinkState, Message, Publish, Request, Stream};

/// An edge and its link to the gateway. Clones share the link; it ends with [`Edge::close`] or with the last clone.
#[derive(Debug, Clone)]
pub struct Edge(Arc<Owner>);

impl Edge {
    /// Begins to make an edge of the gateway at `addr`: `host:port`, by convention port 30012, or `ws://host:port/path` or
    /// `wss://host:port/path` where it takes edges over WebSocket, by convention on port 30013.
    pub fn builder(addr: impl Into<String>) -> Builder<Edge> {
        Builder::new(addr.into())
    }

    pub(crate) fn new(owner: Arc<Owner>) -> Self {
        Self(owner)
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }

    /// The id that the gateway gave on the latest connect.
    #[must_use]
    pub fn id(&self) -> EdgeId {
        EdgeId(self.shared().id().0)
    }

    /// The state of the link, to look at or to wait for.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.shared().state()
    }

    /// Calls a method of whichever service offers it.
    pub fn call<'a>(&'a self, method: &'a str, payload: impl Into<Bytes>) -> Call<'a> {
        Call::new(Route::Gateway(self.shared(), None), method, payload.into())
    }

    /// Offers a method to services, now and on every later link; replaces the handler that it had. Each call runs in a task
    /// of its own, which is cut off when the caller cancels, when the link dies, or at the caller's deadline, but not
    /// before 30 s. An error or a panic becomes the caller's error.
    ///
    /// An async closure that uses what it captures is given as `move |request| { let db = db.clone(); async move { .. } }`.
    ///
    /// Done when the gateway knows the method; calls may come before. Without a link it waits for one. Dropping the future
    /// leaves the method on offer.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the gateway does not confirm within 30 s: the method is then registered with the next link.
    /// [`Error::Closed`].
    pub async fn handle<F, Fut, B, E>(&self, method: &str, handler: F) -> Result<(), Error>
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.shared().handle(method, Work::task(handler)).await
    }

    /// As [`Edge::handle`], with a handler that never waits. It runs in the link's task, which costs least, and holds up
    /// everything else on the link meanwhile: let it take microseconds.
    ///
    /// # Errors
    /// As [`Edge::handle`].
    pub async fn handle_now<F, B, E>(&self, method: &str, handler: F) -> Result<(), Error>
    where
        F: Fn(Request) -> Result<B, E> + Send + Sync + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.shared().handle(method, Work::now(handler)).await
    }

    /// Serves every method that has no handler of its own; [`Request::method`] says which. Nothing is registered for it:
    /// services can call an edge by any method. Otherwise as [`Edge::handle`].
    pub fn handle_any<F, Fut, B, E>(&self, handler: F)
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.shared().handlers.insert_any(Work::task(handler));
    }

    /// Publishes a message to whoever receives its topic: services, or brokers behind the gateway.
    pub fn publish<'a>(&'a self, topic: &'a str, payload: impl Into<Bytes>) -> Publish<'a> {
        Publish::new(Route::Gateway(self.shared(), None), topic, payload.into())
    }

    /// The next message of a service; waits for one, over reconnects. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn receive(&self) -> Result<Message, Error> {
        self.shared().receive().await
    }

    /// Opens a stream to a service of this name, within 25 s. Without a link it waits for one, within 30 s. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Refused`], for example if no such service is online; a gateway of the Go project tells so by closing the
    /// stream at once instead. [`Error::Timeout`], [`Error::LinkLost`], [`Error::Closed`].
    pub async fn open_stream(&self, service: &str) -> Result<Stream, Error> {
        self.shared().open_stream(service).await
    }

    /// The next stream that a service opens to this edge; waits for one, over reconnects. At most 512 wait to be accepted,
    /// for 25 s; further ones are refused. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn accept_stream(&self) -> Result<Stream, Error> {
        self.shared().accept_stream().await
    }

    /// All streams that come, as [`Edge::accept_stream`] yields them, for servers that take a stream of connections. It ends
    /// when this edge is closed, and does not keep its link.
    pub fn incoming(&self) -> impl futures_util::Stream<Item = Stream> + Send + use<> {
        self.0.0.incoming()
    }

    /// Takes leave of the gateway: what is queued is sent, what is under way fails with [`Error::Closed`], streams end.
    /// Done when the link and all handlers have ended, after 15 s at most. Dropping the future does not keep the link.
    pub async fn close(&self) {
        self.0.close().await;
    }
}
