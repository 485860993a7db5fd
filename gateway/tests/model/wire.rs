//! One end of an in-process link, in frames. Nothing in here waits: what is not possible at once is tried again later.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use proto::id::PacketId;
use proto::wire::{Cut, Frame, Frames, Header, MAX_PAYLOAD};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// The gateway's end of a link. A peer can reset it: then it fails, where a closed one would still be read to its end.
#[derive(Debug)]
pub(crate) struct GatewayEnd {
    io: DuplexStream,
    reset: Arc<AtomicBool>,
}

impl GatewayEnd {
    fn check(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for GatewayEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for GatewayEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The end that a scripted peer holds.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Whose it is, for the log.
    peer: usize,
    io: Option<DuplexStream>,
    reset: Arc<AtomicBool>,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    half_close: bool,
    half_closed: bool,
    /// The gateway has closed the link, or this end was dropped.
    pub(crate) ended: bool,
}

/// A frame in its two parts.
pub(crate) type Received = (Header, Vec<u8>);

impl Wire {
    /// Both ends of a link that holds so many bytes in each direction.
    pub(crate) fn pair(peer: usize, link_bytes: usize) -> (Self, GatewayEnd) {
        let (near, far) = tokio::io::duplex(link_bytes);
        let reset = Arc::new(AtomicBool::new(false));
        let wire = Self {
            peer,
            io: Some(near),
            reset: Arc::clone(&reset),
            unread: Vec::new(),
            unsent: Vec::new(),
            half_close: false,
            half_closed: false,
            ended: false,
        };
        (wire, GatewayEnd { io: far, reset })
    }

    /// Queues a frame.
    pub(crate) fn send(&mut self, packet: PacketId, frame: &Frame<'_>) {
        if !self.half_close {
            tracing::trace!(peer = self.peer, %packet, ?frame, "sends");
            frame.encode(packet, &mut self.unsent);
        }
    }

    /// Queues bytes that are no frame.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        if !self.half_close {
            self.unsent.extend_from_slice(bytes);
        }
    }

    /// Bytes that the link has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Closes this direction behind what is queued.
    pub(crate) fn half_close(&mut self) {
        self.half_close = true;
    }

    /// Closes the link at once, with everything that was queued, or resets it.
    pub(crate) fn cut(&mut self, reset: bool) {
        self.reset.store(reset, Ordering::Relaxed);
        self.io = None;
        self.ended = true;
    }

    /// Writes what the link takes now; whether it took any.
    pub(crate) fn flush(&mut self) -> bool {
        let Some(io) = &mut self.io else { return false };
        let mut cx = Context::from_waker(Waker::noop());
        let mut written = 0;
        while written < self.unsent.len() {
            match Pin::new(&mut *io).poll_write(&mut cx, &self.unsent[written..]) {
                Poll::Ready(Ok(bytes)) => written += bytes,
                Poll::Ready(Err(_)) => {
                    // The gateway reads no more; what it has written can still be read.
                    self.unsent.clear();
                    return false;
                }
                Poll::Pending => break,
            }
        }
        self.unsent.drain(..written);
        if self.half_close && self.unsent.is_empty() && !self.half_closed {
            self.half_closed = Pin::new(io).poll_shutdown(&mut cx).is_ready();
        }
        written > 0
    }

    /// Reads what there is, and cuts it into frames. Also says whether anything came.
    ///
    /// # Errors
    /// The gateway has sent what is no frame.
    pub(crate) fn receive(&mut self) -> Result<(Vec<Received>, bool), String> {
        let Some(io) = &mut self.io else { return Ok((Vec::new(), false)) };
        let before = self.unread.len();
        let mut cx = Context::from_waker(Waker::noop());
        let mut bytes = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *io).poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.ended = true;
                    break;
                }
                Poll::Ready(Ok(())) => self.unread.extend_from_slice(buffer.filled()),
                Poll::Ready(Err(_)) => {
                    self.ended = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        let came = self.unread.len() > before;
        let mut frames = Frames::new(&self.unread, MAX_PAYLOAD);
        let mut whole = Vec::new();
        while let Cut::Frame(header, payload) = frames.cut().map_err(|error| error.to_string())? {
            whole.push((header, payload.to_vec()));
        }
        let read = self.unread.len() - frames.rest().len();
        self.unread.drain(..read);
        Ok((whole, came))
    }
}
