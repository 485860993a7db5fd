//! Why bytes are not a frame.

use super::FrameKind;
use crate::body::BodyError;

/// Bytes that no conforming peer sends. The link that sent them is closed; nobody else is touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The type byte is none of the protocol's.
    #[error("unknown frame type 0x{0:02x}")]
    UnknownType(u8),
    /// The payload is shorter than the fixed fields of its type (§2.5).
    #[error("{kind:?} frame of {len} payload bytes, at least {min} are needed")]
    TooShort {
        /// The frame's type.
        kind: FrameKind,
        /// Its payload length as claimed by the header.
        len: u32,
        /// The least legal length.
        min: u32,
    },
    /// A type that has no payload came with one.
    #[error("{kind:?} frame with {len} payload bytes, none are allowed")]
    NotEmpty {
        /// The frame's type.
        kind: FrameKind,
        /// Its payload length as claimed by the header.
        len: u32,
    },
    /// The payload is longer than this side accepts (§2.4).
    #[error("{kind:?} frame of {len} payload bytes, at most {max} are accepted")]
    TooLong {
        /// The frame's type.
        kind: FrameKind,
        /// Its payload length as claimed by the header.
        len: u32,
        /// The configured limit.
        max: u32,
    },
    /// The JSON of the payload is not what its type needs.
    #[error("{kind:?} frame: {error}")]
    Body {
        /// The frame's type.
        kind: FrameKind,
        /// What is wrong with the JSON.
        error: BodyError,
    },
}
