//! The byte stream under lapin, which can be cut.
//!
//! lapin has a thread for each connection, and that ends when the stream does: perhaps never, where a broker stands still and
//! there are no heartbeats. So the stream is ours, dialled as for every broker, and whoever holds its [`Lifeline`] ends both.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::Tokio;
use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream as Events;
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead as Read, AsyncWrite as Write, ReadBuf};
use tokio::sync::watch;

use super::sieve::Sieve;
use crate::broker::Stream;

/// Bytes that are taken in and wait for the socket, at most.
const WAITING: usize = 64 * 1024;

/// Both ends of a [`Severable`] stream know this.
#[derive(Debug, Default)]
struct Shared {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Shared {
    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Acquire) { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// Ends the stream when it is dropped.
#[derive(Debug)]
pub(super) struct Lifeline {
    shared: Arc<Shared>,
    ended: watch::Receiver<()>,
}

impl Lifeline {
    /// Done once lapin has let go of the stream.
    pub(super) async fn ended(&self) {
        // Nothing is ever sent: this fails when the other end is dropped.
        let _ = self.ended.clone().changed().await;
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.shared.cut.store(true, Ordering::Release);
        self.shared.reader.wake();
        self.shared.writer.wake();
    }
}

/// A stream for lapin.
pub(super) struct Severable {
    stream: Box<dyn Stream>,
    sieve: Sieve,
    /// What has passed the sieve and waits for the socket, from this byte on.
    waiting: Vec<u8>,
    written: usize,
    shared: Arc<Shared>,
    _ended: watch::Sender<()>,
}

/// Makes `stream` one that can be cut.
pub(super) fn severable(stream: Box<dyn Stream>) -> (Severable, Lifeline) {
    let (sender, ended) = watch::channel(());
    let shared = Arc::new(Shared::default());
    let lifeline = Lifeline { shared: Arc::clone(&shared), ended };
    let stream = Severable { stream, sieve: Sieve::new(), waiting: Vec::new(), written: 0, shared, _ended: sender };
    (stream, lifeline)
}

impl Severable {
    /// Writes what waits.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.writer.register(context.waker());
        self.shared.check()?;
        while self.written < self.waiting.len() {
            let stream = Pin::new(&mut self.stream);
            match ready!(Write::poll_write(stream, context, &self.waiting[self.written..]))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Severable {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.shared.reader.register(context.waker());
        self.shared.check()?;
        let mut buffer = ReadBuf::new(buffer);
        let read = Read::poll_read(Pin::new(&mut self.stream), context, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }
}

impl AsyncWrite for Severable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_drain(context))?;
        let bytes = &bytes[..bytes.len().min(WAITING)];
        this.sieve.sift(bytes, &mut this.waiting);
        // As much as goes now; whoever writes flushes as well.
        match this.poll_drain(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Write::poll_flush(Pin::new(&mut self.stream), context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Write::poll_shutdown(Pin::new(&mut self.stream), context)
    }
}

/// Tokio for lapin, with [`Severable`] streams, which are handed over and not dialled by it.
#[derive(Debug, Clone)]
pub(super) struct Kit(Tokio);

impl Kit {
    /// That of the runtime that this is called in.
    pub(super) fn current() -> Self {
        Self(Tokio::current())
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Severable;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Send + 'static>(&self, _: H) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Severable, _>(ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Events<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Severable>> + Send + 'static {
        std::future::ready(Err(ErrorKind::Unsupported.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    async fn read(stream: &mut Severable) -> io::Result<u8> {
        let mut byte = [0];
        poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut byte)).await.map(|_| byte[0])
    }

    #[tokio::test]
    async fn a_dropped_lifeline_ends_who_reads() {
        let (near, _far) = duplex(4);
        let (mut stream, lifeline) = severable(Box::new(near));
        let reading = tokio::spawn(async move { read(&mut stream).await });
        tokio::task::yield_now().await;
        drop(lifeline);
        assert_eq!(reading.await.unwrap().expect_err("it is cut").kind(), ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_dropped_lifeline_ends_who_writes() {
        let (near, _far) = duplex(1);
        let (mut stream, lifeline) = severable(Box::new(near));
        let writing = tokio::spawn(async move {
            loop {
                // The other end takes one byte and no more.
                poll_fn(|context| Pin::new(&mut stream).poll_write(context, b"x")).await?;
            }
        });
        tokio::task::yield_now().await;
        drop(lifeline);
        let outcome: io::Result<()> = writing.await.unwrap();
        assert_eq!(outcome.expect_err("it is cut").kind(), ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn bytes_pass_and_the_end_is_seen() {
        let (near, mut far) = duplex(64);
        let (mut stream, lifeline) = severable(Box::new(near));
        far.write_all(b"p").await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), b'p');
        let ended = tokio::spawn(async move { lifeline.ended().await });
        tokio::task::yield_now().await;
        assert!(!ended.is_finished(), "it is still in use");
        drop(stream);
        ended.await.unwrap();
    }
}
