//! What an edge sends, and its going.

use std::sync::Arc;
use std::time::Instant;

use dao::{Change, EdgeRpc};
use proto::body::Body;
use proto::conn::Event;
use proto::id::{EdgeId, SessionId};
use transport::{Backing, Endpoint, Linger, LinkEnd};

use super::accept::Edgebound;
use super::admit::{Online, State};
use super::methods::Methods;
use crate::directory::Service;
use crate::exchange::{
    Bounds, Command, Conn, Due, Handle, Kind, Passage, Port, Publisher, RouteError, Routes, Targets, Waiter, now,
};
use crate::limits::Bound;
use crate::metrics::{Admission, Side};
use crate::presence::unix_time;
use crate::ways_in::Pass;

/// The owner of an edge's link.
#[derive(Debug)]
pub(super) struct EdgeLink {
    pub(super) shared: Arc<Edgebound>,
    pub(super) port: Port,
    pub(super) state: State,
    methods: Routes<Arc<Service>>,
    topics: Routes<Targets>,
    /// Methods that it has registered, those that were ignored aside.
    pub(super) offered: Methods,
}

impl EdgeLink {
    pub(super) fn new(shared: Arc<Edgebound>, handle: Handle, pass: &Pass, bounds: Arc<Bounds>) -> Self {
        let state = State::Unknown(shared.exchange.directory.arrivals.enter(&handle));
        let port = Port::new(Arc::clone(&shared.exchange), handle, pass, bounds);
        Self { shared, port, state, methods: Routes::default(), topics: Routes::default(), offered: Methods::default() }
    }

    fn id(&self) -> Option<EdgeId> {
        match &self.state {
            State::Online(online) => Some(online.tenure.id()),
            _ => None,
        }
    }

    /// A call or message on session 1: by method or topic, to a service or, if it is a message, to bridges too.
    fn route(
        &mut self,
        now: Instant,
        edge: EdgeId,
        passage: &Passage,
        body: &Body<'_>,
        backing: Backing<'_>,
    ) -> Result<(), RouteError> {
        let Self { shared, port, state, methods, topics, .. } = self;
        let exchange = &*shared.exchange;
        let services = &exchange.directory.services;
        let due = Due::of(body, now)?;
        let peer = port.peer;
        let key = || exchange.chooser.key(edge, peer);
        if !exchange.chooser.is_stable() {
            *methods = Routes::default();
            *topics = Routes::default();
        }
        let service = match passage.kind {
            Kind::Call => {
                let look_up = || services.for_method(&body.key.decode(), key());
                methods.find(services, body.key.text(), look_up).ok_or(RouteError::NoMethod)?
            }
            Kind::Message => {
                let look_up = || exchange.targets(&body.topic, key());
                let targets = topics.find(services, body.topic.as_bytes(), look_up).ok_or(RouteError::NoTopic)?;
                match targets {
                    Targets { service: Some(service), bridges: None } => service,
                    bridged => {
                        let meta = if let State::Online(online) = state { &online.meta[..] } else { &[] };
                        let publisher = Publisher { id: edge, meta };
                        return port.spread(now, passage, body, due, backing, &publisher, bridged);
                    }
                }
            }
        };
        let custom = body.custom.with_tail(edge.0);
        let forwarded = Body { deadline: due.deadline, context_deadline: due.context, ..body.passed_on(custom) };
        port.forward(now, passage, &forwarded, due, backing, &service.handle, SessionId::MAIN)
    }

    fn on_forward(&mut self, conn: &mut Conn, now: Instant, passage: &Passage, body: &Body<'_>, backing: Backing<'_>) {
        let Some(edge) = self.id() else {
            return self.port.turn_down(conn, now, passage, body, RouteError::ForceClosed);
        };
        if let Some(error) = self.port.refusal(conn) {
            return self.port.turn_down(conn, now, passage, body, error);
        }
        if passage.session != SessionId::MAIN {
            return self.port.forward_in_stream(conn, now, passage, body, backing);
        }
        if let Err(error) = self.route(now, edge, passage, body, backing) {
            self.port.turn_down(conn, now, passage, body, error);
        }
    }

