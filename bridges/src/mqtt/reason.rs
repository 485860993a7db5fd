//! What a broker's reasons mean, by the numbers of MQTT 5.

use std::fmt;

use super::session::Ack;
use crate::error::Kind;
use crate::{Outcome, PublishError};

/// From here on a reason is a failure.
const FAILURES: u8 = 0x80;

/// The broker knows nothing of the packet that an answer was for.
pub(super) const UNKNOWN_ID: u8 = 0x92;

/// The other end does not speak this version of MQTT.
pub(super) const OTHER_VERSION: u8 = 0x84;

/// Somebody has connected with the same client id.
pub(super) const TAKEN_OVER: u8 = 0x8E;

/// What became of a message, by the answer to it.
pub(super) fn outcome(ack: &Ack) -> Outcome {
    // Below are success, and that nobody has subscribed, which is the subscribers' affair.
    if ack.reason < FAILURES {
        return Ok(());
    }
    let kind = match ack.reason {
        0x87 | 0x90 | 0x99 | 0x9A | 0x9B => Kind::Refused,
        0x95 => Kind::TooLarge,
        0x97 => Kind::Full,
        _ => Kind::Passing,
    };
    Err(PublishError::new(kind, format_args!("refused: {}", Told(ack.reason, ack.words.as_deref()))))
}

/// A reason for people, with the broker's own words behind it.
pub(super) struct Told<'a>(pub(super) u8, pub(super) Option<&'a str>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(self.0) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "reason {:#04x}", self.0)?,
        }
        self.1.map_or(Ok(()), |words| write!(f, " ({words})"))
    }
}

const fn name(reason: u8) -> Option<&'static str> {
    Some(match reason {
        0x00 => "no reason given",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported version of the protocol",
        0x85 => "client id not valid",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8A => "banned",
        0x8B => "server shutting down",
        0x8C => "bad authentication method",
        0x8D => "keep alive timeout",
        0x8E => "session taken over: another client has connected with this client id",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x92 => "packet identifier not found",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9A => "retain not supported",
        0x9B => "QoS not supported",
        0x9C => "use another server",
        0x9D => "server moved",
        0x9F => "connection rate exceeded",
        0xA0 => "maximum connect time",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sorted_by_what_helps() {
        let kind = |reason| {
            let words = Some("no".to_owned());
            outcome(&Ack { id: 1, reason, words }).map_err(|error| (error.kind(), error.to_string()))
        };
        assert_eq!(kind(0), Ok(()));
        assert_eq!(kind(0x10), Ok(()), "nobody has subscribed");
        for (reason, expected, text) in [
            (0x87, Kind::Refused, "refused: not authorized (no)"),
            (0x90, Kind::Refused, "refused: topic name invalid (no)"),
            (0x99, Kind::Refused, "refused: payload format invalid (no)"),
            (0x95, Kind::TooLarge, "refused: packet too large (no)"),
            (0x97, Kind::Full, "refused: quota exceeded (no)"),
            (0x80, Kind::Passing, "refused: unspecified error (no)"),
            (0xEE, Kind::Passing, "refused: reason 0xee (no)"),
        ] {
            assert_eq!(kind(reason), Err((expected, text.to_owned())));
        }
    }
}
