//! What lapin's errors mean for records and connections, in the broker's words.

use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::{Error, ErrorKind};

use crate::PublishError;

/// What the broker said; where it said nothing, lapin.
pub(super) fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        ErrorKind::IOError(error) => error.to_string(),
        _ => error.to_string(),
    }
}

/// The end of a connection, or of what is needed on it.
pub(super) fn lost(error: &Error) -> PublishError {
    PublishError::lost(words(error))
}

/// Why the broker closed a channel while records were under way on it.
pub(super) enum Closed {
    /// One of the records displeased it.
    ByRecord(AMQPSoftError, String),
    /// The channel is gone; another one will do.
    Gone(String),
    /// The connection is of no use.
    Lost(PublishError),
}

pub(super) fn closed(error: &Error) -> Closed {
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => match protocol.kind() {
            // The exchange is not there: no record can pass before a new connection finds it again.
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Closed::Lost(lost(error)),
            AMQPErrorKind::Soft(soft) => Closed::ByRecord(soft.clone(), words(error)),
            AMQPErrorKind::Hard(_) => Closed::Lost(lost(error)),
        },
        ErrorKind::InvalidChannel(_) | ErrorKind::InvalidChannelState(..) => Closed::Gone(words(error)),
        _ => Closed::Lost(lost(error)),
    }
}

/// The most bytes of a message that the broker takes, if it has said so: the one thing about a closed channel that spares the
/// next one.
pub(super) fn largest(words: &str) -> Option<usize> {
    if !words.contains("message size") {
        return None;
    }
    let (_, most) = words.rsplit_once("max size ")?;
    most.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_message_is_read_from_the_brokers_words() {
        let told = "PRECONDITION_FAILED - message size 134217729 is larger than configured max size 134217728";
        assert_eq!(largest(told), Some(134_217_728));
        for other in ["PRECONDITION_FAILED - invalid expiration 'x'", "message size 3", "max size 7", ""] {
            assert_eq!(largest(other), None, "{other}");
        }
    }
}
