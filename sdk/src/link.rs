//! The owner of the link: what the gateway sends goes to whom it concerns, what the application asks for goes out.
//!
//! Everything in here runs in the link's task and never waits.

mod inbound;
mod streams;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proto::body::{Base64, SessionData};
use proto::conn::{Event, Failure};
use proto::id::{ClientId, SessionId};
use tracing::{debug, warn};
use transport::{Backing, Endpoint};

use self::inbound::Inbound;
use self::streams::Streams;
use crate::Error;
use crate::command::{Answer, Command, Link, Waiter};
use crate::shared::Shared;

type Conn = proto::conn::Connection<Waiter>;

/// Time for the gateway to confirm the methods after a connect.
const RESTORE: Duration = Duration::from_secs(10);

/// The owner of one link.
#[derive(Debug)]
pub(crate) struct ClientLink {
    shared: Arc<Shared>,
    link: Link,
    id: ClientId,
    /// Methods whose registration the gateway has not confirmed yet.
    restoring: usize,
    inbound: Inbound,
    streams: Streams,
}

impl ClientLink {
    pub(crate) fn new(shared: Arc<Shared>, link: Link) -> Self {
        let inbound = Inbound::new(Arc::clone(&shared), link.clone());
        let streams = Streams::new(Arc::clone(&shared), link.clone());
        Self { shared, link, id: ClientId::default(), restoring: 0, inbound, streams }
    }

    /// The gateway has let us in: every method is registered before the link counts as online.
    fn restore(&mut self, conn: &mut Conn, now: Instant, id: ClientId) {
        self.id = id;
        let methods = self.shared.handlers.methods();
        self.restoring = methods.len();
        for method in methods {
            conn.register(self.link.packet(), SessionId::MAIN, &method, now + RESTORE, Waiter::Restored);
        }
        self.online_if_restored();
    }

    fn restored(&mut self) {
        self.restoring = self.restoring.saturating_sub(1);
        self.online_if_restored();
    }

    fn online_if_restored(&self) {
        if self.restoring == 0 {
            self.shared.link_online(self.id);
        }
    }

    /// The gateway is of no use any more. Says nothing while either side is leaving already.
    fn leave(&self, conn: &mut Conn, now: Instant, complaint: &'static str) {
        if conn.is_open() {
            warn!(complaint, "leaving the gateway");
            self.shared.link_left(complaint);
            conn.leave(now);
        }
    }

    fn on_failed(&mut self, conn: &mut Conn, now: Instant, waiter: Waiter, failure: Failure) {
        let error = match failure {
            Failure::Expired => Error::Timeout,
            Failure::Declined(text) => Error::Refused(text),
            Failure::SessionEnded if conn.is_open() => Error::StreamClosed,
            Failure::SessionEnded => Error::LinkLost,
        };
        match waiter {
            Waiter::Answer(answer) => give(answer, Err(error)),
            Waiter::Opened { opened, .. } => {
                // Whoever opened it has given up.
                let _ = opened.send(Err(error));
            }
            Waiter::Restored => {
                debug!(%error, "a method was not confirmed");
                self.leave(conn, now, "methods are not confirmed");
            }
            Waiter::Nobody => {}
        }
    }
}

impl Endpoint for ClientLink {
    type Command = Command;
    type Waiter = Waiter;

    fn on_event(&mut self, conn: &mut Conn, now: Instant, event: Event<'_, Waiter>, backing: Backing<'_>) {
        match event {
            Event::Response { waiter: Waiter::Answer(answer), body } => {
                let answered = if body.error.is_empty() {
                    Ok(decode(&body.value))
                } else {
                    Err(Error::Remote(body.error.into_owned()))
                };
                give(answer, answered);
            }
            Event::Acked { waiter: Waiter::Answer(answer), error } => {
                give(answer, if error.is_empty() { Ok(Bytes::new()) } else { Err(Error::Remote(error.into_owned())) });
            }
            Event::Acked { waiter: Waiter::Restored, .. } => self.restored(),
            Event::Request { session, packet, body, cost } => {
                let handlers = self.streams.handlers(session);
                self.inbound.on_request(conn, handlers, session, packet, &body, cost);
            }
            Event::Message { session, packet, body, cost } => {
                let messages = self.streams.messages(session);
                self.inbound.on_message(messages, session, packet, &body, cost);
            }
            Event::Failed { waiter, failure } => self.on_failed(conn, now, waiter, failure),
            Event::Cancelled { session, packet } => self.inbound.on_cancelled(conn, session, packet),
            Event::Data { session, data } => self.streams.on_data(conn, now, session, data, backing),
            Event::DataEnd { session } => self.streams.on_data_end(session),
            Event::Sent { session, bytes } => self.streams.on_sent(session, bytes),
            Event::Opened { waiter: Waiter::Opened { peer, opened }, session } => {
                self.streams.on_opened(session, peer, opened);
            }
            Event::Offered { session, data } => self.streams.on_offered(session, data),
            Event::Ended { session, error } => {
                self.inbound.on_ended(conn, session);
                self.streams.on_ended(conn, session, error);
                if session == SessionId::MAIN {
                    self.leave(conn, now, "the gateway has ended the main session");
                }
            }
            Event::Connected(id) => self.restore(conn, now, id),
            Event::Refused(text) => self.shared.link_refused(text),
            // What gateways do not send or nobody waits for.
            Event::Connect(_)
            | Event::Registered { .. }
            | Event::Response { .. }
            | Event::Acked { .. }
            | Event::Opened { .. }
            | Event::Overfull { .. }
            | Event::Leaving => {}
        }
    }

    fn on_command(&mut self, conn: &mut Conn, now: Instant, command: Command) {
        match command {
            Command::Call { packet, session, text, deadline, answer } => {
                conn.call(packet, session, text, deadline, Waiter::Answer(answer));
            }
            Command::Publish { packet, session, text, deadline, answer } => {
                let waiter = answer.map_or(Waiter::Nobody, Waiter::Answer);
                conn.publish(packet, session, text, deadline, waiter);
            }
            Command::Register { session, method, deadline, answer } => {
                conn.register(self.link.packet(), session, &method, deadline, Waiter::Answer(answer));
            }
            Command::Cancel(packet) => drop(conn.cancel(now, packet)),
            Command::Respond { session, packet, text } => self.inbound.on_finished(conn, session, packet, text),
            Command::Ack { session, packet, error, cost } => conn.ack(session, packet, &error, cost),
            Command::Open { peer, opened } => {
                let data = SessionData { peer: peer.to_string(), ..SessionData::default() };
                conn.open_session(now, self.link.packet(), data, Waiter::Opened { peer, opened });
            }
            Command::Accept { pipe } => self.streams.accept(conn, now, pipe),
            Command::Decline { session, error } => conn.decline(now, session, error),
            Command::Data { session } => self.streams.send(conn, session),
            Command::EndData { session } => conn.end_data(now, session),
            Command::Consumed { session, bytes } => self.streams.consumed(conn, session, bytes),
            Command::Dismiss { session, reason } => self.streams.dismiss(conn, now, session, &reason),
            Command::Leave => conn.leave(now),
        }
    }

    fn wants_read(&self, _conn: &Conn) -> bool {
        self.streams.want_read()
    }
}

fn give(answer: Answer, answered: Result<Bytes, Error>) {
    // Whoever asked has given up.
    let _ = answer.send(answered);
}

/// The bytes of a base64 text.
fn decode(text: &Base64<'_>) -> Bytes {
    if text.is_empty() { Bytes::new() } else { Bytes::from(text.decode()) }
}
