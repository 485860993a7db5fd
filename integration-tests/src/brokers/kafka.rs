//! Kafka: one process that is broker and controller, small and quick to start.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::broker::Plan;
use super::port::Port;
use super::{Broker, Login, Settings, Tls, ask, copy, expect, prepare, version, write};
use crate::process::target_dir;
use crate::tool::Tool;

/// Any will do: a cluster of one meets no other.
const CLUSTER: &str = "ZnJvbnRpZXItdGVzdGluZw";

const MECHANISMS: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

const LOGGING: &str = "
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
logger.values.name = kafka.server.KafkaConfig
logger.values.level = warn
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
";

/// A Kafka server, alone. Topics are made at the first use.
#[derive(Debug)]
pub struct Kafka {
    /// Its process.
    pub broker: Broker,
    /// In clear text; with a login by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    pub addr: SocketAddr,
    /// With TLS, if that is set, and logins as on the other.
    pub tls: Option<SocketAddr>,
    /// In clear text and never with a login: for looking at what has arrived.
    pub inside: SocketAddr,
    _ports: Vec<Port>,
}

struct Ports {
    plain: Port,
    secure: Option<Port>,
    inside: Port,
    controller: Port,
}

impl Kafka {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        Self::start_as(settings, None)
    }

    /// As [`Kafka::start`], but in clear text it sends its clients to `addr` (`host:port`), by which they reach it.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start_behind(addr: &str, settings: &Settings) -> Self {
        Self::start_as(settings, Some(addr))
    }

    #[track_caller]
    fn start_as(settings: &Settings, advertised: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let ports = Ports {
            plain: Port::preferably(settings.port),
            secure: settings.tls.as_ref().map(|_| Port::any()),
            inside: Port::any(),
            controller: Port::any(),
        };
        let file = folder.path().join("server.properties");
        write(&file, &configuration(settings, folder.path(), &ports, advertised));
        let logging = folder.path().join("log4j2.properties");
        write(&logging, LOGGING);
        format(&file, settings.login.as_ref());
        let (addr, tls) = (ports.plain.addr(), ports.secure.as_ref().map(Port::addr));
        let inside = ports.inside.addr();
        let class_path = class_path();
        let broker = Broker::new(Plan {
            name: "kafka",
            folder,
            command: Box::new(move || {
                let mut command = Command::new("java");
                command.args(["-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-cp", &class_path]);
                command.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
                command.arg("kafka.Kafka").arg(&file);
                command
            }),
            ask: Box::new(move || lists_itself(inside)),
        });
        let Ports { plain, secure, inside: third, controller } = ports;
        let ports = [plain, third, controller].into_iter().chain(secure).collect();
        Self { broker, addr, tls, inside, _ports: ports }
    }

    /// One of Kafka's command line tools by its class, for example `org.apache.kafka.tools.ConsoleConsumer`, with
    /// arguments that are separated by spaces. It takes 2 to 4 s.
    ///
    /// # Panics
    /// When Kafka is not installed.
    #[must_use]
    #[track_caller]
    pub fn tool(class: &str, args: &str) -> Tool {
        java(class).words(args)
    }
}

/// The jars of the build folder, as Java takes them.
#[track_caller]
fn class_path() -> String {
    let jars = target_dir().join("kafka").join(version("KAFKA_VERSION"));
    assert!(jars.is_dir(), "no Kafka in {}: run `scripts/setup.sh brokers` first", jars.display());
    format!("{}/*", jars.display())
}

/// A short run of Java: what is compiled at all is compiled in little time.
#[track_caller]
fn java(class: &str) -> Tool {
    let tool = Tool::installed("java", "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp");
    tool.arg(&class_path()).arg(class)
}

/// Makes an empty data folder, which SCRAM users are part of.
#[track_caller]
fn format(file: &Path, login: Option<&Login>) {
    // A user's name is text of any letters, which Java takes by the locale.
    let tool = java("kafka.tools.StorageTool").env("LC_ALL", "C.UTF-8");
    let tool = tool.words("format --cluster-id").arg(CLUSTER).arg("--config");
    let mut tool = tool.arg(&file.display().to_string());
    if let Some(Login { user, password }) = login {
        for mechanism in MECHANISMS {
            tool = tool.arg("--add-scram").arg(&format!("{mechanism}=[name={user},password={password}]"));
        }
    }
    prepare(tool, "formatting Kafka's data folder");
}

