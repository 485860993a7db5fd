//! What a frame says, apart from the ids that every run allots anew.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::recording::Way;
use crate::raw::{Frame, kind};

/// Which kind of client a link belongs to: only a service's frames carry edge ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It dialled the edges' port.
    Edge,
    /// It dialled the services' port.
    Service,
}

/// Whose number an id is. Two runs of a conversation differ in these numbers and in nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// A packet, by the side that began the exchange: both count for themselves.
    Packet(Way),
    /// A session of a link.
    Session,
    /// A session that a client asks for, until the gateway has named it.
    Negotiate,
    /// An edge or service.
    Client,
    /// The port of an edge's own address.
    Port,
}

/// Where in a frame an id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The packet id of the header.
    Header,
    /// Eight bytes at an offset of the body.
    Fixed(usize),
    /// The last eight bytes of `custom`.
    Tail,
    /// The decimal text of `peer`.
    Peer,
    /// Within `value`.
    Value,
}

/// An id in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) space: Space,
    pub(super) number: u64,
    pub(super) place: Place,
}

/// A frame taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anatomy {
    pub(super) kind: u8,
    pub(super) ids: Vec<Id>,
    /// Everything else by name. Empty fields and times are left out: absent and zero mean the same.
    pub(super) says: BTreeMap<String, String>,
}

impl Anatomy {
    /// Takes `frame` apart, which went `way` on a link of `role`.
    #[must_use]
    #[track_caller]
    pub(super) fn of(frame: &Frame, way: Way, role: Role) -> Self {
        let mut anatomy = Self { kind: frame.kind, ids: Vec::new(), says: BTreeMap::new() };
        let from = if is_reply(frame.kind) { way.back() } else { way };
        anatomy.id(Space::Packet(from), frame.id, Place::Header);
        anatomy.fixed(frame, way);
        if let Some(json) = json(frame) {
            anatomy.body(frame, way, role, json);
        }
        anatomy
    }

    /// The session that the frame belongs to.
    pub(super) fn session(&self) -> Option<u64> {
        self.ids.iter().find(|id| id.space == Space::Session).map(|id| id.number)
    }

    fn id(&mut self, space: Space, number: u64, place: Place) {
        self.ids.push(Id { space, number, place });
    }

    fn say(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.says.insert(name.to_owned(), text);
        }
    }

    fn fixed(&mut self, frame: &Frame, way: Way) {
        let body = &frame.body;
        match frame.kind {
            kind::CONN => {
                self.say("flags", hex(&body[..2]));
                self.say("wanted", frame.number_at(2).to_string());
            }
            kind::CONN_ACK => {
                self.say("code", hex(&body[..1]));
                let client = frame.number_at(1);
                // A refusal allots no id: what stands there is part of what it says.
                match body[0] {
                    0 => self.id(Space::Client, client, Place::Fixed(1)),
                    _ => self.say("client", client.to_string()),
                }
            }
            kind::DIS_CONN_ACK => self.say("code", hex(&body[..1])),
            kind::DIS_CONN | kind::HEARTBEAT | kind::HEARTBEAT_ACK => {}
            kind::SESSION => {
                self.say("flags", hex(&body[..2]));
                let asks = body[1] & 0x10 != 0;
                let space = if asks { Space::Negotiate } else { Space::Session };
                self.id(space, frame.number_at(2), Place::Fixed(2));
            }
            kind::SESSION_ACK => {
                self.say("flags", hex(&body[..2]));
                let space = if way == Way::ToClient { Space::Negotiate } else { Space::Session };
                self.id(space, frame.number_at(2), Place::Fixed(2));
                self.id(Space::Session, frame.number_at(10), Place::Fixed(10));
            }
            _ => match frame.session() {
                1 => self.say("session", "1"),
                session => self.id(Space::Session, session, Place::Fixed(0)),
            },
        }
        match frame.kind {
            kind::REQUEST_CANCEL => self.say("reason", hex(&body[8..])),
            kind::REGISTER => self.say("method", String::from_utf8_lossy(&body[8..])),
            _ => {}
        }
    }

    fn body(&mut self, frame: &Frame, way: Way, role: Role, json: Map<String, Value>) {
        let tailed = role == Role::Service
            && matches!(frame.kind, kind::REQUEST | kind::MESSAGE)
            && self.says.contains_key("session");
        for (name, value) in json {
            match name.as_str() {
                // Times differ in every run.
                "deadline" | "context" => {}
                "custom" if tailed => self.custom(&decoded(&value)),
                "value" => self.value(frame, way, &decoded(&value)),
                "key" => self.say("key", String::from_utf8_lossy(&decoded(&value))),
                "meta" => self.say("meta", readable(&decoded(&value))),
                "custom" => self.say("custom", readable(&decoded(&value))),
                "peer" if role == Role::Service && way == Way::ToGateway => self.peer(text(&value)),
                "peer" | "topic" | "error" => self.say(&name, text(&value)),
                _ => self.say(&name, value.to_string()),
            }
        }
    }

    fn custom(&mut self, bytes: &[u8]) {
        match bytes.split_last_chunk::<8>() {
            Some((front, tail)) => {
                self.id(Space::Client, u64::from_be_bytes(*tail), Place::Tail);
                self.say("custom", readable(front));
            }
            None => self.say("custom", readable(bytes)),
        }
    }

    fn peer(&mut self, peer: &str) {
        match peer.parse() {
            Ok(edge) => self.id(Space::Client, edge, Place::Peer),
            Err(_) => self.say("peer", peer),
        }
    }

    /// The payload; in a hook's it carries ids.
    fn value(&mut self, frame: &Frame, way: Way, bytes: &[u8]) {
        let method = if matches!(frame.kind, kind::REQUEST | kind::RESPONSE) { frame.method() } else { String::new() };
        match (method.as_str(), frame.kind, way) {
            ("edge_online" | "edge_offline", kind::REQUEST, Way::ToClient) => self.presence(bytes),
            ("get_edge_id", kind::RESPONSE, Way::ToGateway) => match bytes.try_into().map(u64::from_be_bytes) {
                Ok(id) if id != 0 => self.id(Space::Client, id, Place::Value),
                _ => self.say("value", readable(bytes)),
            },
            _ => self.say("value", readable(bytes)),
        }
    }

    fn presence(&mut self, bytes: &[u8]) {
        let event: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let edge = event["EdgeID"].as_u64();
        let port = event["Str"].as_str().and_then(|addr| addr.rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
        let (Some(edge), Some(port)) = (edge, port) else { return self.say("value", readable(bytes)) };
        self.id(Space::Client, edge, Place::Value);
        self.id(Space::Port, port, Place::Value);
        for name in ["Meta", "Net"] {
            self.say(name, event[name].to_string());
        }
    }

    /// What differs between two frames of one kind, for people.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let names = self.says.keys().chain(other.says.keys()).collect::<std::collections::BTreeSet<_>>();
        let show =
            |says: &BTreeMap<String, String>, name| says.get(name).map_or("nothing".to_owned(), |text| cut(text));
        let differ = names.into_iter().filter(|name| self.says.get(*name) != other.says.get(*name));
        differ
            .map(|name| format!("{name}: {} instead of {}", show(&other.says, name), show(&self.says, name)))
            .collect()
    }
}

