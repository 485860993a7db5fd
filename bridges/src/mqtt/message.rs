//! What of a record MQTT can carry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::MqttVersion;

use super::wire::LONGEST;
use crate::{PublishError, Record};

/// Names and values of user properties.
pub(super) type Properties = Vec<(String, String)>;

/// The user properties of a record that can be published: the broker will take them and the topic for MQTT. A text that it does not
/// costs the connection.
///
/// # Errors
/// The topic is none, or a text is too long.
pub(super) fn checked(record: &Record, version: MqttVersion) -> Result<Properties, PublishError> {
    if let Some(fault) = config::mqtt_topic_fault(&record.destination) {
        return Err(PublishError::refused(format_args!("topic {:?} {fault}", beginning(&record.destination))));
    }
    let properties: Properties = match version {
        MqttVersion::V3 => Vec::new(),
        MqttVersion::V5 => record.headers().into_iter().map(|(name, value)| property(&name, &value)).collect(),
    };
    if let Some((name, _)) = properties.iter().find(|(name, value)| name.len().max(value.len()) > LONGEST) {
        let name = beginning(name);
        return Err(PublishError::too_large(format_args!("header {name:?} is longer than {LONGEST} bytes")));
    }
    Ok(properties)
}

/// A header as a user property. A value that is no text for MQTT goes as base64, which its name tells.
fn property(name: &str, value: &[u8]) -> (String, String) {
    match str::from_utf8(value).ok().filter(|text| config::mqtt_text_fault(text).is_none()) {
        Some(text) => (name.to_owned(), text.to_owned()),
        None if value.len() > LONGEST => (name.to_owned(), String::from_utf8_lossy(value).into_owned()),
        None => (format!("{name}-base64"), STANDARD.encode(value)),
    }
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
        checked(&record, MqttVersion::V5).map(|_| topic.to_owned()).map_err(|error| error.to_string())
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
        let properties = checked(&record, MqttVersion::V5).unwrap();
        let expected = [("lines-base64", "YQpi"), ("plain", "ä")];
        assert_eq!(properties, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(checked(&record, MqttVersion::V3).unwrap(), [], "3.1.1 has none");
    }
}
