//! What librdkafka's errors mean for a record.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::PublishError;

/// What a failure of a record's delivery means; `patience` is how long the client tries.
pub(super) fn failed(error: &KafkaError, patience: Duration) -> PublishError {
    let Some(code) = error.rdkafka_error_code() else { return PublishError::refused(error) };
    match code {
        Code::MessageTimedOut => {
            let patience = patience.as_millis();
            PublishError::refused(format_args!("not confirmed within {patience} ms, which is delivery_timeout_ms"))
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => PublishError::too_large(code),
        // librdkafka repeats these by itself; here they are if the operator has bounded that.
        Code::QueueFull
        | Code::BrokerTransportFailure
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::NetworkException
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend => PublishError::passing(code),
        // The producer has lost its place, or is gone.
        Code::Fatal
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId
        | Code::InvalidProducerEpoch
        | Code::ProducerFenced => PublishError::lost(code),
        _ => PublishError::refused(code),
    }
}

/// Whether Kafka allows `name` as a topic.
pub(super) fn is_topic(name: &str) -> bool {
    let spelt = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(spelt) && !matches!(name, "." | "..")
}

/// Checks a topic that records go to.
///
/// # Errors
/// [`Refused`](crate::Kind::Refused): Kafka does not allow it.
pub(crate) fn check_topic(name: &str) -> Result<(), PublishError> {
    if is_topic(name) {
        return Ok(());
    }
    let begin: String = name.chars().take(40).collect();
    Err(PublishError::refused(format_args!(
        "{begin:?} is no name of a topic: those have 1 to 249 letters, digits, \".\", \"_\" and \"-\""
    )))
}

/// A record that `topic`, which takes `limit` bytes, is not asked to take.
pub(super) fn too_large(size: usize, topic: &str, limit: u32) -> PublishError {
    PublishError::too_large(format_args!(
        "too large: {size} bytes with key, headers and frame, while max.message.bytes of topic {topic:?} is {limit}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn names_of_topics_are_kafka_s() {
        for name in ["t", "a.b", "a_b-C9", "...", &"x".repeat(249)] {
            assert!(is_topic(name), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "ä", "#", "a\0b", "$SYS", &"x".repeat(250)] {
            assert!(!is_topic(name), "{name:?}");
        }
    }

    #[test]
    fn a_failure_is_of_the_record_of_the_moment_or_of_the_producer() {
        for (code, kind) in [
            (Code::MessageSizeTooLarge, Kind::TooLarge),
            (Code::TopicAuthorizationFailed, Kind::Refused),
            (Code::UnknownTopic, Kind::Refused),
            (Code::MessageTimedOut, Kind::Refused),
            (Code::NotEnoughReplicas, Kind::Passing),
            (Code::Fatal, Kind::Lost),
            (Code::PurgeQueue, Kind::Lost),
        ] {
            let error = failed(&KafkaError::MessageProduction(code), Duration::from_secs(1));
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
}
