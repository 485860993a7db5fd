//! Streams: bytes both ways, and calls and messages beside them.

mod buffer;
mod offer;
mod pipe;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use proto::id::SessionId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::command::Command;
use crate::handlers::Work;
use crate::outgoing::{DEFAULT_TIMEOUT, Route};
use crate::shared::register;
use crate::{Call, Error, Message, Publish, Request};

pub(crate) use self::offer::Offer;
pub(crate) use self::pipe::{End, HELD, Pipe};

/// Time for the rest of the closing handshake.
const CLOSE: Duration = Duration::from_secs(30);

/// Longest reason that is told.
const REASON_BYTES: usize = 1024;

/// A stream between an edge and a service, through the gateway: bytes in both directions (`AsyncRead`, `AsyncWrite`), and
/// beside them calls and messages of its own, which carry no edge id.
///
/// * **Writing** waits while 1 MiB of this stream waits to be sent. Bytes are on their way as soon as they are written;
///   flushing does nothing more.
/// * **Shutting down** ends this direction behind what was written, and the other stays open where the gateway understands
///   half-close, as that of this project does. Towards one that does not, it closes the stream, but only when all bytes
///   are sent.
/// * **Reading** ends, after all bytes that came, when the other side shuts down or closes. A stream that the gateway ends
///   for a reason (`ConnectionAborted`, with the reason) and a lost link (`ConnectionReset`) are errors, not an end.
/// * **Back-pressure.** At most 1 MiB is held for a stream that is not read: the gateway sends no more before that. A
///   gateway that does not know such credit is stopped by not reading the link at all until half of it is read: every
///   call and stream on it waits meanwhile. Read what you accept.
/// * **Dropping** it, or [`Stream::close`], ends it in both directions, behind what was written. It also ends with its
///   edge's or service's link; it is not restored.
pub struct Stream(Arc<Pipe>);

impl Stream {
    pub(crate) fn new(pipe: Arc<Pipe>) -> Self {
        Self(pipe)
    }

    /// The stream's id, unique on its link. The other side has another one.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.0.session()
    }

    /// With whom it was opened: the name of a service or an edge's id. For accepted streams what the gateway says about
    /// the opener, which may be nothing.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.0.peer()
    }

    /// Calls a method that the other end offers on this stream.
    pub fn call<'a>(&'a self, method: &'a str, payload: impl Into<Bytes>) -> Call<'a> {
        Call::new(Route::Stream(&self.0), method, payload.into())
    }

    /// Offers a method to the other end of this stream: as [`Edge::handle`](crate::Edge::handle), for as long as the
    /// stream lasts.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::StreamClosed`], [`Error::LinkLost`].
    pub async fn handle<F, Fut, B, E>(&self, method: &str, handler: F) -> Result<(), Error>
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.0.handlers.insert(method, Work::task(handler));
        register(self.0.link(), self.id(), method, Instant::now() + DEFAULT_TIMEOUT).await
    }

    /// As [`Stream::handle`], with a handler that never waits: see [`Edge::handle_now`](crate::Edge::handle_now).
    ///
    /// # Errors
    /// As [`Stream::handle`].
    pub async fn handle_now<F, B, E>(&self, method: &str, handler: F) -> Result<(), Error>
    where
        F: Fn(Request) -> Result<B, E> + Send + Sync + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.0.handlers.insert(method, Work::now(handler));
        register(self.0.link(), self.id(), method, Instant::now() + DEFAULT_TIMEOUT).await
    }

    /// Serves every method of this stream that has no handler of its own; [`Request::method`] says which. The other end
    /// can call it at once: nothing is registered.
    pub fn handle_any<F, Fut, B, E>(&self, handler: F)
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        self.0.handlers.insert_any(Work::task(handler));
    }

    /// Publishes a message to the other end of this stream.
    pub fn publish<'a>(&'a self, topic: &'a str, payload: impl Into<Bytes>) -> Publish<'a> {
        Publish::new(Route::Stream(&self.0), topic, payload.into())
    }

    /// The next message of the other end; waits for one. `None` when the stream has ended. Cancel-safe.
    pub async fn receive(&self) -> Option<Message> {
        self.0.messages.pop().await
    }

    /// Waits for the end of the stream in both directions, by whomever. The future does not borrow the stream, so it can be
    /// awaited while both halves are in use, and it does not keep the stream. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Aborted`] with the reason, if there was one for an untimely end. [`Error::LinkLost`].
    pub fn ended(&self) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let pipe = Arc::clone(&self.0);
        async move {
            match pipe.ended().await {
                End::Closed => Ok(()),
                End::Aborted(reason) => Err(Error::Aborted(reason.to_string())),
                End::Lost => Err(Error::LinkLost),
            }
        }
    }

    /// Ends the stream in both directions because of `reason`, which the other side's reader and writer get as an error
    /// (`ConnectionAborted`) behind what was written, where peer and gateway understand that; else they see an end. An
    /// empty reason is none; of one above 1 KiB the front is told.
    pub fn abort(self, reason: &str) {
        let reason = &reason[..reason.floor_char_boundary(REASON_BYTES)];
        // A link that is gone has ended the stream.
        let _ = self.0.link().push(Command::Dismiss { session: self.id(), reason: reason.into() });
    }

    /// Ends the stream in both directions, behind what was written; done when the other side has confirmed. Dropping the
    /// future does not keep the stream.
    ///
    /// # Errors
    /// [`Error::Timeout`] after 30 s; [`Error::LinkLost`].
    pub async fn close(self) -> Result<(), Error> {
        // A link that is gone has ended the stream.
        let _ = self.0.link().push(Command::Dismiss { session: self.id(), reason: "".into() });
        match tokio::time::timeout(CLOSE, self.0.ended()).await {
            Ok(End::Lost) => Err(Error::LinkLost),
            Ok(End::Closed | End::Aborted(_)) => Ok(()),
            Err(_) => Err(Error::Timeout),
        }
    }
}

/// So that one task can read while another writes, calls or publishes. Two that read at once, or write at once, disturb
/// each other: only the later one is woken.
impl AsyncRead for &Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buf)
    }
}

/// See its `AsyncRead`.
impl AsyncWrite for &Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.shut_down();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_shutdown(cx)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id().0).field("peer", &self.peer()).finish_non_exhaustive()
    }
}
