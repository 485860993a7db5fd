//! The hidden command `peer`: what this program is told when it starts itself once more.

use std::net::SocketAddr;

use clap::Subcommand;

use super::EdgeTls;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Peer {
    /// A service that echoes calls, acknowledges messages and counts what streams bring
    Service {
        #[arg(long)]
        addr: String,
        /// Give out edge ids, and be told who comes and goes
        #[arg(long)]
        hooks: bool,
    },
    /// Edges that do the same
    Edges {
        #[arg(long)]
        addr: String,
        #[arg(long)]
        count: u32,
        #[command(flatten)]
        edge_tls: EdgeTls,
    },
    /// A service on one thread that echoes calls and acknowledges messages, as light as the relay's echo
    LeanService {
        #[arg(long)]
        addr: String,
    },
    /// Edges that do the same
    LeanEdges {
        #[arg(long)]
        addr: String,
        #[arg(long)]
        count: u32,
    },
    /// The plain relay
    Relay {
        #[arg(long)]
        upstream: SocketAddr,
    },
    /// Sends back what it gets
    Echo,
    /// Tells at the end of each connection how much came
    Sink,
}
