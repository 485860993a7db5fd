//! The 14 bytes in front of every payload.
//!
//! ```text
//!  0        1        2                 10             14
//! +--------+--------+-----------------+--------------+
//! | 0x01   | type   | packet id (u64) | length (u32) |   big-endian
//! +--------+--------+-----------------+--------------+
//! ```

use super::WireError;
use crate::id::PacketId;

/// Length of a header in bytes.
pub const HEADER_LEN: usize = 14;

/// The longest payload that may ever be sent, fixed fields included: 10 MiB (§2.4).
pub const MAX_PAYLOAD: u32 = 10 * 1024 * 1024;

const VERSION: u8 = 0x01;

/// What a frame is. The values are the type codes on the wire (§2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum FrameKind {
    Conn = 0x01,
    ConnAck = 0x02,
    DisConn = 0x11,
    DisConnAck = 0x12,
    Heartbeat = 0x21,
    HeartbeatAck = 0x22,
    Session = 0x31,
    SessionAck = 0x32,
    Dismiss = 0x41,
    DismissAck = 0x42,
    Message = 0x51,
    MessageAck = 0x52,
    Stream = 0x61,
    Request = 0x71,
    Response = 0x72,
    RequestCancel = 0x73,
    Register = 0x81,
    RegisterAck = 0x82,
    /// Extension `fin`: no more raw bytes follow in this direction.
    StreamEnd = 0x91,
    /// Extension `credit`: the peer may send that many more raw bytes.
    Credit = 0x92,
}

impl FrameKind {
    /// Every kind, in the order of their codes.
    pub const ALL: [FrameKind; 20] = [
        FrameKind::Conn,
        FrameKind::ConnAck,
        FrameKind::DisConn,
        FrameKind::DisConnAck,
        FrameKind::Heartbeat,
        FrameKind::HeartbeatAck,
        FrameKind::Session,
        FrameKind::SessionAck,
        FrameKind::Dismiss,
        FrameKind::DismissAck,
        FrameKind::Message,
        FrameKind::MessageAck,
        FrameKind::Stream,
        FrameKind::Request,
        FrameKind::Response,
        FrameKind::RequestCancel,
        FrameKind::Register,
        FrameKind::RegisterAck,
        FrameKind::StreamEnd,
        FrameKind::Credit,
    ];

    /// The kind with this type code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<FrameKind> {
        Some(match code {
            0x01 => FrameKind::Conn,
            0x02 => FrameKind::ConnAck,
            0x11 => FrameKind::DisConn,
            0x12 => FrameKind::DisConnAck,
            0x21 => FrameKind::Heartbeat,
            0x22 => FrameKind::HeartbeatAck,
            0x31 => FrameKind::Session,
            0x32 => FrameKind::SessionAck,
            0x41 => FrameKind::Dismiss,
            0x42 => FrameKind::DismissAck,
            0x51 => FrameKind::Message,
            0x52 => FrameKind::MessageAck,
            0x61 => FrameKind::Stream,
            0x71 => FrameKind::Request,
            0x72 => FrameKind::Response,
            0x73 => FrameKind::RequestCancel,
            0x81 => FrameKind::Register,
            0x82 => FrameKind::RegisterAck,
            0x91 => FrameKind::StreamEnd,
            0x92 => FrameKind::Credit,
            _ => return None,
        })
    }

    /// The least payload length; shorter ones kill a Go process, so they are never sent and never accepted (§2.5).
    #[must_use]
    pub const fn min_len(self) -> u32 {
        match self {
            FrameKind::DisConn | FrameKind::Heartbeat | FrameKind::HeartbeatAck => 0,
            FrameKind::DisConnAck => 1,
            FrameKind::Dismiss
            | FrameKind::DismissAck
            | FrameKind::Message
            | FrameKind::MessageAck
            | FrameKind::Stream
            | FrameKind::Request
            | FrameKind::Response
            | FrameKind::Register
            | FrameKind::RegisterAck
            | FrameKind::StreamEnd => 8,
            FrameKind::ConnAck => 9,
            FrameKind::Conn | FrameKind::Session | FrameKind::RequestCancel => 10,
            FrameKind::Credit => 12,
            FrameKind::SessionAck => 18,
        }
    }

    /// Whether the payload must be empty.
    #[must_use]
    pub const fn is_bodyless(self) -> bool {
        self.min_len() == 0
    }
}

/// A decoded header: the type is known, and the length is legal for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: FrameKind,
    /// The packet's id, or the id of the packet it answers.
    pub packet: PacketId,
    /// Length of the payload in bytes.
    pub len: u32,
}

impl Header {
    /// Reads a header. The version byte is ignored, as every receiver ignores it (§2.1).
    ///
    /// # Errors
    /// An unknown type, or a length that is illegal for the type or above `max_payload`: known before any of the payload
    /// has come.
    pub fn decode(bytes: &[u8; HEADER_LEN], max_payload: u32) -> Result<Header, WireError> {
        let [_version, code, p0, p1, p2, p3, p4, p5, p6, p7, l0, l1, l2, l3] = *bytes;
        let kind = FrameKind::from_code(code).ok_or(WireError::UnknownType(code))?;
        let packet = PacketId(u64::from_be_bytes([p0, p1, p2, p3, p4, p5, p6, p7]));
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        let min = kind.min_len();
        if kind.is_bodyless() && len != 0 {
            return Err(WireError::NotEmpty { kind, len });
        }
        if len < min {
            return Err(WireError::TooShort { kind, len, min });
        }
        if len > max_payload {
            return Err(WireError::TooLong { kind, len, max: max_payload });
        }
        Ok(Header { kind, packet, len })
    }

    /// The bytes of this header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = VERSION;
        bytes[1] = self.kind as u8;
        bytes[2..10].copy_from_slice(&self.packet.0.to_be_bytes());
        bytes[10..].copy_from_slice(&self.len.to_be_bytes());
        bytes
    }
}
