//! What the running gateway tells: links, bridges, sums, itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::controlplane::{
    Bridge, ClosedLink, Edge, EdgeDetails, GetEdgeRequest, GetServiceRequest, Info, Link, ListBridgesResponse,
    ListClosedLinksRequest, ListClosedLinksResponse, Service, ServiceDetails, Side, Totals, Traffic,
};
use proto::id::{EdgeId, ServiceId};

use super::Operations;
use crate::failure::Failure;
use crate::running::{self, BridgeState};

/// Links that have ended, where nobody says how many.
const CLOSED: usize = 100;

/// The most of them.
const MAX_CLOSED: usize = 1000;

/// Methods, or topics, of one link that are told.
const MAX_NAMES: usize = 1000;

/// Bytes of them.
const MAX_NAMES_BYTES: usize = 1024 * 1024;

impl Operations {
    pub(crate) async fn describe_edge(&self, request: GetEdgeRequest) -> Result<EdgeDetails, Failure> {
        let edge_id = request.edge_id;
        let link = self.running.edge(EdgeId(edge_id)).await.ok_or(Failure::NotFound)?;
        let (addr, create_time) = (link.peer.to_string(), link.connected_since);
        let edge = Edge { edge_id, meta: link.label.clone(), addr, create_time };
        let (rpcs, rpc_count) = first(link.rpcs.clone());
        Ok(EdgeDetails { edge: Some(edge), link: Some(link.into()), rpcs, rpc_count })
    }

    pub(crate) async fn describe_service(&self, request: GetServiceRequest) -> Result<ServiceDetails, Failure> {
        let service_id = request.service_id;
        let link = self.running.service(ServiceId(service_id)).await.ok_or(Failure::NotFound)?;
        let (addr, create_time) = (link.peer.to_string(), link.connected_since);
        let service = Service { service_id, service: link.label.clone(), addr, create_time };
        let ((rpcs, rpc_count), (topics, topic_count)) = (first(link.rpcs.clone()), first(link.topics.clone()));
        let (service, link) = (Some(service), Some(link.into()));
        Ok(ServiceDetails { service, link, rpcs, rpc_count, topics, topic_count })
    }

    pub(crate) fn closed_links(&self, request: ListClosedLinksRequest) -> ListClosedLinksResponse {
        let limit = usize::try_from(request.limit).ok().filter(|&limit| limit > 0).unwrap_or(CLOSED);
        let links = self.running.closed(limit.min(MAX_CLOSED));
        ListClosedLinksResponse { links: links.into_iter().map(ClosedLink::from).collect() }
    }

    pub(crate) fn bridges(&self) -> ListBridgesResponse {
        ListBridgesResponse { bridges: self.running.bridges().into_iter().map(Bridge::from).collect() }
    }

    pub(crate) fn totals(&self) -> Totals {
        let running::Totals { edges, services } = self.running.totals();
        Totals { edges: Some(edges.into()), services: Some(services.into()) }
    }

    pub(crate) fn info(&self) -> Info {
        let info = self.running.info();
        Info {
            version: info.version.to_owned(),
            started_at_ms: unix_millis(info.started_at),
            uptime_ms: millis(info.uptime),
            config_digest: info.config_digest,
            node: info.node,
            draining: info.draining,
            dao: info.dao.to_owned(),
        }
    }
}

/// The first names in their order, as many as fit, and how many there are.
fn first(mut names: Vec<String>) -> (Vec<String>, i32) {
    let count = i32::try_from(names.len()).unwrap_or(i32::MAX);
    names.sort_unstable();
    let mut bytes = 0;
    let fit = names.iter().take(MAX_NAMES).take_while(|name| {
        bytes += name.len();
        bytes <= MAX_NAMES_BYTES
    });
    let fit = fit.count();
    names.truncate(fit);
    (names, count)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970.
fn unix_millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}

impl From<running::Link> for Link {
    fn from(link: running::Link) -> Self {
        Self {
            transport: link.transport.to_owned(),
            peer: link.peer.to_string(),
            connected_since: link.connected_since,
            heartbeat_age_ms: millis(link.heartbeat_age),
            traffic: Some(link.traffic.into()),
        }
    }
}

impl From<running::Traffic> for Traffic {
    fn from(traffic: running::Traffic) -> Self {
        let running::Traffic { bytes_in, bytes_out, calls_in, calls_out, messages_in, messages_out } = traffic;
        Self { bytes_in, bytes_out, calls_in, calls_out, messages_in, messages_out }
    }
}

impl From<running::Closed> for ClosedLink {
    fn from(closed: running::Closed) -> Self {
        Self {
            kind: closed.kind.word().to_owned(),
            id: closed.id,
            label: closed.label.into(),
            peer: closed.peer.to_string(),
            connected_since: closed.connected_since,
            closed_at: closed.closed_at,
            reason: closed.reason.into(),
            traffic: Some(closed.traffic.into()),
        }
    }
}

impl From<running::Bridge> for Bridge {
    fn from(bridge: running::Bridge) -> Self {
        let running::Bridge { name, kind, state, since, counters } = bridge;
        let (state, reason) = match state {
            BridgeState::Connecting => ("connecting", String::new()),
            BridgeState::Up => ("up", String::new()),
            BridgeState::Down { reason } => ("down", reason),
        };
        Self {
            name,
            kind: kind.to_owned(),
            state: state.to_owned(),
            reason,
            since_ms: unix_millis(since),
            matched: counters.matched,
            delivered: counters.delivered,
            failed: counters.failed,
            dropped: counters.dropped,
            queued: counters.queued,
            in_flight: counters.in_flight,
            retried: counters.retried,
            late: counters.late,
            bytes: counters.bytes,
        }
    }
}

impl From<running::Side> for Side {
    fn from(side: running::Side) -> Self {
        let running::Side { online, admitted, displaced, bytes_in, bytes_out, calls, messages } = side;
        Self { online, admitted, displaced, bytes_in, bytes_out, calls, messages }
    }
}
