//! What the example programs share.

pub mod gateway;
pub mod room;

use std::future::Future;
use std::io;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

/// How the gateway is dialed. The only one that there is: a flag that programs over the Go SDK have.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Network {
    /// TCP.
    Tcp,
}

/// Is done at SIGINT (Ctrl-C) or SIGTERM. From this call on, neither ends the process by itself.
///
/// # Errors
/// The system does not let us listen.
pub fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

pub mod chat {
    //! What the two sides of the chat room agree on.

    use serde::{Deserialize, Serialize};

    /// The topic to which users publish what they say, as plain text.
    pub const TOPIC: &str = "chatroom";

    /// What the service tells the other users, as JSON.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Chat {
        /// Who says it.
        pub user: String,
        /// What is said.
        pub msg: String,
    }
}
