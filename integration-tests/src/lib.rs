//! What the tests of the built gateway share.
//!
//! [`Gateway`] runs the program as a child process. Against it stand two kinds of peers: [`raw::Client`], a small
//! scripted one that shares no code with the project's own protocol crates, and [`go::Peer`], a program over the real
//! Go transport. Helpers assert: what differs from the expected panics at the line of the test that called.

pub mod bridges;
pub mod brokers;
pub mod certificates;
pub mod containers;
pub mod control;
pub mod gateway;
pub mod go;
pub mod http;
pub mod log;
pub mod nginx;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod readme;
pub mod replay;
pub mod tool;
pub mod wait;
pub mod websocket;

pub use control::Control;
pub use gateway::{Gateway, Settings};
pub use proxy::Proxy;
pub use tool::Tool;
pub use wait::{PATIENCE, eventually};
