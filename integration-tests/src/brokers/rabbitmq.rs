//! RabbitMQ, a node of its own beside the machine's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::broker::{PATIENCE, Plan};
use super::port::Port;
use super::{Broker, Login, Settings, Tls, ask, copy, expect, program, version, write};
use crate::tool::Tool;

/// The node's name: every node has a name server of its own, so that all can be called the same.
const NODE: &str = "rabbit@localhost";

/// A RabbitMQ node, alone.
#[derive(Debug)]
pub struct Rabbitmq {
    /// Its process, the Erlang machine itself.
    pub broker: Broker,
    /// In clear text.
    pub addr: SocketAddr,
    /// With TLS, if that is set.
    pub tls: Option<SocketAddr>,
    environment: Vec<(&'static str, String)>,
    /// Erlang's name server, which would otherwise be started by the node and stay behind.
    _epmd: Broker,
    _ports: Vec<Port>,
}

impl Rabbitmq {
    /// Starts one. Without a login in the settings there is `guest` with the password `guest`.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        Self::start_with(settings, None)
    }

    /// Starts one that has users, virtual hosts, queues and policies as in a file of definitions, given as JSON. Its users are
    /// all that there are.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start_defined(settings: &Settings, definitions: &str) -> Self {
        Self::start_with(settings, Some(definitions))
    }

    #[track_caller]
    fn start_with(settings: &Settings, definitions: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (plain, names, peers) = (Port::preferably(settings.port), Port::any(), Port::any());
        let secure = settings.tls.as_ref().map(|_| Port::any());
        write(&folder.path().join("enabled_plugins"), "[].\n");
        let file = folder.path().join("rabbitmq.conf");
        let mut lines = configuration(settings, folder.path(), &plain, secure.as_ref());
        if let Some(definitions) = definitions {
            let file = folder.path().join("definitions.json");
            write(&file, definitions);
            lines.push_str(&format!("load_definitions = {}\n", file.display()));
        }
        write(&file, &lines);
        let environment = environment(folder.path(), &file, &names, &peers);
        let (addr, tls) = (plain.addr(), secure.as_ref().map(Port::addr));
        let epmd = epmd(names.addr());
        let (script, variables) = (script("rabbitmq-server"), environment.clone());
        let broker = Broker::new(Plan {
            name: "rabbitmq",
            folder,
            command: Box::new(move || {
                let mut command = Command::new(&script);
                command.envs(variables.iter().cloned());
                command
            }),
            ask: Box::new(move || {
                let answer: [u8; 1] = ask(addr, b"AMQP\0\0\x09\x01")?;
                expect(answer == [1], &answer)
            }),
        });
        let ports = [plain, names, peers].into_iter().chain(secure).collect();
        Self { broker, addr, tls, environment, _epmd: epmd, _ports: ports }
    }

    /// Has the node write down what was declared: one that is killed within seconds of a declaration has forgotten the queue
    /// otherwise, though not its messages.
    ///
    /// # Panics
    /// When the node does not.
    #[track_caller]
    pub fn saves(&self) {
        let done = self.ctl("--quiet eval mnesia:dump_log().").run_within(PATIENCE, b"");
        assert_eq!((done.code, done.text().trim()), (0, "dumped"), "{}", done.err);
    }

    /// `rabbitmqctl` for this node, with arguments that are separated by spaces. It takes about 2 s.
    #[must_use]
    pub fn ctl(&self, args: &str) -> Tool {
        let tool = Tool::installed(&script("rabbitmqctl").display().to_string(), args);
        self.environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value))
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(version("RABBITMQ_BIN")).join(name)
}

/// What keeps a node away from the machine's own settings, data and names.
fn environment(folder: &Path, file: &Path, names: &Port, peers: &Port) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        ("HOME", folder.display().to_string()),
        ("RABBITMQ_CONF_ENV_FILE", path("none.conf")),
        ("RABBITMQ_CONFIG_FILE", file.display().to_string()),
        ("RABBITMQ_CONFIG_FILES", path("conf.d")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_PID_FILE", path("pid")),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_NODENAME", NODE.to_owned()),
        ("RABBITMQ_DIST_PORT", peers.number().to_string()),
        ("ERL_EPMD_PORT", names.number().to_string()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
        // The script becomes the Erlang machine instead of waiting for it: its pid is the broker's.
        ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
    ]
}

#[track_caller]
fn epmd(addr: SocketAddr) -> Broker {
    let server = program("epmd");
    Broker::new(Plan {
        name: "epmd",
        folder: tempfile::tempdir().expect("a temporary folder can be made"),
        command: Box::new(move || {
            let mut command = Command::new(&server);
            command.args(["-address", "127.0.0.1", "-port", &addr.port().to_string()]);
            command
        }),
        // The question "who is there" and the port that comes first in the answer.
        ask: Box::new(move || {
            let answer: [u8; 4] = ask(addr, &[0, 1, b'n'])?;
            expect(answer == u32::from(addr.port()).to_be_bytes(), &answer)
        }),
    })
}

fn configuration(settings: &Settings, folder: &Path, plain: &Port, secure: Option<&Port>) -> String {
    let mut lines = vec![format!("listeners.tcp.1 = {}", plain.addr()), "log.console.level = info".to_owned()];
    if let (Some(tls), Some(secure)) = (&settings.tls, secure) {
        lines.extend(tls_lines(tls, folder, secure));
    }
    if let Some(Login { user, password }) = &settings.login {
        lines.extend([format!("default_user = {user}"), format!("default_pass = {password}")]);
    }
    [lines, settings.lines.clone()].concat().join("\n") + "\n"
}

fn tls_lines(tls: &Tls, folder: &Path, secure: &Port) -> Vec<String> {
    let file = |name: &str| folder.join(name);
    copy(&tls.own.cert, &file("cert.pem"));
    copy(&tls.own.key, &file("key.pem"));
    copy(&tls.authority, &file("ca.pem"));
    vec![
        format!("listeners.ssl.1 = {}", secure.addr()),
        format!("ssl_options.certfile = {}", file("cert.pem").display()),
        format!("ssl_options.keyfile = {}", file("key.pem").display()),
        format!("ssl_options.cacertfile = {}", file("ca.pem").display()),
        format!("ssl_options.verify = {}", if tls.clients { "verify_peer" } else { "verify_none" }),
        format!("ssl_options.fail_if_no_peer_cert = {}", tls.clients),
    ]
}
