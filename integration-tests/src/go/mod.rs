//! Peers over the real Go transport.
//!
//! The programs in `go-peers` are built once per test run, with Go's caches under cargo's target folder. Each runs as a
//! child process, takes JSON commands line by line and answers them; what else reaches it comes as an event.

mod build;
mod inbox;
mod peer;

pub use build::Generation;
pub use peer::{Peer, Start, Ticket, bytes, decimal, encode};
