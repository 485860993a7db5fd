//! The hooks by which a service decides who comes in, and hears who came and went.

use serde_json::Value;

use super::client::Client;
use super::frame::Frame;
use crate::gateway::Gateway;

/// The three hooks.
pub const HOOKS: [&str; 3] = ["get_edge_id", "edge_online", "edge_offline"];

impl Client {
    /// Connects a service that has registered `hooks`.
    #[must_use]
    #[track_caller]
    pub fn hooked(gateway: &Gateway, hooks: &[&str]) -> Self {
        let mut service = Self::service(gateway.service, "hooks", &[]);
        for hook in hooks {
            service.register(hook);
        }
        service
    }

    /// Takes the next `edge_online` or `edge_offline` without answering; returns which edge it names.
    ///
    /// # Panics
    /// When none comes, or its payload is not the one that the Go gateway sends.
    #[track_caller]
    pub fn told(&mut self, hook: &str) -> (Frame, u64) {
        let request = self.called(hook);
        let event = presence_event(&request);
        let id = event["EdgeID"].as_u64().unwrap_or_else(|| panic!("no EdgeID in {event}"));
        (request, id)
    }

    /// Takes the next `edge_online` or `edge_offline` and says yes; returns the edge.
    #[track_caller]
    pub fn heard(&mut self, hook: &str) -> u64 {
        let (request, id) = self.told(hook);
        self.respond(&request, b"");
        id
    }

    /// Answers the next `get_edge_id` with an id.
    #[track_caller]
    pub fn hand_out(&mut self, id: u64) {
        let request = self.called("get_edge_id");
        self.respond(&request, &id.to_be_bytes());
    }

    /// Lets an edge in that has said hello: hands out `id`, says yes to `edge_online`.
    #[track_caller]
    pub fn let_in(&mut self, edge: &mut Self, id: u64) {
        self.hand_out(id);
        assert_eq!(self.heard("edge_online"), id);
        assert_eq!(edge.admitted(), id);
    }
}

/// The payload of `edge_online` and `edge_offline`: its four keys and no other.
///
/// # Panics
/// When it has others.
#[must_use]
#[track_caller]
pub fn presence_event(request: &Frame) -> Value {
    let event: Value = serde_json::from_slice(&request.value()).expect("the payload of a hook is JSON");
    let keys: Vec<&String> = event.as_object().expect("the payload of a hook is an object").keys().collect();
    assert_eq!(keys, ["EdgeID", "Meta", "Net", "Str"], "{event}");
    event
}
