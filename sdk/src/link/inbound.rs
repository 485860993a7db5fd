//! What the other side wants: calls of our handlers, messages for the application.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use proto::body::{Base64, Body};
use proto::conn::Text;
use proto::id::{EdgeId, PacketId, SessionId};
use tokio::task::AbortHandle;

use super::{Conn, decode};
use crate::command::{Command, Link};
use crate::handlers::{Handler, Handlers, Work};
use crate::mailbox::Mailbox;
use crate::message::{Message, Receipt};
use crate::request::Request;
use crate::serve;
use crate::shared::Shared;

/// Calls that are being handled, and messages on their way to the application.
#[derive(Debug)]
pub(super) struct Inbound {
    shared: Arc<Shared>,
    link: Link,
    running: HashMap<(SessionId, PacketId), Running>,
    /// Sum of their costs.
    running_bytes: usize,
}

/// A handler's task.
#[derive(Debug)]
struct Running {
    task: AbortHandle,
    handler: Arc<Handler>,
    /// What the connection counts until the answer leaves.
    cost: u32,
}

impl Inbound {
    pub(super) fn new(shared: Arc<Shared>, link: Link) -> Self {
        Self { shared, link, running: HashMap::new(), running_bytes: 0 }
    }

    /// A call. `handlers` are those of its session.
    pub(super) fn on_request(
        &mut self,
        conn: &mut Conn,
        handlers: Option<&Handlers>,
        session: SessionId,
        packet: PacketId,
        body: &Body<'_>,
        cost: u32,
    ) {
        let Some(handler) = handlers.and_then(|handlers| find(handlers, &body.key)) else {
            let method = body.key.decode();
            let error = format!("no such rpc: {}", String::from_utf8_lossy(&method));
            return conn.respond(session, packet, serve::encode_error(&body.key, &error), cost);
        };
        let (custom, edge_id) = self.split_custom(session, &body.custom);
        let request = Request {
            method: Arc::clone(&handler.method),
            payload: decode(&body.value),
            custom,
            edge_id,
            edge_meta: edge_id.and_then(|edge| self.shared.metas.find(edge)),
            deadline: serve::believed_deadline(body.effective_deadline()),
        };
        match &*handler.work {
            Work::Now(work) => conn.respond(session, packet, serve::run_now(&handler.key, || work(request)), cost),
            Work::Task(_) => self.start(conn, handler, request, (session, packet), cost),
        }
    }

    /// Starts a handler in a task of its own.
    fn start(
        &mut self,
        conn: &mut Conn,
        handler: Arc<Handler>,
        request: Request,
        (session, packet): (SessionId, PacketId),
        cost: u32,
    ) {
        let limits = &self.shared.options.limits;
        let bytes = self.running_bytes + cost as usize;
        let full = self.running.len() >= limits.handlers || self.running_bytes > 0 && bytes > limits.request_bytes;
        if full || self.running.contains_key(&(session, packet)) {
            let error = if full { "congested" } else { "a call with this id is running" };
            return conn.respond(session, packet, serve::encode_error(&handler.key, error), cost);
        }
        let link = self.link.clone();
        let running = Arc::clone(&handler);
        let task = self.shared.tasks.spawn(async move {
            let text = serve::run(&running, request).await;
            // A link that is gone wants no answer.
            let _ = link.push(Command::Respond { session, packet, text });
        });
        self.running.insert((session, packet), Running { task: task.abort_handle(), handler, cost });
        self.running_bytes = bytes;
    }

    fn remove(&mut self, session: SessionId, packet: PacketId) -> Option<Running> {
        let running = self.running.remove(&(session, packet))?;
        self.running_bytes -= running.cost as usize;
        if self.running.is_empty() {
            self.running = HashMap::new();
        }
        Some(running)
    }

    /// A handler has an answer.
    pub(super) fn on_finished(&mut self, conn: &mut Conn, session: SessionId, packet: PacketId, text: Text) {
        if let Some(Running { cost, .. }) = self.remove(session, packet) {
            conn.respond(session, packet, text, cost);
        }
    }

    /// The caller no longer wants the answer, but every request gets one.
    pub(super) fn on_cancelled(&mut self, conn: &mut Conn, session: SessionId, packet: PacketId) {
        if let Some(Running { task, handler, cost }) = self.remove(session, packet) {
            task.abort();
            conn.respond(session, packet, serve::encode_error(&handler.key, "context canceled"), cost);
        }
    }

    /// A session has ended: its callers have given up.
    pub(super) fn on_ended(&mut self, conn: &mut Conn, session: SessionId) {
        for ((session, packet), Running { task, handler, cost }) in self.running.extract_if(|key, _| key.0 == session) {
            task.abort();
            self.running_bytes -= cost as usize;
            conn.respond(session, packet, serve::encode_error(&handler.key, "force closed"), cost);
        }
    }

    /// A message. `messages` are those of its session.
    pub(super) fn on_message(
        &mut self,
        messages: Option<&Mailbox<Message>>,
        session: SessionId,
        packet: PacketId,
        body: &Body<'_>,
        cost: u32,
    ) {
        let (custom, edge_id) = self.split_custom(session, &body.custom);
        let receipt = Receipt::new(self.link.clone(), session, packet, cost);
        let topic = Cow::clone(&body.topic).into_owned();
        let message = Message {
            topic,
            payload: decode(&body.value),
            custom,
            edge_id,
            deadline: serve::believed_deadline(body.effective_deadline()),
            receipt,
        };
        let held = message.held();
        // Where there is no mailbox the message is dropped, which rejects it.
        let Some(messages) = messages else { return };
        if let Err(message) = messages.push(message, held) {
            message.reject("congested");
        }
    }

    /// Custom bytes, and where they carry it, the edge's id.
    fn split_custom(&self, session: SessionId, custom: &Base64<'_>) -> (Bytes, Option<EdgeId>) {
        let tail = self.shared.options.tails && session == SessionId::MAIN;
        match custom.split_tail().filter(|_| tail) {
            Some((front, edge)) => (decode(&front), Some(EdgeId(edge))),
            None => (decode(custom), None),
        }
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        for Running { task, .. } in self.running.values() {
            task.abort();
        }
    }
}

fn find(handlers: &Handlers, key: &Base64<'_>) -> Option<Arc<Handler>> {
    /// Longer names are decoded into memory of their own.
    const USUAL: usize = 128;
    let mut usual = [0; USUAL];
    let long;
    let name = match key.decode_into(&mut usual) {
        Some(len) => &usual[..len],
        None => {
            long = key.decode();
            &long[..]
        }
    };
    handlers.find(std::str::from_utf8(name).ok()?)
}
