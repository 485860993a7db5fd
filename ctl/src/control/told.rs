//! One edge, one service, bridges, links that have ended, the gateway itself.

use api::controlplane::{
    Bridge, ClosedLink, GetEdgeRequest, GetInfoRequest, GetServiceRequest, GetTotalsRequest, Info, Link,
    ListBridgesRequest, ListClosedLinksRequest, Side, Totals, Traffic,
};
use serde_json::{Value, json};

use super::Client;
use super::lists::{edge_fields, service_fields};
use super::table::{age, bytes, cell, span};
use crate::failure::Failure;
use crate::output::{Fields, Output, fields};

/// How many.
#[derive(Debug, clap::Args)]
pub(crate) struct ClosedArgs {
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
}

/// Tells of an edge.
pub(super) async fn edge(mut client: Client, id: u64, output: Output) -> Result<(), Failure> {
    let details = client.describe_edge(GetEdgeRequest { edge_id: id }).await?.into_inner();
    let (edge, link) = (details.edge.unwrap_or_default(), details.link.unwrap_or_default());
    if output.is_json() {
        let mut told = edge_fields(&edge);
        told.insert("link".to_owned(), link_json(&link));
        told.insert("rpcs".to_owned(), json!(details.rpcs));
        told.insert("rpc_count".to_owned(), json!(details.rpc_count));
        return output.object(told);
    }
    let mut lines = vec![("edge", edge.edge_id.to_string()), ("meta", cell(&edge.meta))];
    lines.extend(link_lines(&link));
    lines.push(("methods", names(&details.rpcs, details.rpc_count)));
    output.lines(&lines)
}

/// Tells of a service.
pub(super) async fn service(mut client: Client, id: u64, output: Output) -> Result<(), Failure> {
    let details = client.describe_service(GetServiceRequest { service_id: id }).await?.into_inner();
    let (service, link) = (details.service.unwrap_or_default(), details.link.unwrap_or_default());
    if output.is_json() {
        let mut told = service_fields(&service);
        told.insert("link".to_owned(), link_json(&link));
        told.insert("rpcs".to_owned(), json!(details.rpcs));
        told.insert("rpc_count".to_owned(), json!(details.rpc_count));
        told.insert("topics".to_owned(), json!(details.topics));
        told.insert("topic_count".to_owned(), json!(details.topic_count));
        return output.object(told);
    }
    let mut lines = vec![("service", service.service_id.to_string()), ("name", cell(&service.service))];
    lines.extend(link_lines(&link));
    lines.push(("methods", names(&details.rpcs, details.rpc_count)));
    lines.push(("topics", names(&details.topics, details.topic_count)));
    output.lines(&lines)
}

/// Lists bridges.
pub(super) async fn bridges(mut client: Client, output: Output) -> Result<(), Failure> {
    let bridges = client.list_bridges(ListBridgesRequest {}).await?.into_inner().bridges;
    let head = ["NAME", "KIND", "STATE", "MATCHED", "DELIVERED", "FAILED", "DROPPED", "QUEUED", "IN FLIGHT", "WHY"];
    output.rows(0, head, &bridges, bridge_cells, bridge_fields)
}

/// Lists links that have ended.
pub(super) async fn closed(mut client: Client, args: &ClosedArgs, output: Output) -> Result<(), Failure> {
    let links = client.list_closed_links(ListClosedLinksRequest { limit: args.limit }).await?.into_inner().links;
    output.rows(0, ["KIND", "ID", "ADDRESS", "ENDED", "LABEL", "WHY"], &links, closed_cells, closed_fields)
}

/// Tells what the gateway is.
pub(super) async fn info(mut client: Client, output: Output) -> Result<(), Failure> {
    let info = client.get_info(GetInfoRequest {}).await?.into_inner();
    let totals = client.get_totals(GetTotalsRequest {}).await?.into_inner();
    if output.is_json() {
        let mut told = info_fields(&info);
        told.insert("totals".to_owned(), totals_json(&totals));
        return output.object(told);
    }
    let (edges, services) = (totals.edges.unwrap_or_default(), totals.services.unwrap_or_default());
    output.lines(&[
        ("version", info.version.clone()),
        ("uptime", uptime(&info)),
        ("draining", if info.draining { "yes" } else { "no" }.to_owned()),
        ("node", info.node.clone()),
        ("records", info.dao.clone()),
        ("config", info.config_digest.clone()),
        ("edges", side_text(&edges)),
        ("services", side_text(&services)),
    ])
}

pub(super) fn uptime(info: &Info) -> String {
    span(u64::try_from(info.uptime_ms).unwrap_or(0) / 1000)
}

fn side_text(side: &Side) -> String {
    let Side { online, admitted, displaced, bytes_in, bytes_out, calls, messages } = *side;
    format!(
        "{online} online, {admitted} admitted, {displaced} displaced, {calls} calls, {messages} messages, {} in, {} out",
        bytes(bytes_in),
        bytes(bytes_out)
    )
}

