//! WebSocket as a byte stream.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control};

use super::decode::{Decoder, Stop, Violation};
use super::outgoing::Outgoing;
use super::pulse::{Beat, Pulse};
use super::{Options, Role};

/// Reads of one turn that may bring no payload: after them other tasks of the thread get theirs.
const ROUNDS: usize = 16;

/// Time for the peer to take and answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Bytes to and from a peer over WebSocket: the payloads of binary messages, without their borders.
///
/// Pings are answered, and sent while the peer is silent, as long as somebody reads; on the wire they wait for the end of a
/// data frame. A peer that says goodbye is answered and its bytes end there. A peer that breaks the rules, or is silent for
/// too long, is told so by a close code, and reading fails with a [`Violation`] inside the [`io::Error`]. After either,
/// writing fails with [`ErrorKind::BrokenPipe`].
///
/// Whoever has begun to write a slice and was told that a part of it is written must go on with the rest, as the length of
/// a frame is said before its payload. Dropped, it says goodbye as far as the socket takes it at once;
/// [`leave`](Self::leave) gives the peer time.
pub struct WebSocket<S: AsyncRead + AsyncWrite + Unpin> {
    io: S,
    decoder: Decoder,
    outgoing: Outgoing,
    pulse: Option<Pulse>,
    /// What came together with the handshake and is not read yet.
    early: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The stream of `role` over `io`, on which the handshake is done; `early` came behind it.
    pub fn new(io: S, role: Role, options: Options, early: Vec<u8>) -> Self {
        Self {
            io,
            decoder: Decoder::new(role, options.max_message),
            outgoing: Outgoing::new(role),
            pulse: options.ping.map(Pulse::new),
            early,
        }
    }

    /// Says goodbye with this code and waits until the peer has taken and answered it, for a second at most. What it sends
    /// meanwhile is thrown away. `reason` is for people, of at most 123 bytes. Cancel-safe.
    pub async fn leave(mut self, code: CloseCode, reason: &'static str) {
        self.outgoing.close(code, reason);
        let goodbye = async {
            std::future::poll_fn(|cx| Pin::new(&mut self).poll_flush(cx)).await?;
            // A socket that is closed with something unread resets the connection, which would overtake the goodbye.
            let mut scratch = vec![0; 4096];
            loop {
                let mut buffer = ReadBuf::new(&mut scratch);
                std::future::poll_fn(|cx| self.poll_discard(cx, &mut buffer)).await?;
                if buffer.filled().is_empty() {
                    return io::Result::Ok(());
                }
            }
        };
        // A peer that takes no goodbye gets none.
        let _ = timeout(GOODBYE, goodbye).await;
    }

    /// Reads what nobody wants. Empty: the peer has said goodbye too, or closed the connection.
    fn poll_discard(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if matches!(self.decoder.stop(), Some(Stop::Goodbye(_))) {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        // Once the peer has broken a rule nothing of what it sends is understood: the end is the end of the connection.
        self.decoder.decode(buffer.filled_mut());
        Poll::Ready(Ok(()))
    }

    /// Nothing more is read: says why, and what the reader gets.
    fn poll_stop(&mut self, cx: &mut Context<'_>, stop: Stop) -> Poll<io::Result<()>> {
        let (code, reason, told) = match stop {
            Stop::Goodbye(code) => (code.unwrap_or(CloseCode::Status), "", Ok(())),
            Stop::Violation(violation) => (violation.code(), told(violation), Err(violation)),
        };
        self.outgoing.close(code, reason);
        // Whether or not the socket takes it now: who owns the stream leaves, or drops it.
        let _ = self.poll_signals(cx);
        Poll::Ready(told.map_err(|violation| io::Error::new(ErrorKind::InvalidData, violation)))
    }

    /// Reads once, and takes apart what came. Returns how many bytes of payload lie at the front of `space`; 0 bytes of
    /// nothing at all is the end.
    fn poll_take(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<Taken>> {
        let len = if self.early.is_empty() {
            let mut raw = ReadBuf::new(space);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut raw))?;
            raw.filled().len()
        } else {
            let len = self.early.len().min(space.len());
            space[..len].copy_from_slice(&self.early[..len]);
            self.early.drain(..len);
            if self.early.is_empty() {
                self.early = Vec::new();
            }
            len
        };
        if len == 0 {
            return Poll::Ready(Ok(Taken::End));
        }
        let payload = self.decoder.decode(&mut space[..len]);
        if let Some(pulse) = &mut self.pulse {
            pulse.heard(payload > 0);
        }
        Poll::Ready(Ok(Taken::Payload(payload)))
    }

