//! What the running gateway tells: links, bridges, sums, itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::controlplane::{
    Bridge, ClosedLink, EdgeDetails, GetEdgeRequest, GetServiceRequest, Info, Link, ListBridgesResponse,
    ListClosedLinksRequest, ListClosedLinksResponse, ServiceDetails, Side, Totals,
};
use proto::id::{EdgeId, ServiceId};

use super::Operations;
use crate::failure::Failure;
use crate::running::{self, BridgeState};

/// Links that have ended, where nobody says how many.
const CLOSED: usize = 100;

/// The most of them.
const MAX_CLOSED: usize = 1000;

impl Operations {
    pub(crate) async fn describe_edge(&self, request: GetEdgeRequest) -> Result<EdgeDetails, Failure> {
        let id = EdgeId(request.edge_id);
        let edge = self.get_edge(request).await?;
        let (rpcs, rpc_count) = self.rpcs_of_edge(id).await?;
        let link = self.running.edge(id).await.ok_or(Failure::NotFound)?;
        Ok(EdgeDetails { edge: Some(edge), link: Some(link.into()), rpcs, rpc_count })
    }

    pub(crate) async fn describe_service(&self, request: GetServiceRequest) -> Result<ServiceDetails, Failure> {
        let id = ServiceId(request.service_id);
        let service = self.get_service(request).await?;
        let (rpcs, rpc_count) = self.rpcs_of_service(id).await?;
        let (topics, topic_count) = self.topics_of_service(id).await?;
        let link = self.running.service(id).await.ok_or(Failure::NotFound)?;
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
            transport: link.transport.word().to_owned(),
            peer: link.peer.to_string(),
            connected_since_ms: unix_millis(link.connected_since),
            last_heard_ms: millis(link.last_heard),
            last_heartbeat_ms: link.last_heartbeat.map(millis),
            bytes_in: link.bytes_in,
            bytes_out: link.bytes_out,
            messages_in: link.messages_in,
            messages_out: link.messages_out,
            streams: link.streams,
            queued_bytes: link.queued_bytes,
        }
    }
}

impl From<running::Closed> for ClosedLink {
    fn from(closed: running::Closed) -> Self {
        Self {
            kind: closed.kind.word().to_owned(),
            id: closed.id,
            label: closed.label.to_string(),
            peer: closed.peer.to_string(),
            connected_since_ms: unix_millis(closed.connected_since),
            closed_at_ms: unix_millis(closed.closed_at),
            reason: closed.reason.to_string(),
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
        let running::Side { online, admitted, refused, takeovers, bytes_in, bytes_out } = side;
        Self { online, admitted, refused, takeovers, bytes_in, bytes_out }
    }
}
