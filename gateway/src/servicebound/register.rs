//! What makes a connection a service: its name and topics, its id, its methods.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use dao::{Change, Service as Row, ServiceRpc, ServiceTopic, Text};
use proto::body::{EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID, ServiceMeta};
use proto::id::{ClientId, ServiceId, SessionId};
use proto::wire::Conn as ConnFrame;
use tokio::sync::oneshot;
use tracing::{debug, info};

use super::serve::ServiceLink;
use crate::directory::Service;
use crate::exchange::{Conn, RouteError};
use crate::limits::Bound;
use crate::metrics::{Admission, Side};
use crate::presence::{LinkReport, Offered, Peer, unix_time};
use crate::takeovers::Takeover;

/// Methods that the gateway itself calls.
const HOOKS: [&str; 3] = [GET_EDGE_ID, EDGE_ONLINE, EDGE_OFFLINE];

impl ServiceLink {
    pub(super) fn introduce(&mut self, conn: &mut Conn, now: Instant, frame: &ConnFrame) {
        if self.shared.exchange.is_draining() {
            self.refuse(conn, now, RouteError::ShuttingDown.text());
            return conn.abort();
        }
        let meta = match ServiceMeta::decode(&frame.data.meta) {
            Ok(meta) => meta,
            Err(error) => {
                let text = format!("bad service meta, expected {{\"service\":\"name\",\"topics\":[..]}}: {error}");
                return self.refuse(conn, now, &text);
            }
        };
        let exchange = &self.shared.exchange;
        let id = ServiceId(if frame.wanted.is_none() { exchange.allot_id() } else { frame.wanted.0 });
        let service =
            Service { id, name: meta.service.as_str().into(), peer: self.port.peer, handle: self.port.handle.clone() };
        let registration = exchange.directory.services.register(service, &meta);
        conn.accept(now, ClientId::from(id));
        let metrics = exchange.metrics.side(Side::Service);
        metrics.admission(Admission::Admitted);
        metrics.link_begins(self.port.transport);
        let peer = self.port.peer;
        let (generation, now) = (registration.generation(), unix_time());
        exchange.presence.tell(|| {
            let (name, addr) = (meta.service.as_str().into(), peer.to_string().into());
            Change::ServiceOnline(Row { id, name, addr, create_time: now }, generation)
        });
        for topic in registration.topics() {
            let row = || ServiceTopic { topic: topic.into(), service: id, create_time: now };
            exchange.presence.tell(|| Change::ServiceTopic(row(), generation));
        }
        self.registration = Some(registration);
        self.since = now;
        info!(service = %id, name = ?meta.service, topics = ?meta.topics, %peer, "service online");
    }

    fn refuse(&self, conn: &mut Conn, now: Instant, error: &str) {
        conn.refuse(now, error);
        self.shared.exchange.metrics.side(Side::Service).admission(Admission::Refused);
        info!(peer = %self.port.peer, reason = ?error, "service refused");
    }

    /// Methods count on session 1; what is registered inside a stream is between its two ends.
    pub(super) fn on_registered(&mut self, session: SessionId, method: &[u8]) {
        let Some(registration) = &mut self.registration else { return };
        if session != SessionId::MAIN {
            return;
        }
        let exchange = &self.shared.exchange;
        let (service, generation, now) = (registration.service().id, registration.generation(), unix_time());
        let most = self.shared.terms().max_registrations;
        if registration.offer(method, now, most) {
            debug!(%service, method = ?String::from_utf8_lossy(method), "method registered");
            let row = || ServiceRpc { rpc: Text::from_bytes(method.into()), service, create_time: now };
            exchange.presence.tell(|| Change::ServiceRpc(row(), generation));
            if HOOKS.iter().any(|hook| hook.as_bytes() == method) {
                exchange.grace.end(&exchange.directory.arrivals);
            }
        } else {
            let told = format_args!("method ignored, service {service} has {most} or its name is above 4096 bytes");
            exchange.overruns.note(&exchange.metrics, Side::Service, Bound::Registrations, self.port.peer, told);
        }
    }

    /// What this link says of itself, if it is online.
    pub(super) fn report(&self, conn: &Conn, now: Instant) -> Option<LinkReport> {
        let registration = self.registration.as_ref()?;
        let Service { id, name, .. } = &**registration.service();
        let methods =
            registration.methods().map(|(method, since)| Offered { name: Text::from_bytes(method.into()), since });
        let topics = registration.topics().map(|topic| Offered { name: topic.into(), since: self.since });
        Some(LinkReport {
            peer: Peer::Service(*id),
            generation: registration.generation(),
            label: Text::from(&**name),
            addr: self.port.peer,
            transport: self.port.transport,
            since: self.since,
            heartbeat_age: now.saturating_duration_since(conn.last_heartbeat()),
            traffic: self.port.traffic,
            methods: methods.collect(),
            topics: topics.collect(),
        })
    }

    /// Somebody who watches over the links wants this one to go.
    pub(super) fn kick(&mut self, conn: &mut Conn, now: Instant, done: oneshot::Sender<()>) {
        let Some(registration) = &self.registration else { return };
        let Service { id, name, .. } = &**registration.service();
        info!(service = %id, ?name, peer = %self.port.peer, "service kicked");
        self.gone();
        self.port.ended("kicked");
        self.port.cut(conn, now);
        // Whoever has asked may have gone.
        let _ = done.send(());
    }

    /// A newcomer, from the address `by`, has taken this link's id.
    pub(super) fn displace(&mut self, conn: &mut Conn, now: Instant, by: SocketAddr) {
        if let Some(registration) = &self.registration {
            let (id, exchange) = (registration.service().id.0, &self.shared.exchange);
            exchange.metrics.side(Side::Service).takeovers.inc();
            exchange.takeovers.note(now, Takeover { side: Side::Service, id, old: self.port.peer, new: by });
        }
        self.gone();
        self.port.ended(format!("displaced by a newcomer from {by}"));
        conn.abort();
    }

    /// Leaves every table and tells presence, at whatever point the link ends.
    pub(super) fn gone(&mut self) {
        if let Some(registration) = self.registration.take() {
            let (service, generation) = (Arc::clone(registration.service()), registration.generation());
            drop(registration);
            let exchange = &self.shared.exchange;
            exchange.metrics.side(Side::Service).link_ends(self.port.transport);
            exchange.presence.tell(|| Change::ServiceOffline(service.id, generation));
            self.port.gone(Peer::Service(service.id), service.name.as_bytes(), self.since);
            info!(service = %service.id, name = ?service.name, peer = %service.peer, "service offline");
        }
    }
}
