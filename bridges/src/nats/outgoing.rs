//! A record as the client takes it.

use std::sync::LazyLock;

use async_nats::header::{HeaderName, HeaderValue, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID, ParseHeaderNameError};
use async_nats::{HeaderMap, Subject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::subject;
use crate::record::OWN_NAMES;
use crate::{PublishError, Record};

/// [`OWN_NAMES`] as the client has them. Made anew, each would be checked and copied for each message.
static OWN_HEADERS: LazyLock<[HeaderName; OWN_NAMES.len()]> = LazyLock::new(|| OWN_NAMES.map(HeaderName::from_static));

/// What is published.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) subject: Subject,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

impl Outgoing {
    /// Of `record`, by a client whose answers come below `inbox`.
    ///
    /// # Errors
    /// NATS has no such subject, or no such header.
    pub(super) fn new(record: &Record, inbox: &str) -> Result<Self, PublishError> {
        subject::check(&record.destination, inbox)?;
        let mut headers = HeaderMap::new();
        record.each_header(|name, value| put(&mut headers, name, value))?;
        Ok(Self { subject: Subject::from(&*record.destination), headers, payload: record.body() })
    }

    /// With what JetStream is told beside: that `stream` and no other is to have it, and once under this id.
    pub(super) fn for_stream(mut self, stream: &str, id: String) -> Self {
        self.headers.insert(NATS_EXPECTED_STREAM, stream);
        self.headers.insert(NATS_MESSAGE_ID, HeaderValue::from(id));
        self
    }
}

/// Adds a header. Values of NATS are one line of text, and readers take spaces off their ends: what is not such a text stands in base64
/// under `NAME-base64`.
fn put(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), PublishError> {
    let plain = std::str::from_utf8(value).ok().filter(|text| text.trim() == *text && !text.contains(char::is_control));
    let (name, value) = match plain {
        Some(text) => (header_name(name), text.to_owned()),
        None => (format!("{name}-base64").parse(), STANDARD.encode(value)),
    };
    let name = name.map_err(PublishError::refused)?;
    headers.insert(name, HeaderValue::from(value));
    Ok(())
}

fn header_name(name: &str) -> Result<HeaderName, ParseHeaderNameError> {
    match OWN_NAMES.iter().position(|own| *own == name) {
        Some(place) => Ok(OWN_HEADERS[place].clone()),
        None => name.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_line_of_text_stands_in_base64() {
        for (value, name, expected) in [
            (&b"c"[..], "n", "c"),
            ("ä b".as_bytes(), "n", "ä b"),
            (b"", "n", ""),
            (b"\x00\xff", "n-base64", "AP8="),
            (b"a\r\nNats-Msg-Id: x", "n-base64", "YQ0KTmF0cy1Nc2ctSWQ6IHg="),
            (b" a", "n-base64", "IGE="),
        ] {
            let mut headers = HeaderMap::new();
            put(&mut headers, "n", value).unwrap();
            assert_eq!(headers.get(name).map(HeaderValue::as_str), Some(expected), "{value:?}");
            assert_eq!(headers.len(), 1);
        }
        put(&mut HeaderMap::new(), "a b", b"x").unwrap_err();
    }
}
