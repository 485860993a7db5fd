//! Calls of the gateway itself to services: `get_edge_id`, `edge_online`, `edge_offline`.

use std::time::Instant;

use bytes::Bytes;
use proto::body::{Base64, Body, EDGE_OFFLINE};
use proto::conn::{Text, cost};
use proto::id::SessionId;
use transport::Lane;

use super::{Command, Due, Forward, Handle, Kind, RouteError, Waiter};
use crate::directory::{Service, Tenure};

/// How long a newcomer with the same id waits for the answer to `edge_offline`.
const OFFLINE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// The hook that an edge's admission waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookStage {
    Name,
    Announce,
}

/// Owes an edge's admission the answer of a hook. Dropping it answers `force closed`.
#[derive(Debug)]
pub(crate) struct HookReply {
    edge: Handle,
    stage: HookStage,
    answered: bool,
}

impl HookReply {
    pub(crate) fn new(edge: &Handle, stage: HookStage) -> Self {
        Self { edge: edge.clone(), stage, answered: false }
    }

    pub(crate) fn answer(mut self, result: Result<Bytes, Box<str>>) {
        self.answered = true;
        // An edge that is gone needs no answer.
        let _ = self.edge.push(Command::Hook(self.stage, result));
    }

    pub(crate) fn fail(self, error: RouteError) {
        self.answer(Err(error.text().into()));
    }
}

impl Drop for HookReply {
    fn drop(&mut self) {
        if !self.answered {
            let error = RouteError::ForceClosed.text().into();
            let _ = self.edge.push(Command::Hook(self.stage, Err(error)));
        }
    }
}

fn hook(service: &Service, method: &str, value: &[u8], due: Due, waiter: Waiter) -> Forward {
    let body = Body {
        key: Base64::encode(method.as_bytes()),
        value: Base64::encode(value),
        deadline: due.deadline,
        ..Body::default()
    };
    let mut text = Vec::with_capacity(body.encoded_len());
    body.encode(&mut text);
    let packet = service.handle.packet();
    Forward { kind: Kind::Call, packet, session: SessionId::MAIN, text: Text::from(text), due, waiter }
}

/// Calls a hook of `service`; the answer goes to `reply`, at the latest when `due` has passed.
pub(crate) fn call_hook(service: &Service, method: &str, value: &[u8], due: Due, reply: HookReply) {
    hook(service, method, value, due, Waiter::Hook(reply)).send(&service.handle);
}

/// Tells `service` that an edge went. It is told in any case, however full its queue is; `tenure` is held until it has
/// answered, but not for longer than two seconds.
pub(crate) fn tell_offline(service: &Service, value: &[u8], now: Instant, tenure: Tenure) {
    let due = Due::within(now, OFFLINE_PATIENCE);
    let forward = hook(service, EDGE_OFFLINE, value, due, Waiter::Offline(tenure));
    let bytes = cost(forward.text.len());
    // A service that is gone is told nothing; the command comes back and the tenure ends here.
    let _ = service.handle.force_push(Lane::Calls, bytes, Command::Forward(forward));
}
