//! The loop of one link: socket, timer and queue around one connection.
//!
//! Nothing in here waits for anything: each round polls, hands on and returns. Reading and writing do not depend on each
//! other (checklist item 45). The buffers belong to the thread; the link keeps bytes only while a frame is incomplete or
//! the socket takes no more.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::conn::{CloseReason, Connection, Transmit};
use proto::wire::{Cut, Frames, Header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::buffers;
use crate::endpoint::{Backing, Endpoint, Linger};
use crate::link::Inbox;
use crate::write_queue::WriteQueue;

/// Bytes that may wait in the write queue before frames stay in the connection, where they count against budgets.
const WRITE_AHEAD: usize = 64 * 1024;

/// Rounds after which other tasks of the thread get their turn.
const ROUNDS: usize = 16;

/// A link that was given this many entries in one turn is worth waiting for: see `Driver::busy`.
const BUSY: usize = 4;

/// Frames up to this size are completed in the thread's buffer, together with what follows them; longer ones in a buffer
/// of their own, which their body may keep.
const COMPLETE_IN_PLACE: usize = 32 * 1024;

const LIVES: &str = "a link has its byte stream until it is over";

/// Times and sizes that the driver itself watches.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest payload that is accepted, in bytes.
    pub max_payload: u32,
    /// A peer that takes no byte for this long is cut.
    pub stalled_write: Duration,
    /// Time for the last bytes of a connection that is over.
    pub last_write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload: proto::wire::MAX_PAYLOAD,
            stalled_write: Duration::from_secs(30),
            last_write: Duration::from_secs(5),
        }
    }
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkEnd {
    /// By the protocol's rules.
    #[error("{0}")]
    Closed(CloseReason),
    /// The peer closed the byte stream without taking leave.
    #[error("connection lost: end of stream")]
    PeerClosed,
    /// The peer took no bytes for too long.
    #[error("peer takes no bytes")]
    Stalled,
    /// The byte stream broke.
    #[error("connection lost")]
    Broken(#[source] io::Error),
}

/// Runs a link until it is over: `conn` over `io`, with `endpoint` as its owner and `inbox` as the way to reach it.
///
/// Yields how it ended, and the byte stream, for whoever has to take leave of the peer on it; dropped, it closes. Everything
/// that the link still owed anybody is given up when the returned future is dropped: endpoint, waiters and queued commands
/// are dropped, in this order. Cancel-safe in that sense.
pub fn drive<S, E>(
    io: S,
    conn: Connection<E::Waiter>,
    endpoint: E,
    inbox: Inbox<E::Command>,
    limits: Arc<Limits>,
) -> impl Future<Output = (LinkEnd, S)> + Send
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    E: Endpoint + Unpin,
    E::Waiter: Unpin,
{
    // Not an `async fn`: that would hold the arguments beside the driver for as long as the link lives.
    Driver::new(io, conn, endpoint, inbox, limits)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    On,
    /// The endpoint wants none for now.
    Paused,
    /// The peer has closed its direction and still gets its answers.
    Ended,
}

struct Driver<S, E: Endpoint> {
    // Dropped in this order: the endpoint leaves tables, whoever waits is told, the queue goes, the socket is closed.
    endpoint: E,
    conn: Connection<E::Waiter>,
    inbox: Inbox<E::Command>,
    /// Until the link is over.
    io: Option<S>,
    /// Shared by many links: an idle one is small.
    limits: Arc<Limits>,
    writes: WriteQueue,
    /// A frame that must start a socket write of its own.
    alone: Option<Box<Transmit>>,
    /// The front of a frame whose rest has not come yet.
    partial: BytesMut,
    read: Reading,
    blocked_since: Option<Instant>,
    closed_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Many entries came in the last turn. The next one begins by letting others run, to find still more.
    busy: bool,
}

impl<S, E> Future for Driver<S, E>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    E: Endpoint + Unpin,
    E::Waiter: Unpin,
{
    type Output = (LinkEnd, S);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(LinkEnd, S)> {
        let driver = self.get_mut();
        if std::mem::take(&mut driver.busy) {
            // Tasks that are ready already go first: what they queue here leaves in the same write.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut outbox = buffers::take_outbox();
        if !driver.conn.has_transmit() {
            driver.conn.swap_outbox(&mut outbox);
        }
        let polled = driver.run(cx);
        if !driver.conn.has_transmit() && outbox.is_empty() {
            driver.conn.swap_outbox(&mut outbox);
        }
        if let Poll::Ready(end) = &polled {
            driver.endpoint.on_end(end);
        }
        driver.writes.release();
        buffers::give_outbox(outbox);
        polled.map(|end| (end, driver.io.take().expect(LIVES)))
    }
}

impl<S, E> Driver<S, E>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    E: Endpoint + Unpin,
    E::Waiter: Unpin,
{
    fn new(io: S, conn: Connection<E::Waiter>, endpoint: E, inbox: Inbox<E::Command>, limits: Arc<Limits>) -> Self {
        Self {
            endpoint,
            conn,
            inbox,
            io: Some(io),
            limits,
            writes: WriteQueue::default(),
            alone: None,
            partial: BytesMut::new(),
            read: Reading::On,
            blocked_since: None,
            closed_since: None,
            timer: None,
            busy: false,
        }
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<LinkEnd> {
        let now = tokio::time::Instant::now().into_std();
        if let Some(end) = self.fire_timers(now) {
            return Poll::Ready(end);
        }
        let mut commands = buffers::take_commands();
        let mut rounds = 0;
        let mut taken = 0;
        let polled = loop {
            let mut progress = match self.read(now, cx) {
                Ok(progress) => progress,
                Err(end) => break Poll::Ready(end),
            };
            self.inbox.exchange(&mut commands, self.conn.take_released(), cx.waker());
            taken += commands.len();
            for command in commands.drain(..) {
                progress = true;
                self.endpoint.on_command(&mut self.conn, now, command);
            }
            self.pump_events(now);
            match self.write(now, cx) {
                Ok(wrote) => progress |= wrote,
                Err(end) => break Poll::Ready(end),
            }
            if let Some(end) = self.ended(now) {
                break Poll::Ready(end);
            }
            if !progress {
                self.arm(now, cx);
                break Poll::Pending;
            }
            rounds += 1;
            if rounds == ROUNDS {
                cx.waker().wake_by_ref();
                break Poll::Pending;
            }
        };
        buffers::give_commands(commands);
        self.busy = taken >= BUSY;
        polled
    }

    fn pump_events(&mut self, now: Instant) {
        while let Some(event) = self.conn.poll_event() {
            self.endpoint.on_event(&mut self.conn, now, event, Backing::borrowed());
        }
    }

    /// Whether the link is over and its last bytes are out, or can be waited for no longer.
    fn ended(&mut self, now: Instant) -> Option<LinkEnd> {
        if let Some(reason) = self.conn.closed() {
            let since = *self.closed_since.get_or_insert(now);
            let flushed = self.writes.is_empty() && !self.conn.has_transmit() && self.alone.is_none();
            let broken =
                matches!(reason, CloseReason::Foreign(_) | CloseReason::Malformed(_) | CloseReason::Unexpected(_));
            if flushed || broken || now >= since + self.limits.last_write {
                return Some(LinkEnd::Closed(reason.clone()));
            }
        }
        let flushed = self.writes.is_empty() && !self.conn.has_transmit();
        (self.read == Reading::Ended && flushed && !self.endpoint.lingers()).then_some(LinkEnd::PeerClosed)
    }

    // --- reading

    fn read(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, LinkEnd> {
        if self.conn.closed().is_some() || self.read == Reading::Ended {
            return Ok(false);
        }
        match (self.endpoint.wants_read(&self.conn), self.read) {
            (true, Reading::Paused) => {
                self.conn.resume(now);
                self.read = Reading::On;
            }
            (false, _) => {
                if self.read == Reading::On {
                    self.conn.pause();
                    self.read = Reading::Paused;
                }
                return Ok(false);
            }
            _ => {}
        }
        let polled = match self.partial_need() {
            None => self.read_frames(now, cx),
            Some(need) if need <= COMPLETE_IN_PLACE => self.read_frames(now, cx),
            Some(need) => self.read_long(now, cx, need),
        };
        match polled {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => self.peer_closed(now),
            Poll::Ready(Ok(bytes)) => {
                self.endpoint.on_read(bytes);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(LinkEnd::Broken(error)),
        }
    }

    fn peer_closed(&mut self, now: Instant) -> Result<bool, LinkEnd> {
        self.read = Reading::Ended;
        match self.endpoint.on_peer_closed(&mut self.conn, now) {
            Linger::No => Err(LinkEnd::PeerClosed),
            Linger::Yes => {
                self.conn.pause();
                Ok(true)
            }
        }
    }

    /// How long the incomplete frame will be, if there is one.
    fn partial_need(&self) -> Option<usize> {
        if self.partial.is_empty() {
            return None;
        }
        match Frames::new(&self.partial, self.limits.max_payload).cut() {
            Ok(Cut::Partial { need }) => Some(need),
            Ok(Cut::Frame(..)) | Err(_) => unreachable!("whole frames were taken and bad headers closed the link"),
        }
    }

    /// Reads into the thread's buffer, behind the front of an incomplete frame, and takes whole frames straight from it.
    fn read_frames(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = buffers::take_read();
        let front = self.partial.len();
        let mut buffer = ReadBuf::new(&mut bytes[front..]);
        let polled = Pin::new(self.io.as_mut().expect(LIVES)).poll_read(cx, &mut buffer);
        let filled = buffer.filled().len();
        if filled > 0 {
            bytes[..front].copy_from_slice(&self.partial);
            self.partial = BytesMut::new();
            self.take_frames(now, &bytes[..front + filled]);
        }
        buffers::give_read(bytes);
        polled.map_ok(|()| filled)
    }

    fn take_frames(&mut self, now: Instant, bytes: &[u8]) {
        let mut frames = Frames::new(bytes, self.limits.max_payload);
        loop {
            match frames.cut() {
                Ok(Cut::Frame(header, payload)) => self.take_frame(now, header, payload, Backing::borrowed()),
                Ok(Cut::Partial { .. }) => {
                    self.partial.extend_from_slice(frames.rest());
                    return;
                }
                Err(error) => {
                    self.conn.malformed(error);
                    return;
                }
            }
        }
    }

    fn take_frame(&mut self, now: Instant, header: Header, payload: &[u8], backing: Backing<'_>) {
        if let Some(event) = self.conn.handle_frame(now, header, payload) {
            self.endpoint.on_event(&mut self.conn, now, event, backing);
        }
        self.pump_events(now);
    }

    /// Reads on in a frame that is too long for the thread's buffer, never past its end. Its claimed length is never
    /// allocated up front: the buffer doubles as bytes come.
    fn read_long(&mut self, now: Instant, cx: &mut Context<'_>, need: usize) -> Poll<io::Result<usize>> {
        let mut bytes = buffers::take_read();
        let room = (need - self.partial.len()).min(bytes.len());
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        let polled = Pin::new(self.io.as_mut().expect(LIVES)).poll_read(cx, &mut buffer);
        let filled = buffer.filled().len();
        if self.partial.len() + filled > self.partial.capacity() {
            let target = need.min(2 * (self.partial.len() + filled));
            self.partial.reserve(target - self.partial.len());
        }
        self.partial.extend_from_slice(buffer.filled());
        buffers::give_read(bytes);
        ready!(polled)?;
        if self.partial.len() == need {
            let frame = std::mem::take(&mut self.partial).freeze();
            if let Ok(Cut::Frame(header, payload)) = Frames::new(&frame, self.limits.max_payload).cut() {
                self.take_frame(now, header, payload, Backing::shared(&frame));
            }
        }
        Poll::Ready(Ok(filled))
    }

    // --- writing

    fn write(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, LinkEnd> {
        let mut progress = false;
        loop {
            self.fill(now);
            if self.writes.is_empty() {
                self.blocked_since = None;
                break;
            }
            match self.poll_write(cx) {
                Poll::Pending => {
                    self.blocked_since.get_or_insert(now);
                    break;
                }
                Poll::Ready(Ok(0)) => return Err(LinkEnd::Broken(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => {
                    self.writes.advance(bytes);
                    self.endpoint.on_written(bytes);
                    self.blocked_since = None;
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(LinkEnd::Broken(error)),
            }
        }
        self.pump_events(now);
        // Streams that byte streams buffer by themselves (TLS, WebSocket) are told when a batch is complete.
        match Pin::new(self.io.as_mut().expect(LIVES)).poll_flush(cx) {
            Poll::Ready(Err(error)) => Err(LinkEnd::Broken(error)),
            _ => Ok(progress),
        }
    }

    /// Moves frames from the connection to the write queue, as far as it may run ahead of the socket.
    fn fill(&mut self, now: Instant) {
        while self.writes.len() < WRITE_AHEAD {
            let held = self.alone.take().map(|held| *held);
            let Some(transmit) = held.or_else(|| self.conn.poll_transmit(now)) else { return };
            if !matches!(transmit, Transmit::Encoded { alone: true, .. }) {
                self.writes.push(transmit);
            } else if self.writes.is_empty() {
                self.writes.push(transmit);
                return;
            } else {
                self.alone = Some(Box::new(transmit));
                return;
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(self.io.as_mut().expect(LIVES));
        if let Some(bytes) = self.writes.single() {
            return io.poll_write(cx, bytes);
        }
        let mut slices = Vec::new();
        self.writes.slices(&mut slices);
        if io.is_write_vectored() { io.poll_write_vectored(cx, &slices) } else { io.poll_write(cx, &slices[0]) }
    }

    // --- time

    fn next_timeout(&self) -> Option<Instant> {
        let stalled = self.blocked_since.map(|since| since + self.limits.stalled_write);
        let last = self.closed_since.map(|since| since + self.limits.last_write);
        [self.conn.poll_timeout(), self.endpoint.next_timeout(), stalled, last].into_iter().flatten().min()
    }

    /// Arms the timer for the earliest deadline. One that would ring too early stays as it is: moving it costs more.
    fn arm(&mut self, now: Instant, cx: &mut Context<'_>) {
        let Some(next) = self.next_timeout() else { return };
        let at = tokio::time::Instant::from_std(next.max(now));
        let timer = match &mut self.timer {
            Some(timer) => {
                if timer.is_elapsed() || timer.deadline() > at {
                    timer.as_mut().reset(at);
                }
                timer
            }
            empty => empty.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    fn fire_timers(&mut self, now: Instant) -> Option<LinkEnd> {
        if self.next_timeout().is_none_or(|at| at > now) {
            return None;
        }
        if self.blocked_since.is_some_and(|since| now >= since + self.limits.stalled_write) {
            return Some(LinkEnd::Stalled);
        }
        self.conn.handle_timeout(now);
        if self.endpoint.next_timeout().is_some_and(|at| at <= now) {
            self.endpoint.on_timeout(&mut self.conn, now);
        }
        self.conn.shrink();
        self.pump_events(now);
        None
    }
}

#[cfg(test)]
mod tests;