fn configuration(settings: &Settings, folder: &Path, ports: &Ports, advertised: Option<&str>) -> String {
    let (clear, over_tls) = match settings.login {
        None => ("PLAINTEXT", "SSL"),
        Some(_) => ("SASL_PLAINTEXT", "SASL_SSL"),
    };
    let controller = ports.controller.addr();
    let mut others = format!("INSIDE://{}", ports.inside.addr());
    let mut lines = Vec::new();
    if let (Some(tls), Some(secure)) = (&settings.tls, &ports.secure) {
        others = format!("{others},SECURE://{}", secure.addr());
        lines.extend(tls_lines(tls, folder));
    }
    if let Some(login) = &settings.login {
        lines.extend(login_lines(login));
    }
    let plain = ports.plain.addr().to_string();
    let advertised = advertised.unwrap_or(&plain);
    lines.extend([
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@{controller}"),
        format!("listeners=CLIENT://{plain},{others},CONTROLLER://{controller}"),
        format!("advertised.listeners=CLIENT://{advertised},{others}"),
        "inter.broker.listener.name=INSIDE".to_owned(),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!(
            "listener.security.protocol.map=CLIENT:{clear},SECURE:{over_tls},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        format!("log.dirs={}", folder.join("data").display()),
    ]);
    // What is kept in several copies by default, how long a successor of a dead process waits to be let in, and a cleaner that
    // by default takes half of the heap, so that a slow start runs out of it.
    let alone = "offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=250
log.cleaner.dedupe.buffer.size=4194304";
    lines.push(alone.to_owned());
    [lines, settings.lines.clone()].concat().join("\n") + "\n"
}

fn tls_lines(tls: &Tls, folder: &Path) -> Vec<String> {
    let (own, authority) = (folder.join("own.pem"), folder.join("ca.pem"));
    let read = |file: &PathBuf| fs::read_to_string(file).expect("a file of ours can be read");
    write(&own, &[read(&tls.own.key), read(&tls.own.cert), read(&tls.authority)].concat());
    copy(&tls.authority, &authority);
    let of_listener = |line: &str| format!("listener.name.secure.ssl.{line}");
    vec![
        of_listener("keystore.type=PEM"),
        of_listener(&format!("keystore.location={}", own.display())),
        of_listener("truststore.type=PEM"),
        of_listener(&format!("truststore.location={}", authority.display())),
        of_listener(if tls.clients { "client.auth=required" } else { "client.auth=none" }),
    ]
}

fn login_lines(login: &Login) -> Vec<String> {
    let Login { user, password } = login;
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule";
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule";
    let mut lines = vec![format!("sasl.enabled.mechanisms=PLAIN,{}", MECHANISMS.join(","))];
    // In a line of this kind most characters would mean something; SCRAM's users are made apart.
    let simple = user.chars().all(char::is_alphanumeric);
    let users = if simple { format!(" user_{user}=\"{password}\"") } else { String::new() };
    for listener in ["client", "secure"].map(|name| format!("listener.name.{name}")) {
        lines.push(format!("{listener}.plain.sasl.jaas.config={plain} required{users};"));
        for mechanism in MECHANISMS.map(str::to_lowercase) {
            lines.push(format!("{listener}.{mechanism}.sasl.jaas.config={scram} required;"));
        }
    }
    lines
}

/// Metadata request, version 4, of no topic. The answer lists the brokers that the controller lets in: this one.
fn lists_itself(addr: SocketAddr) -> io::Result<()> {
    let (key, version, correlation, no_client_id) = ([0, 3], [0, 4], [0, 0, 0, 7], [0xff, 0xff]);
    let (no_topics, make_none) = ([0, 0, 0, 0], [0]);
    let body = [&key[..], &version, &correlation, &no_client_id, &no_topics, &make_none].concat();
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    // Length, correlation, throttle time, number of brokers.
    let answer: [u8; 16] = ask(addr, &[&length[..], &body].concat())?;
    expect(answer[4..8] == correlation && answer[12..] == [0, 0, 0, 1], &answer)
}
