//! `frontier-bench`: what a gateway costs, measured from outside beside a plain TCP relay.

mod args;
mod connect;
mod idle;
mod latencies;
mod load;
mod peer;
mod progress;
mod reference;
mod report;
mod server;
mod stream;
mod traffic;

use anyhow::Result;
use clap::Parser;

use args::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Call(load) => traffic::measure(traffic::Kind::Call, &load).await,
        Command::Publish(load) => traffic::measure(traffic::Kind::Publish, &load).await,
        Command::Stream(stream) => stream::measure(&stream).await,
        Command::Connect(connect) => connect::measure(&connect).await,
        Command::Idle(idle) => idle::measure(&idle).await,
        Command::Peer(peer) => peer::run(peer).await,
    }
}
