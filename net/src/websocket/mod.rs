//! A byte stream inside WebSocket (RFC 6455), for either end.
//!
//! The payloads of binary messages, one behind the other, are the stream; where one message ends and the next begins means
//! nothing. Frames are read where they lie and passed on as they come: no message is ever put together, so that an idle
//! stream owns no buffer, and a large message costs no more memory than a small one. Nothing is compressed.
//!
//! Heads of frames, close codes and keys are those of tungstenite; its own buffers, which live as long as the connection, are
//! not used.
//!
//! | file | what is in it |
//! |---|---|
//! | `upgrade.rs` | a client's request, and what a server answers (no IO) |
//! | `accept.rs` | the server's part of the handshake |
//! | `connect.rs` | the client's part of the handshake |
//! | `decode.rs` | bytes to payload and signals, and what is wrong with them (no IO) |
//! | `outgoing.rs` | payload and signals to bytes (no IO) |
//! | `pulse.rs` | pings |
//! | `stream.rs` | all of that as a byte stream |

mod accept;
mod connect;
mod decode;
mod head;
mod outgoing;
mod pulse;
mod stream;
#[cfg(test)]
mod tests;
mod upgrade;
mod url;

use std::time::Duration;

pub use accept::{Accepted, NotAccepted, accept};
pub use connect::{ConnectError, connect};
pub use decode::{Decoder, Stop, Violation};
pub use stream::WebSocket;
pub use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
pub use upgrade::{Denied, Request, Upgrade, answer};
pub use url::{BadUrl, Url};

/// What both ends name in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "frontier.v1";

/// Which end of a connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The end that was dialed; the other one masks what it sends.
    Server,
    /// The end that has dialed; it masks what it sends.
    Client,
}

/// What one stream watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The largest message that is taken, in bytes of payload, however many fragments it comes in.
    pub max_message: u32,
    /// How often the peer is pinged while it sends no payload. One of which nothing has come from one ping to the next is given
    /// up. `None`: never.
    pub ping: Option<Duration>,
}
