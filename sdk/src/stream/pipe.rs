//! What a stream and its link's task share: the bytes between them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use proto::id::SessionId;
use tokio::io::ReadBuf;
use tokio::sync::Notify;
use tokio::task::coop::poll_proceed;
use transport::Backing;

use super::buffer::Buffer;
use crate::command::{Command, Link};
use crate::handlers::Handlers;
use crate::mailbox::{Bounds, Mailbox};
use crate::message::Message;
use crate::shared::WAITING_MESSAGES;

/// Bytes that may wait to be sent, and bytes that may wait to be read.
pub(crate) const HELD: usize = 1024 * 1024;

/// The link's task is told of bytes that were read in steps of this size.
const READ_STEP: usize = 64 * 1024;

/// Bytes that one write takes at most.
const WRITE_STEP: usize = 64 * 1024;

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// By either side's wish.
    Closed,
    /// By the other side or the gateway, for this reason.
    Aborted(Arc<str>),
    /// With the link.
    Lost,
}

impl End {
    /// What it means to whoever reads or writes; `None` for an end in order.
    fn error(&self) -> Option<io::Error> {
        match self {
            End::Closed => None,
            End::Aborted(reason) => Some(io::Error::new(io::ErrorKind::ConnectionAborted, &**reason)),
            End::Lost => Some(lost()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Pipe {
    link: Link,
    session: SessionId,
    peer: Box<str>,
    pub(crate) handlers: Handlers,
    pub(crate) messages: Mailbox<Message>,
    state: Mutex<State>,
    ending: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that came and were not read yet.
    incoming: Buffer,
    /// Bytes that were read and not reported to the link's task.
    unreported: usize,
    /// The other side sends no more.
    eof: bool,
    reader: Option<Waker>,
    /// Bytes that were written and not taken by the link's task yet.
    outgoing: Buffer,
    /// Whether the link's task has been told of them.
    announced: bool,
    /// Bytes that were written and have not left yet.
    queued: usize,
    writer: Option<Waker>,
    /// This side sends no more.
    shut: bool,
    /// The application holds the stream no longer.
    abandoned: bool,
    end: Option<End>,
}

impl Pipe {
    pub(crate) fn new(link: Link, session: SessionId, peer: Box<str>, receive_bytes: usize) -> Self {
        Self {
            link,
            session,
            peer,
            handlers: Handlers::default(),
            messages: Mailbox::new(Bounds { entries: WAITING_MESSAGES, bytes: receive_bytes }),
            state: Mutex::default(),
            ending: Notify::new(),
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that could panic halfway runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- for the application

    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let budget = ready!(poll_proceed(cx));
        let mut state = self.state();
        if state.incoming.len() == 0 {
            return match &state.end {
                _ if state.eof => Poll::Ready(Ok(())),
                Some(end) => Poll::Ready(end.error().map_or(Ok(()), Err)),
                None => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        let read = state.incoming.read(buf);
        state.unreported += read;
        let consumed = if state.unreported >= READ_STEP { std::mem::take(&mut state.unreported) } else { 0 };
        drop(state);
        budget.made_progress();
        if consumed > 0 {
            // A link that is gone sends no more.
            let _ = self.link.push(Command::Consumed { session: self.session, bytes: consumed });
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(cx));
        let mut state = self.state();
        if state.shut || state.end.is_some() {
            let error = state.end.as_ref().and_then(End::error);
            let error =
                error.unwrap_or_else(|| io::Error::new(io::ErrorKind::BrokenPipe, "stream is closed for writing"));
            return Poll::Ready(Err(error));
        }
        let taken = buf.len().min(HELD - state.queued).min(WRITE_STEP);
        if taken == 0 && !buf.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.queued += taken;
        state.outgoing.push(&buf[..taken], Bytes::copy_from_slice);
        let announced = std::mem::replace(&mut state.announced, true);
        drop(state);
        budget.made_progress();
        if !announced && self.link.push(Command::Data { session: self.session }).is_err() {
            return Poll::Ready(Err(lost()));
        }
        Poll::Ready(Ok(taken))
    }

    pub(crate) fn shut_down(&self) {
        let shut = std::mem::replace(&mut self.state().shut, true);
        if !shut {
            // A link that is gone has ended both directions.
            let _ = self.link.push(Command::EndData { session: self.session });
        }
    }

    /// The application drops its stream.
    pub(crate) fn abandon(&self) {
        {
            let mut state = self.state();
            state.abandoned = true;
            state.incoming = Buffer::default();
        }
        self.messages.close();
        self.messages.clear();
        self.handlers.clear();
        // A link that is gone has ended the stream.
        let _ = self.link.push(Command::Dismiss { session: self.session, reason: "".into() });
    }

    /// Waits for the end. Cancel-safe.
    pub(crate) async fn ended(&self) -> End {
        loop {
            let notified = self.ending.notified();
            if let Some(end) = self.state().end.clone() {
                return end;
            }
            notified.await;
        }
    }

    // --- for the link's task

    /// Bytes came. How many are held now.
    pub(crate) fn receive(&self, data: &[u8], backing: Backing<'_>) -> usize {
        let mut state = self.state();
        if state.abandoned || state.eof {
            return 0;
        }
        state.incoming.push(data, |data| backing.keep(data));
        let held = state.incoming.len();
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        held
    }

    /// Bytes that came and were not read yet.
    pub(crate) fn held(&self) -> usize {
        self.state().incoming.len()
    }

    /// What was written since the last time.
    pub(crate) fn take_outgoing(&self) -> VecDeque<Bytes> {
        let mut state = self.state();
        state.announced = false;
        state.outgoing.take()
    }

    pub(crate) fn end_of_data(&self) {
        let mut state = self.state();
        state.eof = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Bytes have left, or never will.
    pub(crate) fn sent(&self, bytes: usize) {
        let mut state = self.state();
        state.queued = state.queued.saturating_sub(bytes);
        let writer = state.writer.take();
        drop(state);
        wake(writer);
    }

    /// The other side has begun to close the stream: what was written last is lost, and nothing more can be written.
    pub(crate) fn refuse_writes(&self, bytes: usize) {
        self.state().shut = true;
        self.sent(bytes);
    }

    /// The stream is over. Later ends change nothing.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        let (reader, writer) = (state.reader.take(), state.writer.take());
        drop(state);
        wake(reader);
        wake(writer);
        self.messages.close();
        self.handlers.clear();
        self.ending.notify_waiters();
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the link to the gateway was lost")
}
