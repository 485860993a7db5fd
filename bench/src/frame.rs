//! How many bytes a call or message takes on the wire when it leaves its origin.

use std::borrow::Cow;

use proto::body::{Base64, Body, Timestamp};
use proto::wire::HEADER_LEN;

use crate::args::Direction;

/// The session id between header and body.
const SESSION: usize = 8;

pub(crate) fn call(direction: Direction, method: &str, payload: &[u8]) -> usize {
    len(direction, Body { key: Base64::encode(method.as_bytes()), value: Base64::encode(payload), ..Body::default() })
}

pub(crate) fn message(direction: Direction, topic: &str, payload: &[u8]) -> usize {
    len(direction, Body { topic: Cow::Borrowed(topic), value: Base64::encode(payload), ..Body::default() })
}

fn len(direction: Direction, body: Body<'_>) -> usize {
    let custom = match direction {
        Direction::EdgeToService => Base64::default(),
        Direction::ServiceToEdge => Base64::default().with_tail(u64::MAX),
    };
    // A deadline like nine of ten: none of its digits can be left out.
    let body = Body { custom, deadline: Some(Timestamp::from_unix(1_800_000_000, 123_456_789)), ..body };
    HEADER_LEN + SESSION + body.encoded_len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_that_a_service_means_takes_bytes_too() {
        let payload = [0; 128];
        let from_edge = call(Direction::EdgeToService, "echo", &payload);
        let from_service = call(Direction::ServiceToEdge, "echo", &payload);
        // `"custom":"` and 12 characters of base64 and `",`
        assert_eq!(from_service - from_edge, 24);
        // What the counters of a gateway show for the SDK.
        assert_eq!(from_edge, 267);
    }
}
