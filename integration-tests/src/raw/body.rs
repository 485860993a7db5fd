//! JSON bodies, written out piece by piece.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The bytes of an edge id at the end of a custom field.
#[must_use]
pub fn tail(edge: u64) -> [u8; 8] {
    edge.to_be_bytes()
}

/// A custom field: the user's part, then the edge id.
#[must_use]
pub fn with_tail(custom: &[u8], edge: u64) -> Vec<u8> {
    [custom, &tail(edge)].concat()
}

/// Standard base64 with padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The JSON body of a message, request, ack or response. Keys stand in the order in which they were added; nothing
/// that was not added is written.
#[derive(Clone, Debug, Default)]
pub struct Body {
    pairs: Vec<String>,
}

impl Body {
    /// `{}`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key whose value is given as JSON.
    #[must_use]
    pub fn json(mut self, key: &str, json: &str) -> Self {
        self.pairs.push(format!("{}:{json}", quoted(key)));
        self
    }

    /// The method of a request.
    #[must_use]
    pub fn method(self, name: &str) -> Self {
        self.json("key", &quoted(&base64(name.as_bytes())))
    }

    /// The payload.
    #[must_use]
    pub fn value(self, bytes: &[u8]) -> Self {
        self.json("value", &quoted(&base64(bytes)))
    }

    /// The topic of a message.
    #[must_use]
    pub fn topic(self, topic: &str) -> Self {
        self.json("topic", &quoted(topic))
    }

    /// The custom bytes.
    #[must_use]
    pub fn custom(self, bytes: &[u8]) -> Self {
        self.json("custom", &quoted(&base64(bytes)))
    }

    /// The custom bytes that address an edge: nothing but its id.
    #[must_use]
    pub fn to_edge(self, edge: u64) -> Self {
        self.custom(&tail(edge))
    }

    /// The error of an ack or response.
    #[must_use]
    pub fn error(self, text: &str) -> Self {
        self.json("error", &quoted(text))
    }

    /// The absolute time by which the sender wants its answer.
    #[must_use]
    pub fn deadline(self, time: &str) -> Self {
        self.json("deadline", &quoted(time))
    }

    /// The deadline of the sender's context.
    #[must_use]
    pub fn context_deadline(self, time: &str) -> Self {
        let inner = format!("{{\"deadline\":{}}}", quoted(time));
        self.json("context", &inner)
    }

    /// The body on a session, as bytes.
    #[must_use]
    pub fn on(&self, session: u64) -> Vec<u8> {
        [session.to_be_bytes().as_slice(), self.text().as_bytes()].concat()
    }

    /// The JSON alone.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{{{}}}", self.pairs.join(","))
    }
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_text_of_the_specification() {
        let body = Body::new().method("echo").value(b"hello").deadline("0001-01-01T00:00:00Z");
        assert_eq!(body.text(), r#"{"key":"ZWNobw==","value":"aGVsbG8=","deadline":"0001-01-01T00:00:00Z"}"#);
        assert_eq!(Body::new().on(1), b"\0\0\0\0\0\0\0\x01{}");
    }
}
