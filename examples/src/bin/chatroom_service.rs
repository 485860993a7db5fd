//! The service of a chat room, whose users come with `chatroom_client`; `src/room.rs` says what it does.

use anyhow::Context;
use clap::Parser;
use frontier_examples::room::Room;
use frontier_examples::{Network, asked_to_end};

/// The service of a chat room.
#[derive(Debug, Parser)]
struct Args {
    /// Network of the gateway
    #[arg(long, value_enum, default_value = "tcp")]
    network: Network,
    /// Where the gateway takes services
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30011")]
    address: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Args { network: Network::Tcp, address } = Args::parse();
    let ending = asked_to_end()?;
    let room = Room::open(&address).await.with_context(|| format!("cannot join the gateway at {address}"))?;
    tokio::select! {
        closed = room.pass_on() => closed?,
        () = ending => {}
    }
    room.close().await;
    Ok(())
}