    /// Asks the pulse, now that everything is read that came.
    fn beat(&mut self, cx: &mut Context<'_>) {
        match self.pulse.as_mut().map_or(Beat::Rest, |pulse| pulse.poll(cx)) {
            Beat::Rest => {}
            Beat::Ping if self.outgoing.is_closed() => {}
            Beat::Ping => self.outgoing.control(Control::Ping, &[]),
            Beat::Dead => self.decoder.give_up(Violation::Silent),
        }
    }

    /// Writes pongs, pings and the goodbye, as far as they can go out now. Done when none waits; those that have to wait for
    /// the end of a data frame do not count.
    fn poll_signals(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.outgoing.is_between() {
            return Poll::Ready(Ok(()));
        }
        loop {
            while !self.outgoing.frames().is_empty() {
                match ready!(Pin::new(&mut self.io).poll_write(cx, self.outgoing.frames()))? {
                    0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                    len => self.outgoing.frames_written(len),
                }
            }
            // Not before there is room: of many pings the latest is answered.
            if let Some(ping) = self.decoder.take_ping().filter(|_| !self.outgoing.is_closed()) {
                self.outgoing.control(Control::Pong, &ping);
            } else if self.outgoing.wants_close() {
                self.outgoing.say_goodbye();
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_signals(cx))?;
        if self.outgoing.is_closed() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if self.outgoing.role() == Role::Client {
            let len = self.outgoing.masked(slices);
            // What the socket does not take now it takes before the next.
            return match self.poll_signals(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(len)),
            };
        }
        loop {
            let (next, count) = self.outgoing.next(slices);
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
            let io = Pin::new(&mut self.io);
            let written = match count {
                1 => io.poll_write(cx, &next[0]),
                _ => io.poll_write_vectored(cx, &next[..count]),
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                len => match self.outgoing.written(len) {
                    // The socket took nothing but the head.
                    0 => {}
                    payload => return Poll::Ready(Ok(payload)),
                },
            }
        }
    }
}

/// What one read has brought.
enum Taken {
    /// So many bytes of payload.
    Payload(usize),
    /// The peer has closed the connection without a goodbye.
    End,
}

/// What a close frame tells people.
const fn told(violation: Violation) -> &'static str {
    match violation {
        Violation::Text => "text messages are not taken, only binary ones",
        Violation::TooLarge { .. } => "message too large",
        Violation::Silent => "pings are not answered",
        Violation::BadCloseText => "reason is not UTF-8",
        _ => "not by RFC 6455",
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        for _ in 0..ROUNDS {
            if let Some(stop) = stream.decoder.stop() {
                return stream.poll_stop(cx, stop);
            }
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match stream.poll_take(cx, buffer.initialize_unfilled()) {
                Poll::Ready(Ok(Taken::Payload(0))) => {}
                Poll::Ready(Ok(Taken::Payload(len))) => {
                    buffer.advance(len);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(Taken::End)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    stream.beat(cx);
                    if stream.decoder.stop().is_none() {
                        // Whoever only reads answers pings too. A failure is for whoever writes.
                        let _ = stream.poll_signals(cx);
                        return Poll::Pending;
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_payload(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_payload(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        ready!(stream.poll_signals(cx))?;
        Pin::new(&mut stream.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.outgoing.close(CloseCode::Normal, "");
        ready!(stream.poll_signals(cx))?;
        Pin::new(&mut stream.io).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for WebSocket<S> {
    fn drop(&mut self) {
        self.outgoing.close(CloseCode::Normal, "");
        let cx = &mut Context::from_waker(Waker::noop());
        // Nobody is left to hear of a failure.
        let _ = self.poll_signals(cx);
        let _ = Pin::new(&mut self.io).poll_flush(cx);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}
