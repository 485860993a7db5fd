//! The streams of a link.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use proto::body::SessionData;
use proto::id::SessionId;
use tokio::sync::oneshot;
use tracing::warn;
use transport::Backing;

use super::Conn;
use crate::Error;
use crate::command::Link;
use crate::handlers::Handlers;
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::shared::Shared;
use crate::stream::{End, HELD, Offer, Pipe, Stream};

/// Streams by session. Owns no memory while there are none.
#[derive(Debug)]
pub(super) struct Streams {
    shared: Arc<Shared>,
    link: Link,
    pipes: HashMap<SessionId, Arc<Pipe>>,
    /// Streams that hold too much, of a gateway that knows no credit: the link is not read until they are read.
    full: Vec<SessionId>,
}

impl Streams {
    pub(super) fn new(shared: Arc<Shared>, link: Link) -> Self {
        Self { shared, link, pipes: HashMap::new(), full: Vec::new() }
    }

    /// The handlers of a session: of a stream, or of the link itself.
    pub(super) fn handlers(&self, session: SessionId) -> Option<&Handlers> {
        match session {
            SessionId::MAIN => Some(&self.shared.handlers),
            _ => self.pipes.get(&session).map(|pipe| &pipe.handlers),
        }
    }

    /// The mailbox of a session: of a stream, or of the link itself.
    pub(super) fn messages(&self, session: SessionId) -> Option<&Mailbox<Message>> {
        match session {
            SessionId::MAIN => Some(&self.shared.messages),
            _ => self.pipes.get(&session).map(|pipe| &pipe.messages),
        }
    }

    pub(super) fn want_read(&self) -> bool {
        self.full.is_empty()
    }

    // --- opening and accepting

    pub(super) fn on_opened(
        &mut self,
        session: SessionId,
        peer: Box<str>,
        opened: oneshot::Sender<Result<Stream, Error>>,
    ) {
        let receive_bytes = self.shared.options.limits.receive_bytes;
        let pipe = Arc::new(Pipe::new(self.link.clone(), session, peer, receive_bytes));
        self.pipes.insert(session, Arc::clone(&pipe));
        // If whoever opened it has given up, the stream is dropped here, which dismisses it.
        let _ = opened.send(Ok(Stream::new(pipe)));
    }

    pub(super) fn on_offered(&mut self, session: SessionId, data: SessionData) {
        let receive_bytes = self.shared.options.limits.receive_bytes;
        let offer = Offer::new(self.link.clone(), session, data.peer.into(), receive_bytes);
        // An offer that finds no room is dropped, which declines it.
        let _ = self.shared.offers.push(offer, 0);
    }

    pub(super) fn accept(&mut self, conn: &mut Conn, now: Instant, pipe: Arc<Pipe>) {
        let session = pipe.session();
        conn.confirm(now, session, Vec::new());
        if conn.is_usable(session) {
            self.pipes.insert(session, pipe);
        } else {
            pipe.end(End::Closed);
        }
    }

    // --- bytes

    pub(super) fn on_data(
        &mut self,
        conn: &mut Conn,
        now: Instant,
        session: SessionId,
        data: &[u8],
        backing: Backing<'_>,
    ) {
        let Some(pipe) = self.pipes.get(&session) else { return };
        let held = pipe.receive(data, backing);
        if held < HELD {
            return;
        }
        if !conn.caps().credit {
            if !self.full.contains(&session) {
                self.full.push(session);
            }
        } else if held > HELD {
            const REASON: &str = "more was sent than was granted";
            warn!(session = session.0, "the gateway sends more than it was granted, ending the stream");
            pipe.end(End::Aborted(REASON.into()));
            conn.dismiss(now, session, REASON);
        }
    }

    pub(super) fn on_data_end(&mut self, session: SessionId) {
        if let Some(pipe) = self.pipes.get(&session) {
            pipe.end_of_data();
        }
    }

    pub(super) fn on_sent(&mut self, session: SessionId, bytes: usize) {
        if let Some(pipe) = self.pipes.get(&session) {
            pipe.sent(bytes);
        }
    }

    pub(super) fn send(&mut self, conn: &mut Conn, session: SessionId) {
        let Some(pipe) = self.pipes.get(&session) else { return };
        for bytes in pipe.take_outgoing() {
            let len = bytes.len();
            if !conn.send_data(session, bytes) {
                pipe.refuse_writes(len);
            }
        }
    }

    pub(super) fn consumed(&mut self, conn: &mut Conn, session: SessionId, bytes: usize) {
        conn.grant(session, bytes);
        if !self.full.is_empty() && self.pipes.get(&session).is_none_or(|pipe| pipe.held() <= HELD / 2) {
            self.full.retain(|full| *full != session);
        }
    }

    // --- ends

    /// The application wants no more of a stream.
    pub(super) fn dismiss(&mut self, conn: &mut Conn, now: Instant, session: SessionId, reason: &str) {
        self.full.retain(|full| *full != session);
        conn.dismiss(now, session, reason);
    }

    pub(super) fn on_ended(&mut self, conn: &Conn, session: SessionId, reason: Option<Box<str>>) {
        self.full.retain(|full| *full != session);
        if let Some(pipe) = self.pipes.remove(&session) {
            pipe.end(match reason {
                _ if !conn.is_open() => End::Lost,
                Some(reason) => End::Aborted(reason.into()),
                None => End::Closed,
            });
        }
        if self.pipes.is_empty() {
            self.pipes = HashMap::new();
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        for pipe in self.pipes.values() {
            pipe.end(End::Lost);
        }
    }
}
