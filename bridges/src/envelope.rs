//! A record as one JSON object.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::body::Timestamp;
use serde_json::{Map, Value};

use crate::Record;

/// An instant as RFC 3339 text, in whole milliseconds.
pub(crate) fn time(at: SystemTime) -> String {
    in_millis(at).to_string()
}

/// The same behind what is in `out`; returns all of that.
pub(crate) fn write_time(at: SystemTime, out: &mut Vec<u8>) -> &[u8] {
    in_millis(at).write(out);
    out
}

fn in_millis(at: SystemTime) -> Timestamp {
    let at = Timestamp::from(at);
    Timestamp::from_unix(at.unix_seconds(), at.nanos() / 1_000_000 * 1_000_000)
}

pub(crate) fn write(record: &Record) -> String {
    let mut object = Map::new();
    let mut put = |name: &str, value: String| object.insert(name.to_owned(), Value::String(value));
    let message = &record.message;
    if record.form.own_headers {
        put("message_id", message.id.to_string());
        put("time", record.time());
        put("edge_id", message.edge.to_string());
        put("topic", message.topic.to_string());
    }
    put("destination", record.destination.to_string());
    put("key", record.key.to_string());
    let (name, payload) = bytes("payload", &message.payload);
    put(&name, payload);
    if record.form.own_headers && !message.custom.is_empty() {
        let (name, custom) = bytes("custom", &message.custom);
        put(&name, custom);
    }
    let texts = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
        Value::Object(pairs.map(|(name, value)| (name.to_owned(), Value::String(value.to_owned()))).collect())
    };
    if !record.meta.is_empty() {
        object.insert("meta".to_owned(), texts(&mut record.meta()));
    }
    let fixed = &record.form.fixed;
    if !fixed.is_empty() {
        let mut pairs = fixed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        object.insert("headers".to_owned(), texts(&mut pairs));
    }
    Value::Object(object).to_string()
}

/// `name` with the bytes as text if they are UTF-8, else `name_base64` with their base64 text.
fn bytes(name: &str, bytes: &[u8]) -> (String, String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.to_owned()),
        Err(_) => (format!("{name}_base64"), STANDARD.encode(bytes)),
    }
}