/// Whether frames of this kind answer another and carry its packet id.
#[must_use]
pub(super) fn is_reply(kind: u8) -> bool {
    matches!(
        kind,
        kind::CONN_ACK
            | kind::DIS_CONN_ACK
            | kind::HEARTBEAT_ACK
            | kind::SESSION_ACK
            | kind::DISMISS_ACK
            | kind::MESSAGE_ACK
            | kind::RESPONSE
            | kind::REGISTER_ACK
    )
}

/// The JSON of a frame whose kind has some.
fn json(frame: &Frame) -> Option<Map<String, Value>> {
    let none =
        [kind::DIS_CONN, kind::HEARTBEAT, kind::HEARTBEAT_ACK, kind::REQUEST_CANCEL, kind::STREAM, kind::REGISTER];
    if none.contains(&frame.kind) {
        return None;
    }
    match frame.json() {
        Value::Object(map) => Some(map),
        other => panic!("the body is {other}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn decoded(value: &Value) -> Vec<u8> {
    let text = text(value);
    STANDARD.decode(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// JSON in one form whatever its order and its empty lists, other text as it is, other bytes in hexadecimal.
fn readable(bytes: &[u8]) -> String {
    if let Ok(Value::Object(mut map)) = serde_json::from_slice(bytes) {
        map.retain(|_, value| *value != Value::Null && *value != Value::Array(Vec::new()));
        return Value::Object(map).to_string();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c.is_control()) => text.to_owned(),
        _ => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cut(text: &str) -> String {
    const LONG: usize = 120;
    let short: String = text.chars().take(LONG).collect();
    if short.len() < text.len() { format!("{short:?}… ({} bytes)", text.len()) } else { format!("{short:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{Body, with_tail};

    fn request(body: &Body, role: Role) -> Anatomy {
        Anatomy::of(&Frame { kind: kind::REQUEST, id: 7, body: body.on(1) }, Way::ToGateway, role)
    }

    #[test]
    fn ids_are_kept_apart_from_what_is_said() {
        let body = |edge, deadline| Body::new().method("m").custom(&with_tail(b"c", edge)).deadline(deadline);
        let one = request(&body(5, "2026-01-01T00:00:00Z"), Role::Service);
        let other = request(&body(6, "0001-01-01T00:00:00Z"), Role::Service);
        assert_eq!(one.says, other.says);
        let numbers: Vec<u64> = one.ids.iter().map(|id| id.number).collect();
        assert_eq!(numbers, [7, 5]);
    }

    #[test]
    fn an_edges_custom_is_its_own() {
        let anatomy = request(&Body::new().custom(b"eight or more"), Role::Edge);
        assert_eq!(anatomy.says["custom"], "eight or more");
        assert_eq!(anatomy.ids.len(), 1);
    }

    #[test]
    fn what_differs_is_named() {
        let one = request(&Body::new().method("m").value(b"x"), Role::Edge);
        let other = request(&Body::new().method("m").value(b"y"), Role::Edge);
        assert_eq!(one.differences(&other), [r#"value: "y" instead of "x""#]);
        assert!(one.differences(&one).is_empty());
    }
}
