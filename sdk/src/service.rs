//! A service: a back end.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use proto::id::{EdgeId, ServiceId};
use tokio::sync::watch;

use crate::handlers::Work;
use crate::outgoing::Route;
use crate::shared::{Owner, Shared};
use crate::{Builder, Call, Error, LinkState, Message, Publish, Request, Stream};

/// A service and its link to the gateway. Clones share the link; it ends with [`Service::close`] or with the last clone.
#[derive(Debug, Clone)]
pub struct Service(Arc<Owner>);

impl Service {
    /// Begins to make a service of the gateway at `addr` (`host:port`, by convention port 30011).
    pub fn builder(addr: impl Into<String>) -> Builder<Service> {
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
    pub fn id(&self) -> ServiceId {
        ServiceId(self.shared().id().0)
    }

    /// The state of the link, to look at or to wait for.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.shared().state()
    }

    /// Calls a method of an edge.
    pub fn call<'a>(&'a self, edge: EdgeId, method: &'a str, payload: impl Into<Bytes>) -> Call<'a> {
        Call::new(Route::Gateway(self.shared(), Some(edge)), method, payload.into())
    }

    /// Offers a method to edges, now and on every later link; replaces the handler that it had. [`Request::edge_id`] says
    /// which edge calls. Otherwise as [`Edge::handle`](crate::Edge::handle).
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

    /// As [`Service::handle`], with a handler that never waits. It runs in the link's task, which costs least, and holds up
    /// everything else on the link meanwhile: let it take microseconds.
    ///
    /// # Errors
    /// As [`Service::handle`].
    pub async fn handle_now<F, B, E>(&self, method: &str, handler: F) -> Result<(), Error>
    where
        F: Fn(Request) -> Result<B, E> + Send + Sync + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.shared().handle(method, Work::now(handler)).await
    }

    /// Publishes a message to an edge. [`Publish::topic`] adds a topic.
    pub fn publish<'a>(&'a self, edge: EdgeId, payload: impl Into<Bytes>) -> Publish<'a> {
        Publish::new(Route::Gateway(self.shared(), Some(edge)), "", payload.into())
    }

    /// The next message of an edge with one of this service's topics; waits for one, over reconnects.
    /// [`Message::edge_id`] says whose it is. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn receive(&self) -> Result<Message, Error> {
        self.shared().receive().await
    }

    /// Opens a stream to an edge, within 25 s. Without a link it waits for one, within 30 s. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Refused`], for example if the edge is not online; a gateway of the Go project tells so by closing the
    /// stream at once instead. [`Error::Timeout`], [`Error::LinkLost`], [`Error::Closed`].
    pub async fn open_stream(&self, edge: EdgeId) -> Result<Stream, Error> {
        self.shared().open_stream(&edge.to_string()).await
    }

    /// The next stream that an edge opens to this service's name; waits for one, over reconnects. At most 512 wait to be
    /// accepted, for 25 s; further ones are refused. The protocol does not say which edge it is: let it introduce itself.
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn accept_stream(&self) -> Result<Stream, Error> {
        self.shared().accept_stream().await
    }

    /// All streams that come, as [`Service::accept_stream`] yields them, for servers that take a stream of connections. It ends
    /// when this service is closed, and does not keep its link.
    pub fn incoming(&self) -> impl futures_util::Stream<Item = Stream> + Send + use<> {
        self.0.0.incoming()
    }

    /// Takes leave of the gateway: what is queued is sent, what is under way fails with [`Error::Closed`], streams end.
    /// Done when the link and all handlers have ended, after 15 s at most. Dropping the future does not keep the link.
    pub async fn close(&self) {
        self.0.close().await;
    }
}
