//! What makes a connection a service: its name and topics, its id, its methods.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use proto::body::{EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID, ServiceMeta};
use proto::id::{ClientId, ServiceId, SessionId};
use proto::wire::Conn as ConnFrame;
use tracing::{debug, info};

use super::serve::ServiceLink;
use crate::directory::Service;
use crate::exchange::{Conn, RouteError};
use crate::limits::Bound;
use crate::metrics::{Admission, Side};
use crate::presence::PresenceEvent;
use crate::takeovers::Takeover;
use crate::ways_in::Transport;

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
        self.registration = Some(exchange.directory.services.register(service, &meta));
        conn.accept(now, ClientId::from(id));
        let metrics = exchange.metrics.side(Side::Service);
        metrics.admission(Admission::Admitted);
        metrics.link_begins(Transport::Tcp);
        let peer = self.port.peer;
        exchange.presence.tell(|| PresenceEvent::ServiceOnline {
            service: id,
            name: meta.service.as_str().into(),
            topics: meta.topics.clone().into(),
            peer,
            at: std::time::SystemTime::now(),
        });
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
        let service = registration.service().id;
        let most = self.shared.terms().max_registrations;
        if registration.offer(method, most) {
            debug!(%service, method = ?String::from_utf8_lossy(method), "method registered");
            exchange.presence.tell(|| PresenceEvent::ServiceMethod { service, method: method.into() });
            if HOOKS.iter().any(|hook| hook.as_bytes() == method) {
                exchange.grace.end(&exchange.directory.arrivals);
            }
        } else {
            let told = format_args!("method ignored, service {service} has {most} or its name is above 4096 bytes");
            exchange.overruns.note(&exchange.metrics, Side::Service, Bound::Registrations, self.port.peer, told);
        }
    }

    /// A newcomer, from the address `by`, has taken this link's id.
    pub(super) fn displace(&mut self, conn: &mut Conn, now: Instant, by: SocketAddr) {
        if let Some(registration) = &self.registration {
            let (id, exchange) = (registration.service().id.0, &self.shared.exchange);
            exchange.metrics.side(Side::Service).takeovers.inc();
            exchange.takeovers.note(now, Takeover { side: Side::Service, id, old: self.port.peer, new: by });
        }
        self.gone();
        conn.abort();
    }

    /// Leaves every table and tells presence, at whatever point the link ends.
    pub(super) fn gone(&mut self) {
        if let Some(registration) = self.registration.take() {
            let service = Arc::clone(registration.service());
            drop(registration);
            let exchange = &self.shared.exchange;
            exchange.metrics.side(Side::Service).link_ends(Transport::Tcp);
            exchange.presence.tell(|| PresenceEvent::ServiceOffline { service: service.id });
            info!(service = %service.id, name = ?service.name, peer = %service.peer, "service offline");
        }
    }
}
