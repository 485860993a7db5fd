//! The real message brokers, as plain processes of this machine. `scripts/setup.sh brokers` installs what they need.
//!
//! Each kind starts on free ports of 127.0.0.1 with a data folder of its own, is handed out once it really answers, and
//! holds a [`Broker`], by which a test kills, freezes, stops and restarts the process at the same place. What a broker
//! confirmed outlives its death as set up here: Kafka and RabbitMQ by themselves (a durable queue and persistent
//! messages assumed), NATS in file-backed streams, Mosquitto by saving every change, Redis by syncing every command.
//! All of them end with their owner, and with the test program if that dies.

pub mod amqp;
pub(crate) mod broker;
mod kafka;
mod kafka_log;
mod mosquitto;
mod nats;
pub(crate) mod port;
mod rabbitmq;
mod redis;
mod redis_client;
mod redis_several;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use broker::Broker;
pub use kafka::Kafka;
pub use kafka_log::{KafkaLog, make_topics};
pub use mosquitto::{KEEPS as MOSQUITTO_KEEPS, Mosquitto};
pub use nats::Nats;
pub use rabbitmq::Rabbitmq;
pub use redis::{KEEPS as REDIS_KEEPS, Redis};
pub use redis_client::{RedisClient, Reply};
pub use redis_several::{RedisCluster, Sentinel};

use crate::certificates::{Authority, Pair};
use crate::tool::Tool;

/// How long one question to a broker may take until it counts as not answered.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// What a test wants of its broker. The default: one listener in clear text, no login.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A listener for TLS beside that in clear text; NATS has both on one port.
    pub tls: Option<Tls>,
    /// Demanded on every listener for clients.
    pub login: Option<Login>,
    /// More lines of the broker's own configuration. They follow ours, for brokers to which the last of a key counts.
    pub lines: Vec<String>,
    /// The port of the listener in clear text, if it is free here; else, and without it, any.
    pub port: Option<u16>,
}

/// How a broker speaks TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Its own certificate and key.
    pub own: Pair,
    /// The certificate that clients' certificates are checked against.
    pub authority: PathBuf,
    /// Whether clients need a certificate.
    pub clients: bool,
}

impl Tls {
    /// With a new certificate of `authority` for `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn by(authority: &Authority, stem: &str) -> Self {
        let own = authority.pair_of(stem, &["localhost", "127.0.0.1"]);
        Self { own, authority: authority.file(), clients: false }
    }

    /// Demands a certificate of clients.
    #[must_use]
    pub fn with_clients(self) -> Self {
        Self { clients: true, ..self }
    }
}

/// A user and password. Both go into configuration files as they are: letters, digits, `-` and `_` alone are safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Login {
    /// Of this name and password.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }
}

/// The value of a name in `brokers/versions.env`.
fn version(name: &str) -> &'static str {
    let lines = include_str!("../../brokers/versions.env").lines();
    let value = lines.filter_map(|line| line.split_once('=')).find(|(left, _)| *left == name).map(|(_, right)| right);
    value.unwrap_or_else(|| panic!("brokers/versions.env says nothing of {name}"))
}

/// Where a server's program lies: in `PATH`, or where Debian puts servers, which not everybody has in `PATH`.
///
/// # Panics
/// When it is nowhere.
#[track_caller]
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("no program {name}: run `scripts/setup.sh test` first"))
}

#[track_caller]
fn write(file: &Path, content: &str) {
    fs::write(file, content).unwrap_or_else(|error| panic!("{} cannot be written: {error}", file.display()));
}

#[track_caller]
fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("{} cannot be copied: {error}", from.display()));
}

/// Runs a program that prepares something for a broker.
///
/// # Panics
/// When it fails.
#[track_caller]
fn prepare(tool: Tool, what: &str) {
    let done = tool.run_within(broker::PATIENCE, b"");
    assert_eq!(done.code, 0, "{what}: {}{}", String::from_utf8_lossy(&done.out), done.err);
}

/// Sends `question` over a connection of its own and reads the first `N` bytes that come.
fn ask<const N: usize>(addr: SocketAddr, question: &[u8]) -> io::Result<[u8; N]> {
    let mut socket = TcpStream::connect_timeout(&addr, ANSWERS_WITHIN)?;
    socket.set_read_timeout(Some(ANSWERS_WITHIN))?;
    socket.write_all(question)?;
    let mut answer = [0; N];
    socket.read_exact(&mut answer)?;
    Ok(answer)
}

/// Whether an answer is the one that says "ready".
fn expect(good: bool, answer: &[u8]) -> io::Result<()> {
    if good { Ok(()) } else { Err(io::Error::other(format!("it answers {:?}", String::from_utf8_lossy(answer)))) }
}
