//! From a connection to an edge: its id, its turn, its announcement.
//!
//! ```text
//! Conn ─► Held ─► Naming ──id──► Claiming ──turn──► Announcing ──accepted──► Online
//!      hook_grace  get_edge_id    the id's holder     edge_online
//!                                 is displaced
//! ```
//! All of it takes at most 8 s, since the client gives up after 10. Whatever goes wrong on the way refuses the edge before
//! its ack; an announcement whose answer is not known is followed by `edge_offline`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dao::{Change, Edge, Generation, Text};
use proto::body::{EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID, Presence as PresenceBody};
use proto::id::{ClientId, EdgeId};
use proto::wire::Conn as ConnFrame;
use tokio::sync::oneshot;
use tracing::{debug, info};

use super::serve::EdgeLink;
use crate::directory::{Arrival, Claim, Service, Tenure};
use crate::exchange::{Command, Conn, Due, HookReply, HookStage, RouteError, call_hook, tell_offline};
use crate::metrics::{Admission, Side};
use crate::presence::{LinkReport, Peer, unix_time};
use crate::takeovers::Takeover;

/// Time for all hooks of an admission; the client waits 10 s.
const PATIENCE: Duration = Duration::from_secs(8);

/// Calls, messages and streams to an edge that is being announced wait for its ack: that many at most.
const MAX_DEFERRED: usize = 1024;

/// How far an edge's admission is.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing has come yet.
    Unknown(Arrival),
    /// Waits for a service to register a hook, and until then at most.
    Held(Introduction, Instant),
    /// Waits for `get_edge_id`.
    Naming(Introduction),
    /// Has an id and waits for its turn to hold it.
    Claiming(Introduction, EdgeId),
    /// Waits for `edge_online`.
    Announcing(Box<Announcement>),
    /// Admitted.
    Online(Online),
    /// Refused, displaced or gone.
    Gone,
}

impl State {
    /// Whether the handshake is not over.
    pub(super) const fn is_arriving(&self) -> bool {
        match self {
            State::Unknown(_) | State::Held(..) | State::Naming(_) | State::Claiming(..) | State::Announcing(_) => true,
            State::Online(_) | State::Gone => false,
        }
    }
}

/// An edge that was let in.
#[derive(Debug)]
pub(super) struct Online {
    pub(super) meta: Arc<[u8]>,
    pub(super) tenure: Tenure,
    /// The service that was told of its coming.
    told: Option<Arc<Service>>,
    /// Which of those that have held the id.
    pub(super) generation: Generation,
    /// When, in seconds since 1970.
    since: i64,
}

impl Online {
    /// The edge as it is recorded.
    fn change(&self, peer: SocketAddr) -> Change {
        let (id, meta) = (self.tenure.id(), Text::from_bytes(Arc::clone(&self.meta)));
        let edge = Edge { id, meta, addr: peer.to_string().into(), create_time: self.since };
        Change::EdgeOnline(edge, self.generation)
    }
}

/// An edge whose coming a service is asked about.
#[derive(Debug)]
pub(super) struct Announcement {
    introduction: Introduction,
    tenure: Tenure,
    told: Arc<Service>,
    /// What services sent to it meanwhile.
    deferred: Vec<Command>,
}

/// What an edge says of itself, and how long there is for it.
#[derive(Debug)]
pub(super) struct Introduction {
    meta: Arc<[u8]>,
    /// The id that it would like to have; 0 is none.
    wanted: u64,
    until: Instant,
    _arrival: Arrival,
}

impl Introduction {
    fn due(&self, now: Instant) -> Due {
        Due::within(now, self.until.saturating_duration_since(now))
    }
}

