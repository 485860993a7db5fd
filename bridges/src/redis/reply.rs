//! What the server's words mean for a record.

use redis::{ServerError, Value};

use crate::{Outcome, PublishError};

/// Where a node of a cluster says that a key lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// For good: the slot, and `host:port`, the host empty if it is that of the node which says so.
    Moved(u16, String),
    /// For this key, while its slot is on the move.
    Ask(String),
}

/// The text of an error, as the server says it.
pub(super) fn words(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

/// What an error of the server means for the record that it answers.
pub(super) fn classify(error: &ServerError) -> PublishError {
    let text = words(error);
    match error.code() {
        // No memory, or no disk to save to.
        "OOM" | "MISCONF" => PublishError::full(text),
        // The server has become a replica, or has forgotten who we are, or does not work: nothing is sent until another connection
        // was told otherwise.
        "READONLY" | "MASTERDOWN" | "NOAUTH" | "LOADING" | "CLUSTERDOWN" => PublishError::lost(text),
        "TRYAGAIN" | "NOREPLICAS" | "BUSY" => PublishError::passing(text),
        "MOVED" | "ASK" => {
            PublishError::refused(format_args!("{text}; the server is in a cluster: set `mode: cluster`"))
        }
        _ => PublishError::refused(text),
    }
}

/// What the reply to a record says. `listeners`: somebody must have got it.
pub(super) fn outcome(reply: &Value, listeners: bool) -> Outcome {
    match reply {
        Value::ServerError(error) => Err(classify(error)),
        Value::Int(0) if listeners => Err(PublishError::refused("nobody listens to the channel")),
        _ => Ok(()),
    }
}

/// Where else the reply sends the record, if it does.
pub(super) fn elsewhere(reply: &Value) -> Option<Elsewhere> {
    let Value::ServerError(error) = reply else { return None };
    let (slot, addr) = error.details()?.split_once(' ')?;
    match error.code() {
        "MOVED" => Some(Elsewhere::Moved(slot.parse().ok()?, addr.to_owned())),
        "ASK" => Some(Elsewhere::Ask(addr.to_owned())),
        _ => None,
    }
}

/// Whether the reply to `ROLE` is that of a replica, and if so of which master. A server that does not say has none.
pub(super) fn master_of(role: &Value) -> Option<String> {
    let Value::Array(parts) = role else { return None };
    let replica = matches!(text(parts.first()?).as_deref(), Some("slave" | "replica"));
    let host = parts.get(1).and_then(text);
    let port = match parts.get(2) {
        Some(Value::Int(port)) => Some(*port),
        _ => None,
    };
    replica.then(|| match (host, port) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => "another server".to_owned(),
    })
}

/// The text of a string reply.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The number that `CONFIG GET` has answered; none if it may not be asked.
pub(super) fn setting(value: &Value) -> Option<usize> {
    match value {
        Value::Array(pair) => text(pair.get(1)?)?.parse().ok(),
        _ => None,
    }
}