/// The names, as many as came.
fn names(names: &[String], count: i32) -> String {
    let shown: Vec<String> = names.iter().map(|name| cell(name)).collect();
    let more = usize::try_from(count).unwrap_or(0).saturating_sub(names.len());
    match more {
        0 => shown.join(", "),
        _ => format!("{}, and {more} more", shown.join(", ")),
    }
}

fn link_lines(link: &Link) -> Vec<(&'static str, String)> {
    let traffic = link.traffic.unwrap_or_default();
    let heard = u64::try_from(link.heartbeat_age_ms).unwrap_or(0) / 1000;
    vec![
        ("address", link.peer.clone()),
        ("transport", link.transport.clone()),
        ("online for", age(link.connected_since)),
        ("heartbeat", format!("{} ago", span(heard))),
        ("in", format!("{}, {} calls, {} messages", bytes(traffic.bytes_in), traffic.calls_in, traffic.messages_in)),
        (
            "out",
            format!("{}, {} calls, {} messages", bytes(traffic.bytes_out), traffic.calls_out, traffic.messages_out),
        ),
    ]
}

fn link_json(link: &Link) -> Value {
    json!({
        "transport": link.transport,
        "peer": link.peer,
        "connected_since": link.connected_since.to_string(),
        "heartbeat_age_ms": link.heartbeat_age_ms.to_string(),
        "traffic": traffic_json(link.traffic.unwrap_or_default()),
    })
}

fn traffic_json(traffic: Traffic) -> Value {
    json!({
        "bytes_in": traffic.bytes_in.to_string(),
        "bytes_out": traffic.bytes_out.to_string(),
        "calls_in": traffic.calls_in.to_string(),
        "calls_out": traffic.calls_out.to_string(),
        "messages_in": traffic.messages_in.to_string(),
        "messages_out": traffic.messages_out.to_string(),
    })
}

fn bridge_cells(bridge: &Bridge) -> [String; 10] {
    let numbers = [bridge.matched, bridge.delivered, bridge.failed, bridge.dropped, bridge.queued, bridge.in_flight];
    let [matched, delivered, failed, dropped, queued, in_flight] = numbers.map(|number| number.to_string());
    let (name, kind, state) = (cell(&bridge.name), bridge.kind.clone(), bridge.state.clone());
    [name, kind, state, matched, delivered, failed, dropped, queued, in_flight, cell(&bridge.reason)]
}

pub(super) fn bridge_fields(bridge: &Bridge) -> Fields {
    fields([
        ("name", bridge.name.as_str().into()),
        ("kind", bridge.kind.as_str().into()),
        ("state", bridge.state.as_str().into()),
        ("reason", bridge.reason.as_str().into()),
        ("since_ms", bridge.since_ms.to_string().into()),
        ("matched", bridge.matched.to_string().into()),
        ("delivered", bridge.delivered.to_string().into()),
        ("failed", bridge.failed.to_string().into()),
        ("dropped", bridge.dropped.to_string().into()),
        ("queued", bridge.queued.to_string().into()),
        ("in_flight", bridge.in_flight.to_string().into()),
        ("retried", bridge.retried.to_string().into()),
        ("late", bridge.late.to_string().into()),
        ("bytes", bridge.bytes.to_string().into()),
    ])
}

fn closed_cells(link: &ClosedLink) -> [String; 6] {
    let (kind, id, ended) = (link.kind.clone(), link.id.to_string(), format!("{} ago", age(link.closed_at)));
    [kind, id, link.peer.clone(), ended, cell(&link.label), cell(&link.reason)]
}

fn closed_fields(link: &ClosedLink) -> Fields {
    fields([
        ("kind", link.kind.as_str().into()),
        ("id", link.id.to_string().into()),
        ("label", link.label.as_str().into()),
        ("peer", link.peer.as_str().into()),
        ("connected_since", link.connected_since.to_string().into()),
        ("closed_at", link.closed_at.to_string().into()),
        ("reason", link.reason.as_str().into()),
        ("traffic", traffic_json(link.traffic.unwrap_or_default())),
    ])
}

fn info_fields(info: &Info) -> Fields {
    fields([
        ("version", info.version.as_str().into()),
        ("started_at_ms", info.started_at_ms.to_string().into()),
        ("uptime_ms", info.uptime_ms.to_string().into()),
        ("config_digest", info.config_digest.as_str().into()),
        ("node", info.node.as_str().into()),
        ("draining", info.draining.into()),
        ("dao", info.dao.as_str().into()),
    ])
}

pub(super) fn totals_json(totals: &Totals) -> Value {
    let side = |side: Option<Side>| {
        let side = side.unwrap_or_default();
        json!({
            "online": side.online.to_string(),
            "admitted": side.admitted.to_string(),
            "displaced": side.displaced.to_string(),
            "bytes_in": side.bytes_in.to_string(),
            "bytes_out": side.bytes_out.to_string(),
            "calls": side.calls.to_string(),
            "messages": side.messages.to_string(),
        })
    };
    json!({ "edges": side(totals.edges), "services": side(totals.services) })
}

impl Output {
    /// Names and what they say, below each other.
    fn lines(self, lines: &[(&str, String)]) -> Result<(), Failure> {
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let text: String = lines.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
        self.bytes(text.as_bytes())
    }
}
