//! The byte stream inside TLS.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream as Stream;

/// Bytes to and from a peer over TLS.
///
/// Its end is like that of TCP: a peer that closes its direction without TLS's own goodbye has just closed it, since the
/// protocol inside knows by itself what is complete. It takes bytes only when the socket has taken those before, so that a
/// peer that takes none is noticed. Dropped, it says goodbye as far as the socket takes it at once.
#[derive(Debug)]
pub struct TlsStream(Stream<TcpStream>);

impl TlsStream {
    pub(super) fn new(stream: Stream<TcpStream>) -> Self {
        Self(stream)
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(cx, buffer) {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            polled => polled,
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure.
        let _ = match &mut self.0 {
            Stream::Server(stream) => {
                let (tcp, session) = stream.get_mut();
                session.send_close_notify();
                write_now(tcp, |socket| session.wants_write().then(|| session.write_tls(socket)))
            }
            Stream::Client(stream) => {
                let (tcp, session) = stream.get_mut();
                session.send_close_notify();
                write_now(tcp, |socket| session.wants_write().then(|| session.write_tls(socket)))
            }
        };
    }
}

/// Writes until nothing is left or the socket takes no more.
fn write_now(
    tcp: &TcpStream,
    mut write: impl FnMut(&mut WithoutWaiting<'_>) -> Option<io::Result<usize>>,
) -> io::Result<()> {
    while let Some(written) = write(&mut WithoutWaiting(tcp)) {
        if written? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

struct WithoutWaiting<'a>(&'a TcpStream);

impl Write for WithoutWaiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
