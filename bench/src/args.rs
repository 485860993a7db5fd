//! The command line.

mod control;
mod peer;

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sdk::Tls;
use serde::{Deserialize, Serialize};

pub(crate) use control::{Control, Records};
pub(crate) use peer::Peer;

/// Measures a gateway: calls, publishes, streams, connects, idle links and its control plane.
///
/// The side that calls, publishes or writes is in this process, the side that answers in a child process. Both dial the
/// gateway, which may be any program at two addresses that speaks the protocol. Edges must get their ids from the gateway
/// itself, except for `connect`, whose service gives them out.
#[derive(Debug, Parser)]
#[command(name = "frontier-bench", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Calls in a closed loop: each caller waits for its answer before it calls again
    Call(Load),
    /// Acknowledged messages in a closed loop
    Publish(Load),
    /// Bytes through one stream, as fast as they go
    Stream(Stream),
    /// Edges that connect, with the hooks get_edge_id and edge_online, and leave
    Connect(Connect),
    /// Edges that have made one call and stay: memory per link, CPU of heartbeats; begin with a fresh gateway
    Idle(Idle),
    /// Questions to the control plane while the records are full of edges that stay, alone and beside calls; begin with a fresh
    /// gateway
    Control(Box<Control>),
    /// Messages of edges through a bridge to a broker, in turn with a bare client of that broker; then both at half of the
    /// bridge's speed
    #[cfg(feature = "brokers")]
    Bridge(Bridge),
    /// Make what a broker must have before messages come, and say the gateway's section `bridges`
    #[cfg(feature = "brokers")]
    #[command(hide = true)]
    BridgeConfig(AtBroker),
    /// Put the figures of a folder of JSON reports into a Markdown file
    Document(Document),
    /// Make a certificate and its key for a gateway on 127.0.0.1, as PEM files
    #[command(hide = true)]
    Certificate(Certificate),
    /// The other side of a scenario, or a part of the reference; ends with its standard input
    #[command(subcommand, hide = true)]
    Peer(Peer),
}

/// Where the gateway is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Gateway {
    /// Where edges connect: HOST:PORT, or ws://HOST:PORT/PATH or wss://HOST:PORT/PATH
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:30012")]
    pub(crate) edge_addr: String,
    /// Where services connect
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30011")]
    pub(crate) service_addr: String,
    #[command(flatten)]
    pub(crate) edge_tls: EdgeTls,
    /// Process of the gateway, on this machine: its CPU and memory are read
    #[arg(long)]
    pub(crate) pid: Option<u32>,
}

/// What edges run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Over {
    Tcp,
    Tls,
    WebSocket,
    WebSocketAndTls,
}

impl Over {
    /// In a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Over::Tcp => "TCP",
            Over::Tls => "TLS",
            Over::WebSocket => "WebSocket",
            Over::WebSocketAndTls => "WebSocket and TLS",
        }
    }
}

impl Gateway {
    /// What edges run over.
    pub(crate) fn over(&self) -> Over {
        let secure = self.edge_tls.tls().is_some();
        match self.edge_addr.split_once("://") {
            Some(("ws", _)) if !secure => Over::WebSocket,
            Some(_) => Over::WebSocketAndTls,
            None if secure => Over::Tls,
            None => Over::Tcp,
        }
    }
}

/// How edges reach the gateway: over TCP, unless one of these is given.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EdgeTls {
    /// Edges connect over TLS and trust whom this PEM file holds
    #[arg(long, value_name = "FILE", conflicts_with = "edge_tls_insecure")]
    pub(crate) edge_tls_ca: Option<PathBuf>,
    /// Edges connect over TLS and trust whoever answers
    #[arg(long)]
    pub(crate) edge_tls_insecure: bool,
}

impl EdgeTls {
    /// What edges are told; `None` for TCP.
    pub(crate) fn tls(&self) -> Option<Tls> {
        let roots = self.edge_tls_ca.as_ref().map(|file| Tls::roots([file]));
        roots.or_else(|| self.edge_tls_insecure.then(Tls::dangerously_trusting_anybody))
    }

    /// The same for a child process.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let ca = self.edge_tls_ca.iter().flat_map(|file| ["--edge-tls-ca".into(), file.clone().into_os_string()]);
        ca.chain(self.edge_tls_insecure.then(|| "--edge-tls-insecure".into())).collect()
    }
}

