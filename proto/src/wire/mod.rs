//! Bytes to frames and back (`docs/protocol.md`, "Framing").
//!
//! A frame is a 14-byte [`Header`] and a payload. [`Frames`] cuts a byte stream into frames, [`Frame`] gives a payload its
//! meaning. Nothing here allocates on the word of a claimed length.

mod error;
mod frame;
mod frames;
mod header;

pub use error::WireError;
pub use frame::{CANCELLED, Conn, ConnAck, Frame, HeartbeatClass, Session, SessionAck};
pub use frames::{Cut, Frames};
pub use header::{FrameKind, HEADER_LEN, Header, MAX_PAYLOAD};
