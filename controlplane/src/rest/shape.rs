//! Messages as JSON: every field is there, 64-bit numbers are text, since many readers of JSON round those beyond 2^53.

use api::controlplane::{
    Bridge, ClosedLink, Edge, EdgeDetails, Info, KickEdgeResponse, KickServiceResponse, Link, ListBridgesResponse,
    ListClosedLinksResponse, ListEdgeRpCsResponse, ListEdgesResponse, ListServiceRpCsResponse,
    ListServiceTopicsResponse, ListServicesResponse, Service, ServiceDetails, Side, Totals, Traffic,
};
use serde_json::{Value, json};

/// What has a form in JSON.
pub(super) trait Shape {
    /// That form.
    fn json(&self) -> Value;
}

impl<T: Shape> Shape for Vec<T> {
    fn json(&self) -> Value {
        self.iter().map(Shape::json).collect()
    }
}

impl<T: Shape> Shape for Option<T> {
    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Shape::json)
    }
}

impl Shape for Edge {
    fn json(&self) -> Value {
        let Self { edge_id, meta, addr, create_time } = self;
        json!({ "edge_id": edge_id.to_string(), "meta": meta, "addr": addr, "create_time": create_time.to_string() })
    }
}

impl Shape for Service {
    fn json(&self) -> Value {
        let Self { service_id, service, addr, create_time } = self;
        json!({
            "service_id": service_id.to_string(),
            "service": service,
            "addr": addr,
            "create_time": create_time.to_string(),
        })
    }
}

/// Without `next`, which stands in a header: the Go gateway's answer has two keys.
impl Shape for ListEdgesResponse {
    fn json(&self) -> Value {
        json!({ "edges": self.edges.json(), "count": self.count })
    }
}

impl Shape for ListServicesResponse {
    fn json(&self) -> Value {
        json!({ "services": self.services.json(), "count": self.count })
    }
}

impl Shape for ListEdgeRpCsResponse {
    fn json(&self) -> Value {
        json!({ "rpcs": self.rpcs, "count": self.count })
    }
}

impl Shape for ListServiceRpCsResponse {
    fn json(&self) -> Value {
        json!({ "rpcs": self.rpcs, "count": self.count })
    }
}

impl Shape for ListServiceTopicsResponse {
    fn json(&self) -> Value {
        json!({ "topics": self.topics, "count": self.count })
    }
}

impl Shape for KickEdgeResponse {
    fn json(&self) -> Value {
        json!({})
    }
}

impl Shape for KickServiceResponse {
    fn json(&self) -> Value {
        json!({})
    }
}

impl Shape for EdgeDetails {
    fn json(&self) -> Value {
        let Self { edge, link, rpcs, rpc_count } = self;
        json!({ "edge": edge.json(), "link": link.json(), "rpcs": rpcs, "rpc_count": rpc_count })
    }
}

impl Shape for ServiceDetails {
    fn json(&self) -> Value {
        let Self { service, link, rpcs, rpc_count, topics, topic_count } = self;
        json!({
            "service": service.json(),
            "link": link.json(),
            "rpcs": rpcs,
            "rpc_count": rpc_count,
            "topics": topics,
            "topic_count": topic_count,
        })
    }
}

impl Shape for Link {
    fn json(&self) -> Value {
        json!({
            "transport": self.transport,
            "peer": self.peer,
            "connected_since": self.connected_since.to_string(),
            "heartbeat_age_ms": self.heartbeat_age_ms.to_string(),
            "traffic": self.traffic.json(),
        })
    }
}

impl Shape for Traffic {
    fn json(&self) -> Value {
        json!({
            "bytes_in": self.bytes_in.to_string(),
            "bytes_out": self.bytes_out.to_string(),
            "calls_in": self.calls_in.to_string(),
            "calls_out": self.calls_out.to_string(),
            "messages_in": self.messages_in.to_string(),
            "messages_out": self.messages_out.to_string(),
        })
    }
}

impl Shape for ClosedLink {
    fn json(&self) -> Value {
        json!({
            "kind": self.kind,
            "id": self.id.to_string(),
            "label": self.label,
            "peer": self.peer,
            "connected_since": self.connected_since.to_string(),
            "closed_at": self.closed_at.to_string(),
            "reason": self.reason,
            "traffic": self.traffic.json(),
        })
    }
}

impl Shape for ListClosedLinksResponse {
    fn json(&self) -> Value {
        json!({ "links": self.links.json() })
    }
}

impl Shape for Bridge {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "reason": self.reason,
            "since_ms": self.since_ms.to_string(),
            "matched": self.matched.to_string(),
            "delivered": self.delivered.to_string(),
            "failed": self.failed.to_string(),
            "dropped": self.dropped.to_string(),
            "queued": self.queued.to_string(),
            "in_flight": self.in_flight.to_string(),
            "retried": self.retried.to_string(),
            "late": self.late.to_string(),
            "bytes": self.bytes.to_string(),
        })
    }
}

impl Shape for ListBridgesResponse {
    fn json(&self) -> Value {
        json!({ "bridges": self.bridges.json() })
    }
}

impl Shape for Side {
    fn json(&self) -> Value {
        json!({
            "online": self.online.to_string(),
            "admitted": self.admitted.to_string(),
            "displaced": self.displaced.to_string(),
            "bytes_in": self.bytes_in.to_string(),
            "bytes_out": self.bytes_out.to_string(),
            "calls": self.calls.to_string(),
            "messages": self.messages.to_string(),
        })
    }
}

impl Shape for Totals {
    fn json(&self) -> Value {
        json!({ "edges": self.edges.json(), "services": self.services.json() })
    }
}

impl Shape for Info {
    fn json(&self) -> Value {
        json!({
            "version": self.version,
            "started_at_ms": self.started_at_ms.to_string(),
            "uptime_ms": self.uptime_ms.to_string(),
            "config_digest": self.config_digest,
            "node": self.node,
            "draining": self.draining,
            "dao": self.dao,
        })
    }
}
