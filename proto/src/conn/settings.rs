//! What the owner of a connection decides once.

use std::time::Duration;

use crate::body::Caps;
use crate::wire::{HeartbeatClass, MAX_PAYLOAD};

/// Raw bytes that each end of a stream may send before it is granted more, between peers with capability `credit`
/// (`docs/protocol.md`, "Extensions").
pub const STREAM_WINDOW: u32 = 1024 * 1024;

/// Limits and times of a connection; shared by all connections of one kind.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Capabilities that this side offers (`docs/protocol.md`, "Extensions").
    pub caps: Caps,
    /// Longest payload that is accepted, in bytes.
    pub max_payload: u32,
    /// Server: time for the client's Conn. Client: time for the server's answer.
    pub handshake: Duration,
    /// Client: how often it sends heartbeats.
    pub heartbeat: HeartbeatClass,
    /// Most messages that may wait for their ack on one session of a peer without capability `credit` (§8.2).
    pub unacked_messages: u16,
    /// How long the first packet of a session that the peer opened is held back, unless the peer speaks first (§5.6).
    pub settle: Duration,
    /// Time between the last raw bytes and the Dismiss, towards peers that lose what they have not read by then (§14.2).
    pub late_close: Duration,
    /// Time for the peer to confirm a session that this side opens; at most 30 s are of use (§5.4).
    pub open: Duration,
    /// Time for the rest of a dismissal before the session is dropped (§5.5).
    pub dismiss: Duration,
    /// Time for the rest of the closing handshake before the socket is closed (§4.5).
    pub close_grace: Duration,
    /// Most bytes of replies that wait to be sent; a reply above it becomes a short error.
    pub reply_bytes: usize,
    /// Most sessions that this side opened and that have shown no packet of the peer yet (§5.7).
    pub silent_sessions: u16,
    /// Most sessions of a peer at once, session 1 aside; further ones are refused, and twice as many close the link.
    pub max_sessions: usize,
    /// Most raw bytes under way on a stream to a peer with capability `credit`: [`STREAM_WINDOW`], which both ends must agree
    /// on.
    pub stream_window: u32,
    /// Most raw bytes in one Stream frame.
    pub stream_chunk: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            caps: Caps { cancel: true, prompt: true, fin: true, credit: true },
            max_payload: MAX_PAYLOAD,
            handshake: Duration::from_secs(10),
            heartbeat: HeartbeatClass::Seconds20,
            unacked_messages: 32,
            settle: Duration::from_millis(100),
            late_close: Duration::from_millis(100),
            open: Duration::from_secs(25),
            dismiss: Duration::from_secs(30),
            close_grace: Duration::from_secs(5),
            reply_bytes: 256 * 1024,
            silent_sessions: 32,
            max_sessions: 4096,
            stream_window: STREAM_WINDOW,
            stream_chunk: 64 * 1024,
        }
    }
}
