//! TCP, TLS and WebSocket at either end: the way in of links, the way out of SDK, bypass and bridges. It knows no protocol above them.

mod causes;
mod dial;
mod listen;
pub mod tls;
pub mod websocket;

pub use causes::Causes;
pub use dial::{DialError, dial, dial_tls, dial_websocket};
pub use listen::{ListenError, Listener};
