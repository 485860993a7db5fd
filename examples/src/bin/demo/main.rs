//! Shows a gateway at work in one terminal: `make demo`, or `demo --gateway PATH`.
//!
//! Starts the gateway on free ports of this machine, connects a service and two edges, lets them call each other, publish
//! and open a stream, says what to look at, and stops everything. Exits 0 only if all of it went as it should.

mod scenes;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Parser;
use frontier_examples::gateway::Gateway;

/// Free ports of this machine, nothing that others can reach; a topic goes to a file beside the configuration.
const CONFIG: &str = "\
servicebound: {listen: {network: tcp, addr: '127.0.0.1:0'}}
edgebound: {listen: {network: tcp, addr: '127.0.0.1:0'}}
observability: {enable: false}
bridges:
  - name: readings
    topics: [vibration]
    file: {path: readings.jsonl}
";

/// More than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shows a Frontier gateway with a service and two edges.
#[derive(Debug, Parser)]
struct Args {
    /// The gateway's program, for example target/release/frontier.
    #[arg(long, value_name = "PATH")]
    gateway: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let shown = tokio::time::timeout(PATIENCE, show(&args)).await;
    match shown.unwrap_or_else(|_| Err(anyhow!("it did not end within {PATIENCE:?}"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn show(args: &Args) -> anyhow::Result<()> {
    let gateway = Gateway::start(&args.gateway, CONFIG).await?;
    scenes::title("The gateway runs");
    scenes::say("gateway", &format!("services dial {}, edges dial {}", gateway.services, gateway.edges));
    scenes::play(&gateway.services, &gateway.edges, &gateway.file("readings.jsonl")).await?;
    scenes::title("The gateway stops");
    gateway.stop().await?;
    scenes::say("gateway", "was asked to stop (SIGTERM), finished its work and exited with 0");
    println!("\nThat was all of it. Next: `make run` keeps a gateway running, README.md shows how to use it.");
    Ok(())
}
