//! Tests of the bodies, named by the item of the conformance checklist (wire-protocol §13) where
//! they concern one.

mod base64_text;
mod conventions;
mod data;
mod encode;
mod scan;
mod scan_refused;
mod timestamp;

use super::{Base64, Body, Timestamp};

/// The body that `text` is scanned to.
#[track_caller]
fn scanned(text: &str) -> Body<'_> {
    Body::scan(text.as_bytes()).unwrap_or_else(|error| panic!("{text} is refused: {error}"))
}

/// The JSON text of `body`.
fn encoded(body: &Body<'_>) -> String {
    let mut text = Vec::new();
    body.encode(&mut text);
    String::from_utf8(text).unwrap()
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn bytes(bytes: &[u8]) -> Base64<'static> {
    Base64::encode(bytes)
}