    fn on_registered(&mut self, session: SessionId, method: &[u8]) {
        let State::Online(Online { tenure, generation, .. }) = &self.state else { return };
        if session != SessionId::MAIN {
            return;
        }
        let (edge, exchange) = (tenure.id(), &self.shared.exchange);
        let (most, now) = (self.shared.terms().max_registrations, unix_time());
        if let Some(rpc) = self.offered.offer(method, now, most) {
            let rpc = EdgeRpc { rpc, edge, create_time: now };
            return exchange.presence.tell(|| Change::EdgeRpc(rpc, *generation));
        }
        let told = format_args!("method ignored, edge {edge} has {most}, or names that are too long");
        exchange.overruns.note(&exchange.metrics, Side::Edge, Bound::Registrations, self.port.peer, told);
    }

    fn on_offered(&self, conn: &mut Conn, now: Instant, session: SessionId, name: &str) {
        let exchange = &self.shared.exchange;
        let target = self.id().and_then(|edge| {
            let key = exchange.chooser.key(edge, self.port.peer);
            exchange.directory.services.named(name, key)
        });
        let target = target.map(|service| service.handle.clone()).ok_or(RouteError::NoService);
        self.port.open_stream(conn, now, session, target);
    }
}

impl Endpoint for EdgeLink {
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
            Event::Connect(frame) => self.introduce(conn, now, frame),
            Event::Leaving => self.gone(now),
            Event::Registered { session, method } => self.on_registered(session, method),
            Event::Offered { session, data } => self.on_offered(conn, now, session, &data.peer),
            other => self.port.on_event(conn, now, other, backing),
        }
        self.port.leave_if_drained(conn, now);
    }

    fn on_command(&mut self, conn: &mut Conn, now: Instant, command: Command) {
        match command {
            Command::Hook(stage, result) => self.on_hook(conn, now, stage, result),
            Command::Proceed => self.proceed(conn, now),
            Command::Turn(tenure) => self.on_turn(conn, now, tenure),
            Command::Displace { by } => self.displace(conn, now, by),
            Command::Report(reports) => {
                if let Some(report) = self.report(conn, now) {
                    // Whoever has asked may have gone.
                    let _ = reports.send(Box::new(report));
                }
            }
            Command::Kick(done) => self.kick(conn, now, done),
            Command::Drain | Command::Leave if matches!(self.state, State::Unknown(_)) => conn.abort(),
            Command::Drain | Command::Leave if self.state.is_arriving() => self.turn_away(conn, now),
            command => {
                if let Some(command) = self.defer(command) {
                    self.port.on_command(conn, now, command);
                }
            }
        }
    }

    fn wants_read(&self, conn: &Conn) -> bool {
        self.port.wants_read(conn)
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.admission_timeout().into_iter().chain(self.port.next_timeout()).min()
    }

    fn on_timeout(&mut self, conn: &mut Conn, now: Instant) {
        if self.admission_timeout().is_some_and(|until| now >= until) {
            self.on_admission_timeout(conn, now);
        }
        self.port.on_timeout(conn, now);
    }

    fn on_peer_closed(&mut self, conn: &mut Conn, now: Instant) -> Linger {
        self.gone(now);
        self.port.on_peer_closed(conn)
    }

    fn lingers(&self) -> bool {
        self.port.owes_answers()
    }

    fn on_end(&mut self, end: &LinkEnd) {
        self.gone(now());
        self.port.ended(self.port.reason(end));
    }

    fn on_read(&mut self, bytes: usize) {
        self.port.traffic.bytes_in += bytes as u64;
        self.shared.exchange.metrics.side(Side::Edge).bytes_in.inc_by(bytes as u64);
    }

    fn on_written(&mut self, bytes: usize) {
        self.port.traffic.bytes_out += bytes as u64;
        self.shared.exchange.metrics.side(Side::Edge).bytes_out.inc_by(bytes as u64);
    }
}

impl Drop for EdgeLink {
    fn drop(&mut self) {
        if self.state.is_arriving() {
            self.shared.exchange.metrics.side(Side::Edge).admission(Admission::Abandoned);
        }
        self.gone(now());
        self.port.ended("dropped by the gateway");
    }
}