impl EdgeLink {
    pub(super) fn introduce(&mut self, conn: &mut Conn, now: Instant, frame: ConnFrame) {
        if self.shared.exchange.is_draining() {
            return self.turn_away(conn, now);
        }
        let State::Unknown(arrival) = std::mem::replace(&mut self.state, State::Gone) else {
            unreachable!("a second Conn closes the connection")
        };
        let introduction = Introduction {
            meta: frame.data.meta.into(),
            wanted: frame.wanted.0,
            until: now + PATIENCE,
            _arrival: arrival,
        };
        match self.shared.exchange.grace.until(now) {
            Some(until) => self.state = State::Held(introduction, until),
            None => self.name(conn, now, introduction),
        }
    }

    /// No edge is held back any longer.
    pub(super) fn proceed(&mut self, conn: &mut Conn, now: Instant) {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Held(introduction, _) => self.name(conn, now, introduction),
            state => self.state = state,
        }
    }

    /// Asks a service for the edge's id, or finds one here.
    fn name(&mut self, conn: &mut Conn, now: Instant, introduction: Introduction) {
        let exchange = &self.shared.exchange;
        let key = exchange.chooser.random();
        let named = exchange.directory.services.for_method(GET_EDGE_ID.as_bytes(), key);
        match named {
            Some(service) => {
                let due = introduction.due(now);
                let reply = HookReply::new(&self.port.handle, HookStage::Name);
                call_hook(&service, GET_EDGE_ID, &introduction.meta, due, reply);
                self.state = State::Naming(introduction);
            }
            None => {
                let terms = self.shared.terms();
                if terms.allocate_ids {
                    let wanted = if terms.honour_wanted_id { introduction.wanted } else { 0 };
                    self.claim(conn, now, introduction, wanted);
                } else {
                    self.refuse(conn, now, RouteError::NoService.text());
                }
            }
        }
    }

    /// Claims `id`, or a fresh one if it is 0.
    fn claim(&mut self, conn: &mut Conn, now: Instant, introduction: Introduction, id: u64) {
        let exchange = &self.shared.exchange;
        let id = EdgeId(if id == 0 { exchange.allot_id() } else { id });
        match exchange.directory.edges.claim(id, &self.port.handle, self.port.peer) {
            Claim::Granted(tenure) => self.announce(conn, now, introduction, tenure),
            Claim::Waiting => self.state = State::Claiming(introduction, id),
        }
    }

    fn announce(&mut self, conn: &mut Conn, now: Instant, introduction: Introduction, tenure: Tenure) {
        let Some(told) = self.hook_service(EDGE_ONLINE, tenure.id()) else {
            return self.admit(conn, now, introduction.meta, tenure, None, Vec::new());
        };
        let body = presence_body(tenure.id(), &introduction.meta, self.port.peer);
        let reply = HookReply::new(&self.port.handle, HookStage::Announce);
        call_hook(&told, EDGE_ONLINE, &body, introduction.due(now), reply);
        let deferred = Vec::new();
        self.state = State::Announcing(Box::new(Announcement { introduction, tenure, told, deferred }));
    }

    /// The service that is told of this edge's coming and going.
    fn hook_service(&self, method: &str, id: EdgeId) -> Option<Arc<Service>> {
        let exchange = &self.shared.exchange;
        let key = exchange.chooser.key(id, self.port.peer);
        exchange.directory.services.for_method(method.as_bytes(), key)
    }

    pub(super) fn on_hook(&mut self, conn: &mut Conn, now: Instant, stage: HookStage, result: Result<Bytes, Box<str>>) {
        match (std::mem::replace(&mut self.state, State::Gone), stage, result) {
            (State::Naming(introduction), HookStage::Name, Ok(id)) => match id[..].try_into() {
                Ok(id) => self.claim(conn, now, introduction, u64::from_be_bytes(id)),
                Err(_) => self.refuse(conn, now, RouteError::IllegalEdgeId.text()),
            },
            (State::Naming(_), HookStage::Name, Err(error)) => self.refuse(conn, now, &error),
            (State::Announcing(announcement), HookStage::Announce, Ok(_)) => {
                let Announcement { introduction, tenure, told, deferred } = *announcement;
                self.admit(conn, now, introduction.meta, tenure, Some(told), deferred);
            }
            (State::Announcing(announcement), HookStage::Announce, Err(error)) => {
                let Announcement { introduction, tenure, told, .. } = *announcement;
                // Only the handler's own word proves that the service does not believe the edge to be online.
                let unknown = [RouteError::Timeout.text(), RouteError::ForceClosed.text()].contains(&&*error);
                if unknown {
                    self.depart(now, &introduction.meta, tenure, Some(told));
                }
                self.refuse(conn, now, &error);
            }
            (state, ..) => self.state = state,
        }
    }

    pub(super) fn on_turn(&mut self, conn: &mut Conn, now: Instant, tenure: Tenure) {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Claiming(introduction, _) => self.announce(conn, now, introduction, tenure),
            // Given up meanwhile: dropping the tenure passes the id on.
            state => self.state = state,
        }
    }

    fn admit(
        &mut self,
        conn: &mut Conn,
        now: Instant,
        meta: Arc<[u8]>,
        tenure: Tenure,
        told: Option<Arc<Service>>,
        deferred: Vec<Command>,
    ) {
        let id = tenure.id();
        conn.accept(now, ClientId::from(id));
        let exchange = &self.shared.exchange;
        let metrics = exchange.metrics.side(Side::Edge);
        metrics.admission(Admission::Admitted);
        metrics.link_begins(self.port.transport);
        let peer = self.port.peer;
        let generation = tenure.generation();
        let online = Online { meta, tenure, told, generation, since: unix_time() };
        exchange.presence.tell(|| online.change(peer));
        debug!(edge = %id, %peer, "edge online");
        self.state = State::Online(online);
        for command in deferred {
            self.port.on_command(conn, now, command);
        }
    }

    /// Keeps what services send to an edge that is being announced until it is acked.
    pub(super) fn defer(&mut self, command: Command) -> Option<Command> {
        match (&mut self.state, command) {
            (
                State::Announcing(announcement),
                command @ (Command::Forward(_) | Command::Open { .. } | Command::Cancel(_)),
            ) => {
                // Beyond the bound it is dropped, which answers it.
                if announcement.deferred.len() < MAX_DEFERRED {
                    announcement.deferred.push(command);
                }
                None
            }
            (_, command) => Some(command),
        }
    }

    pub(super) fn refuse(&mut self, conn: &mut Conn, now: Instant, error: &str) {
        info!(peer = %self.port.peer, reason = ?error, "edge refused");
        self.refuse_silently(conn, now, error);
    }

    /// Refuses an edge about which the log has a line already.
    fn refuse_silently(&mut self, conn: &mut Conn, now: Instant, error: &str) {
        self.state = State::Gone;
        conn.refuse(now, error);
        self.shared.exchange.metrics.side(Side::Edge).admission(Admission::Refused);
    }

    /// A newcomer, from the address `by`, was given this link's id.
    pub(super) fn displace(&mut self, conn: &mut Conn, now: Instant, by: SocketAddr) {
        let id = match &self.state {
            State::Online(online) => online.tenure.id(),
            State::Announcing(announcement) => announcement.tenure.id(),
            State::Claiming(_, id) => *id,
            State::Unknown(_) | State::Held(..) | State::Naming(_) | State::Gone => return,
        };
        let exchange = &self.shared.exchange;
        exchange.metrics.side(Side::Edge).takeovers.inc();
        exchange.takeovers.note(now, Takeover { side: Side::Edge, id: id.0, old: self.port.peer, new: by });
        let online = matches!(self.state, State::Online(_));
        self.gone(now);
        self.port.ended(format!("displaced by a newcomer from {by}"));
        if online {
            conn.abort();
        } else {
            self.refuse_silently(conn, now, "please connect later");
        }
    }

    /// Somebody who watches over the links wants this one to go.
    pub(super) fn kick(&mut self, conn: &mut Conn, now: Instant, done: oneshot::Sender<()>) {
        let State::Online(Online { tenure, .. }) = &self.state else { return };
        info!(edge = %tenure.id(), peer = %self.port.peer, "edge kicked");
        self.gone(now);
        self.port.ended("kicked");
        self.port.cut(conn, now);
        // Whoever has asked may have gone.
        let _ = done.send(());
    }

    /// The gateway stops before this edge was let in: it is refused if it has said who it is, and the link ends.
    pub(super) fn turn_away(&mut self, conn: &mut Conn, now: Instant) {
        self.gone(now);
        self.refuse(conn, now, RouteError::ShuttingDown.text());
        conn.abort();
    }

    pub(super) fn admission_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Held(introduction, until) => Some(introduction.until.min(*until)),
            State::Naming(introduction) | State::Claiming(introduction, _) => Some(introduction.until),
            State::Announcing(announcement) => Some(announcement.introduction.until),
            _ => None,
        }
    }

    pub(super) fn on_admission_timeout(&mut self, conn: &mut Conn, now: Instant) {
        if let State::Held(introduction, _) = &self.state
            && now < introduction.until
        {
            return self.proceed(conn, now);
        }
        self.gone(now);
        self.refuse(conn, now, RouteError::Timeout.text());
    }

    /// Leaves every table and tells presence, at whatever point the link ends.
    pub(super) fn gone(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Online(Online { meta, tenure, told, generation, since }) => {
                let exchange = &self.shared.exchange;
                exchange.metrics.side(Side::Edge).link_ends(self.port.transport);
                let edge = tenure.id();
                tenure.leave();
                exchange.presence.tell(|| Change::EdgeOffline(edge, generation));
                self.port.gone(Peer::Edge(edge), &meta, since);
                debug!(%edge, peer = %self.port.peer, "edge offline");
                self.depart(now, &meta, tenure, told);
            }
            State::Announcing(announcement) => {
                let Announcement { introduction, tenure, told, .. } = *announcement;
                self.depart(now, &introduction.meta, tenure, Some(told));
            }
            _ => {}
        }
    }

    /// What this link says of itself, if it is online.
    pub(super) fn report(&self, conn: &Conn, now: Instant) -> Option<LinkReport> {
        let State::Online(Online { meta, tenure, generation, since, .. }) = &self.state else { return None };
        Some(LinkReport {
            peer: Peer::Edge(tenure.id()),
            generation: *generation,
            label: Text::from_bytes(Arc::clone(meta)),
            addr: self.port.peer,
            transport: self.port.transport,
            since: *since,
            heartbeat_age: now.saturating_duration_since(conn.last_heartbeat()),
            traffic: self.port.traffic,
            methods: self.offered.to_vec(),
            topics: Vec::new(),
        })
    }

    /// Tells the service that was told of the edge's coming, if it is still there, else one chosen like it, that the edge
    /// is gone. The id passes on when it has answered.
    fn depart(&self, now: Instant, meta: &[u8], tenure: Tenure, told: Option<Arc<Service>>) {
        tenure.leave();
        let services = &self.shared.exchange.directory.services;
        let still = told.filter(|service| services.offers(service, EDGE_OFFLINE.as_bytes()));
        if let Some(service) = still.or_else(|| self.hook_service(EDGE_OFFLINE, tenure.id())) {
            let body = presence_body(tenure.id(), meta, self.port.peer);
            tell_offline(&service, &body, now, tenure);
        }
    }
}

fn presence_body(edge: EdgeId, meta: &[u8], peer: SocketAddr) -> Vec<u8> {
    let body = PresenceBody { edge: edge.0, meta: meta.to_vec(), net: "tcp".to_owned(), addr: peer.to_string() };
    let mut text = Vec::new();
    body.encode(&mut text);
    text
}
