//! A scripted client that writes and reads the wire protocol byte by byte.
//!
//! It shares no code with the project's protocol crates, so that a mistake there cannot hide behind the same mistake
//! here. It does nothing by itself: every frame that leaves it is one step of a test. A frame that comes while the
//! test waits for another stays for a later step.

mod body;
mod client;
mod frame;
mod handshake;
mod pair;
mod presence;
mod sessions;
mod several;
mod talk;
pub mod time;
mod wire;

pub use body::{Body, base64, tail, with_tail};
pub use client::{Client, Lost};
pub use frame::{Frame, kind};
pub use handshake::{Hello, Refusal};
pub use pair::{Pair, call_down, call_up};
pub use presence::{HOOKS, presence_event};
pub use sessions::Opening;
pub use several::gather;
pub use wire::TlsClient;
pub(crate) use wire::Wire;