/// How long it is measured, and where the report goes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    /// Length of a round
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Operations of a round, instead of a length
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) count: Option<NonZeroU64>,
    /// Length of the round before the first, which is not counted
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) warm_up: Duration,
    /// Rounds; with --relay, of the gateway and the relay in turn
    #[arg(long, default_value = "3")]
    pub(crate) rounds: NonZeroU32,
    /// File to write the report to, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) gateway: Gateway,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Who begins
    #[arg(long, default_value = "edge-to-service")]
    pub(crate) direction: Direction,
    /// Edges
    #[arg(long, default_value = "1")]
    pub(crate) edges: NonZeroU32,
    /// Callers on each edge: so many operations are under way at once
    #[arg(long, default_value = "1")]
    pub(crate) in_flight: NonZeroU32,
    /// Payload in bytes
    #[arg(long, default_value = "128")]
    pub(crate) size: usize,
    /// Measure a plain TCP relay in turn with the gateway: as many connections, frames and bytes, echoed behind it
    #[arg(long)]
    pub(crate) relay: bool,
    /// Callers and answerers are applications on the SDK, not bare frames as light as those of the relay; edges over TLS are
    /// such ones only
    #[arg(long)]
    pub(crate) sdk: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Stream {
    #[command(flatten)]
    pub(crate) gateway: Gateway,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Who opens the stream and writes
    #[arg(long, default_value = "edge-to-service")]
    pub(crate) direction: Direction,
    /// Bytes of one write
    #[arg(long, default_value = "65536", value_parser = clap::value_parser!(u32).range(1..=16 * 1024 * 1024))]
    pub(crate) write_size: u32,
    /// Measure a plain TCP relay in turn with the gateway, with a sink behind it
    #[arg(long)]
    pub(crate) relay: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) gateway: Gateway,
    /// Where the gateway keeps its records, for readers
    #[arg(long)]
    pub(crate) records: Option<Records>,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Edges that connect and leave at the same time
    #[arg(long, default_value = "32")]
    pub(crate) edges: NonZeroU32,
    /// Edges that stay, with a call every 10 ms: what the others do to them
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) residents: u32,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) gateway: Gateway,
    /// Where the gateway keeps its records, for readers
    #[arg(long)]
    pub(crate) records: Option<Records>,
    /// Edges
    #[arg(long, default_value = "1000")]
    pub(crate) edges: NonZeroU32,
    /// Seconds between the heartbeats of an edge
    #[arg(long, value_name = "SECONDS", default_value = "20")]
    pub(crate) heartbeat: Heartbeat,
    /// Time to watch the gateway's CPU while nothing but heartbeats goes on
    #[arg(long, value_name = "SECONDS", default_value = "40", value_parser = seconds)]
    pub(crate) watch: Duration,
    /// File to write the report to, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// A broker, and how messages are put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    Kafka,
    Rabbitmq,
    Nats,
    Jetstream,
    Mqtt,
    Redis,
}

impl Target {
    /// For readers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Target::Kafka => "Kafka",
            Target::Rabbitmq => "RabbitMQ",
            Target::Nats => "NATS core",
            Target::Jetstream => "NATS JetStream",
            Target::Mqtt => "MQTT QoS 1",
            Target::Redis => "Redis streams",
        }
    }
}

#[cfg(feature = "brokers")]
#[derive(Debug, Clone, Args)]
pub(crate) struct AtBroker {
    /// Which broker, and how messages are put into it
    #[arg(long)]
    pub(crate) target: Target,
    /// Where the broker is
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) broker: String,
}

#[cfg(feature = "brokers")]
#[derive(Debug, Clone, Args)]
pub(crate) struct Bridge {
    /// Where edges connect. The gateway must have the section that `bridge-config` says
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30012")]
    pub(crate) edge_addr: String,
    /// Process of the gateway, on this machine: its CPU and memory are read
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    #[command(flatten)]
    pub(crate) at: AtBroker,
    /// What the broker is called and its version, for readers
    #[arg(long, default_value = "")]
    pub(crate) version: String,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Edges
    #[arg(long, default_value = "100")]
    pub(crate) edges: NonZeroU32,
    /// Messages under way on each edge; the bare client has as many as all edges together
    #[arg(long, default_value = "32")]
    pub(crate) in_flight: NonZeroU32,
    /// Payload in bytes
    #[arg(long, default_value = "1024")]
    pub(crate) size: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Document {
    /// Folder of the JSON reports
    #[arg(long, value_name = "FOLDER")]
    pub(crate) reports: PathBuf,
    /// Markdown file: what stands between its line `<!-- figures -->` and the end is replaced, or with `--bridges` what stands
    /// between `<!-- bridges -->` and `<!-- end of bridges -->`, or with `--control-plane` likewise
    #[arg(long, value_name = "FILE")]
    pub(crate) into: PathBuf,
    /// The reports are those of bridges
    #[arg(long)]
    pub(crate) bridges: bool,
    /// The reports are those of the control plane
    #[arg(long, conflicts_with = "bridges")]
    pub(crate) control_plane: bool,
    /// When and on what it was measured, for readers
    #[arg(long)]
    pub(crate) measured: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Certificate {
    /// Where the certificate goes, which is also the root to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// Where the key goes
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    EdgeToService,
    ServiceToEdge,
}

impl Command {
    /// Whether it runs on one thread: the callers beside the relay, and those that answer them. The relay itself has tokio's
    /// default, and so has the SDK.
    pub(crate) fn is_on_one_thread(&self) -> bool {
        match self {
            Command::Call(load) | Command::Publish(load) => !load.sdk,
            Command::Control(_) => true,
            #[cfg(feature = "brokers")]
            Command::Bridge(_) => true,
            Command::Peer(peer) => matches!(peer, Peer::LeanService { .. } | Peer::LeanEdges { .. } | Peer::Echo),
            _ => false,
        }
    }
}

impl Direction {
    /// For readers.
    pub(crate) fn arrow(self) -> &'static str {
        match self {
            Direction::EdgeToService => "edge → service",
            Direction::ServiceToEdge => "service → edge",
        }
    }
}

/// The intervals that the protocol knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Heartbeat {
    #[value(name = "5")]
    Seconds5,
    #[value(name = "20")]
    Seconds20,
    #[value(name = "80")]
    Seconds80,
    #[value(name = "320")]
    Seconds320,
}

impl From<Heartbeat> for sdk::HeartbeatClass {
    fn from(heartbeat: Heartbeat) -> Self {
        match heartbeat {
            Heartbeat::Seconds5 => Self::Seconds5,
            Heartbeat::Seconds20 => Self::Seconds20,
            Heartbeat::Seconds80 => Self::Seconds80,
            Heartbeat::Seconds320 => Self::Seconds320,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    /// Longer runs are surely a mistake.
    const LONGEST: f64 = 24.0 * 3600.0;
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds, for example 3 or 0.5".to_owned())?;
    if (0.0..=LONGEST).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("give a number of seconds from 0 to {LONGEST}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds_are_numbers_within_a_day() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "-1", "NaN", "inf", "90000", "3s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
