//! Calls and messages as they leave their origin.

use std::borrow::Cow;

use proto::body::{Base64, Body, Timestamp};
use proto::id::{PacketId, SessionId};
use proto::wire::{Frame, FrameKind, HEADER_LEN};

use crate::args::Direction;
use crate::peer::{METHOD, TOPIC};

/// What payloads are made of.
pub(crate) const FILL: u8 = b'x';

/// What travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Publish,
}

impl Kind {
    /// For readers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Publish => "acked publish",
        }
    }

    /// The frame that its origin sends.
    pub(crate) const fn request(self) -> FrameKind {
        match self {
            Kind::Call => FrameKind::Request,
            Kind::Publish => FrameKind::Message,
        }
    }

    /// The frame that comes back.
    pub(crate) const fn answer(self) -> FrameKind {
        match self {
            Kind::Call => FrameKind::Response,
            Kind::Publish => FrameKind::MessageAck,
        }
    }
}

/// The payload of every call and message.
pub(crate) fn payload(size: usize) -> Vec<u8> {
    vec![FILL; size]
}

/// The bytes behind the header: session 1 and a body with a payload of `size` bytes. A service's has room for the id of an
/// edge (which is 0) at the end of `custom`.
///
/// All of one kind, direction and size are equally long.
pub(crate) fn encode(kind: Kind, direction: Direction, size: usize, deadline_unix: i64) -> Vec<u8> {
    let custom = match direction {
        Direction::EdgeToService => Base64::default(),
        Direction::ServiceToEdge => Base64::default().with_tail(0),
    };
    // A deadline like nine of ten: none of its digits can be left out.
    let deadline = Some(Timestamp::from_unix(deadline_unix, 123_456_789));
    let body = Body { value: Base64::encode(&payload(size)), custom, deadline, ..Body::default() };
    let frame = match kind {
        Kind::Call => Frame::Request(SessionId::MAIN, Body { key: Base64::encode(METHOD.as_bytes()), ..body }),
        Kind::Publish => Frame::Message(SessionId::MAIN, Body { topic: Cow::Borrowed(TOPIC), ..body }),
    };
    let mut bytes = Vec::new();
    frame.encode(PacketId(0), &mut bytes);
    bytes.split_off(HEADER_LEN)
}

/// How many bytes a call or message takes on the wire.
pub(crate) fn wire_len(kind: Kind, direction: Direction, size: usize) -> usize {
    HEADER_LEN + encode(kind, direction, size, 1_800_000_000).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_that_a_service_means_takes_bytes_too() {
        let from_edge = wire_len(Kind::Call, Direction::EdgeToService, 128);
        let from_service = wire_len(Kind::Call, Direction::ServiceToEdge, 128);
        // `"custom":"` and 12 characters of base64 and `",`
        assert_eq!(from_service - from_edge, 24);
        // What the counters of a gateway show for the SDK.
        assert_eq!(from_edge, 267);
    }
}
