//! What of a record MQTT can carry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::MqttVersion;

use super::wire::{self, LONGEST};
use crate::{PublishError, Record};

/// The user properties of a record that can be published, as they stand in a packet, in place of what is in `out`: none in MQTT 3.1.1.
/// The broker will take them and the topic for MQTT. A text that it does not costs the connection.
///
/// # Errors
/// The topic is none, or a text is too long.
pub(super) fn checked(record: &Record, version: MqttVersion, out: &mut Vec<u8>) -> Result<(), PublishError> {
    out.clear();
    check_topic(&record.destination)?;
    match version {
        MqttVersion::V3 => Ok(()),
        MqttVersion::V5 => record.each_header(|name, value| property(name, value, out)),
    }
}

/// Checks a topic that records go to.
///
/// # Errors
/// [`Refused`](crate::Kind::Refused), with the reason.
pub(crate) fn check_topic(topic: &str) -> Result<(), PublishError> {
    match config::mqtt_topic_fault(topic) {
        Some(fault) => Err(PublishError::refused(format_args!("topic {:?} {fault}", beginning(topic)))),
        None => Ok(()),
    }
}

/// Adds a header as a user property. A value that is no text for MQTT goes as base64, which its name tells.
fn property(name: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), PublishError> {
    let fits = name.len().max(value.len()) <= LONGEST;
    let is_text = || str::from_utf8(value).is_ok_and(|text| config::mqtt_text_fault(text).is_none());
    let written = match fits && is_text() {
        true => wire::user_property(name, value, out),
        false if !fits => None,
        false => wire::user_property(&format!("{name}-base64"), STANDARD.encode(value).as_bytes(), out),
    };
    written.ok_or_else(|| {
        let name = beginning(name);
        PublishError::too_large(format_args!("header {name:?} is longer than {LONGEST} bytes"))
    })
}

fn beginning(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{message, record_as};

    fn with_topic(topic: &str) -> Result<String, String> {
        let record = record_as(&config::Bridge::default(), message(7, topic, b""));
        checked(&record, MqttVersion::V5, &mut Vec::new()).map(|()| topic.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_no_topic_is_told() {
        for good in ["a", "a/b", "/", "a b", "ä", "a$", "..", " "] {
            assert_eq!(with_topic(good).as_deref(), Ok(good));
        }
        for (bad, told) in [
            ("", "topic \"\" is empty"),
            ("a/+/b", "topic \"a/+/b\" holds `+` or `#`, which stand for other topics"),
            ("#", "topic \"#\" holds `+` or `#`, which stand for other topics"),
            ("$SYS/x", "topic \"$SYS/x\" begins with `$`, as those of the broker itself"),
            ("a\0b", "topic \"a\\0b\" holds a control character or one that is none"),
            ("a\u{FFFF}", "topic \"a\\u{ffff}\" holds a control character or one that is none"),
        ] {
            assert_eq!(with_topic(bad), Err(told.to_owned()));
        }
        let long = "x".repeat(65_536);
        let told = with_topic(&long).unwrap_err();
        assert!(told.ends_with("x\" is longer than 65535 bytes") && told.len() < 200, "{told}");
        assert!(with_topic(&long[1..]).is_ok());
    }

    #[test]
    fn values_that_are_no_text_go_as_base64() {
        let headers = config::Headers {
            fixed: [("plain", "ä"), ("lines", "a\nb")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            enable: false,
            ..config::Headers::default()
        };
        let config = config::Bridge { headers, ..config::Bridge::default() };
        let record = record_as(&config, message(7, "t", b""));
        let mut properties = b"of the one before".to_vec();
        checked(&record, MqttVersion::V5, &mut properties).unwrap();
        let expected = ["\x26\0\x0clines-base64\0\x04YQpi", "\x26\0\x05plain\0\x02ä"].concat();
        assert_eq!(properties, expected.as_bytes());
        checked(&record, MqttVersion::V3, &mut properties).unwrap();
        assert!(properties.is_empty(), "3.1.1 has none");
    }

    #[test]
    fn a_header_that_is_too_long_is_named() {
        let value = "x".repeat(LONGEST + 1);
        let headers =
            config::Headers { fixed: [("much".to_owned(), value)].into(), enable: false, ..config::Headers::default() };
        let config = config::Bridge { headers, ..config::Bridge::default() };
        let record = record_as(&config, message(7, "t", b""));
        let told = checked(&record, MqttVersion::V5, &mut Vec::new()).unwrap_err();
        assert_eq!(told, PublishError::too_large("header \"much\" is longer than 65535 bytes"));
    }
}
