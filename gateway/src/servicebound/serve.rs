//! What a service sends.

use std::sync::Arc;
use std::time::Instant;

use proto::body::Body;
use proto::conn::Event;
use proto::id::{EdgeId, SessionId};
use transport::{Backing, Endpoint, Linger, LinkEnd};

use super::accept::Servicebound;
use crate::directory::{Arrival, Registration};
use crate::exchange::{Bounds, Command, Conn, Due, Handle, Kind, Passage, Port, RouteError, Waiter};
use crate::metrics::{Admission, Side};
use crate::ways_in::Pass;

/// The owner of a service's link.
#[derive(Debug)]
pub(super) struct ServiceLink {
    pub(super) shared: Arc<Servicebound>,
    pub(super) port: Port,
    /// Until its Conn comes.
    arrival: Option<Arrival>,
    /// Once admitted.
    pub(super) registration: Option<Registration>,
    /// When it was admitted, in seconds since 1970.
    pub(super) since: i64,
}

impl ServiceLink {
    pub(super) fn new(shared: Arc<Servicebound>, handle: Handle, pass: &Pass, bounds: Arc<Bounds>) -> Self {
        let arrival = Some(shared.exchange.directory.arrivals.enter(&handle));
        let port = Port::new(Arc::clone(&shared.exchange), handle, pass, bounds);
        Self { shared, port, arrival, registration: None, since: 0 }
    }

    /// A call or message on session 1: to the edge that the custom bytes end in.
    fn route(
        &mut self,
        now: Instant,
        passage: &Passage,
        body: &Body<'_>,
        backing: Backing<'_>,
    ) -> Result<(), RouteError> {
        let (custom, edge) = body.custom.split_tail().ok_or(RouteError::IllegalEdgeId)?;
        let due = Due::of(body, now)?;
        let edge = self.shared.exchange.directory.edges.edge(EdgeId(edge)).ok_or(RouteError::EdgeOffline)?;
        let forwarded = Body { deadline: due.deadline, context_deadline: due.context, ..body.passed_on(custom) };
        self.port.forward(now, passage, &forwarded, due, backing, &edge, SessionId::MAIN)
    }

    fn on_forward(&mut self, conn: &mut Conn, now: Instant, passage: &Passage, body: &Body<'_>, backing: Backing<'_>) {
        if let Some(error) = self.port.refusal(conn) {
            return self.port.turn_down(conn, now, passage, body, error);
        }
        if passage.session != SessionId::MAIN {
            return self.port.forward_in_stream(conn, now, passage, body, backing);
        }
        if let Err(error) = self.route(now, passage, body, backing) {
            self.port.turn_down(conn, now, passage, body, error);
        }
    }

    /// A stream to the edge whose decimal id is `peer`.
    fn on_offered(&self, conn: &mut Conn, now: Instant, session: SessionId, peer: &str) {
        let edges = &self.shared.exchange.directory.edges;
        let target = match peer.parse() {
            Ok(id) => edges.edge(EdgeId(id)).ok_or(RouteError::EdgeOffline),
            Err(_) => Err(RouteError::IllegalEdgeId),
        };
        self.port.open_stream(conn, now, session, target);
    }
}

impl Endpoint for ServiceLink {
    type Command = Command;
    type Waiter = Waiter;

    fn on_event(&mut self, conn: &mut Conn, now: Instant, event: Event<'_, Waiter>, backing: Backing<'_>) {
        match event {
            Event::Request { session, packet, body, cost } => {
                self.port.traffic.calls_in += 1;
                let passage = Passage { kind: Kind::Call, session, packet, cost };
                self.on_forward(conn, now, &passage, &body, backing);
            }
            Event::Message { session, packet, body, cost } => {
                self.port.traffic.messages_in += 1;
                let passage = Passage { kind: Kind::Message, session, packet, cost };
                self.on_forward(conn, now, &passage, &body, backing);
            }
            Event::Connect(frame) => {
                self.introduce(conn, now, &frame);
                self.arrival = None;
            }
            Event::Leaving => self.gone(),
            Event::Registered { session, method } => self.on_registered(session, method),
            Event::Offered { session, data } => self.on_offered(conn, now, session, &data.peer),
            other => self.port.on_event(conn, now, other, backing),
        }
        self.port.leave_if_drained(conn, now);
    }

    fn on_command(&mut self, conn: &mut Conn, now: Instant, command: Command) {
        match command {
            Command::Displace { by } => self.displace(conn, now, by),
            Command::Report(reports) => {
                if let Some(report) = self.report(conn, now) {
                    // Whoever has asked may have gone.
                    let _ = reports.send(Box::new(report));
                }
            }
            Command::Kick(done) => self.kick(conn, now, done),
            Command::Drain | Command::Leave if self.arrival.is_some() => conn.abort(),
            command => self.port.on_command(conn, now, command),
        }
    }

    fn wants_read(&self, conn: &Conn) -> bool {
        self.port.wants_read(conn)
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.port.next_timeout()
    }

    fn on_timeout(&mut self, conn: &mut Conn, now: Instant) {
        self.port.on_timeout(conn, now);
    }

    fn on_peer_closed(&mut self, conn: &mut Conn, _now: Instant) -> Linger {
        self.gone();
        self.port.on_peer_closed(conn)
    }

    fn lingers(&self) -> bool {
        self.port.owes_answers()
    }

    fn on_end(&mut self, end: &LinkEnd) {
        self.gone();
        self.port.ended(self.port.reason(end));
    }

    fn on_read(&mut self, bytes: usize) {
        self.port.traffic.bytes_in += bytes as u64;
        self.shared.exchange.metrics.side(Side::Service).bytes_in.inc_by(bytes as u64);
    }

    fn on_written(&mut self, bytes: usize) {
        self.port.traffic.bytes_out += bytes as u64;
        self.shared.exchange.metrics.side(Side::Service).bytes_out.inc_by(bytes as u64);
    }
}

impl Drop for ServiceLink {
    fn drop(&mut self) {
        if self.arrival.is_some() {
            self.shared.exchange.metrics.side(Side::Service).admission(Admission::Abandoned);
        }
        self.gone();
        self.port.ended("dropped by the gateway");
    }
}
