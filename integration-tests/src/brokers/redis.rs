//! Redis: every command is on disk before it is answered.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::broker::Plan;
use super::port::Port;
use super::{Broker, Login, Settings, Tls, ask, copy, expect, program, write};

/// What makes it keep all that it has confirmed.
pub const KEEPS: &[&str] = &["appendonly yes", "appendfsync always"];

/// A Redis server, alone.
#[derive(Debug)]
pub struct Redis {
    /// Its process.
    pub broker: Broker,
    /// In clear text.
    pub addr: SocketAddr,
    /// With TLS, if that is set.
    pub tls: Option<SocketAddr>,
    _ports: Vec<Port>,
}

impl Redis {
    /// Starts one. With a login the user `default` is off.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        let server = program("redis-server");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let plain = Port::preferably(settings.port);
        let secure = settings.tls.as_ref().map(|_| Port::any());
        let file = folder.path().join("redis.conf");
        write(&file, &configuration(settings, folder.path(), &plain, secure.as_ref()));
        let (addr, tls) = (plain.addr(), secure.as_ref().map(Port::addr));
        let login = settings.login.clone();
        let broker = Broker::new(Plan {
            name: "redis",
            folder,
            command: Box::new(move || {
                let mut command = Command::new(&server);
                command.arg(&file);
                command
            }),
            ask: Box::new(move || pong(addr, login.as_ref())),
        });
        Self { broker, addr, tls, _ports: [plain].into_iter().chain(secure).collect() }
    }
}

fn configuration(settings: &Settings, folder: &Path, plain: &Port, secure: Option<&Port>) -> String {
    let mut lines = vec![
        "bind 127.0.0.1".to_owned(),
        format!("port {}", plain.number()),
        format!("dir {}", folder.display()),
        "save \"\"".to_owned(),
    ];
    lines.extend(KEEPS.iter().map(|line| (*line).to_owned()));
    if let (Some(tls), Some(secure)) = (&settings.tls, secure) {
        lines.extend(tls_lines(tls, folder, secure));
    }
    if let Some(Login { user, password }) = &settings.login {
        lines.extend([
            "user default off".to_owned(),
            format!("user {user:?} on {:?} ~* &* +@all", format!(">{password}")),
        ]);
    }
    [lines, settings.lines.clone()].concat().join("\n") + "\n"
}

/// The lines that make a server listen there with TLS; its certificate is also what it shows to others.
pub(super) fn tls_lines(tls: &Tls, folder: &Path, secure: &Port) -> Vec<String> {
    let file = |name: &str| folder.join(name);
    copy(&tls.own.cert, &file("cert.pem"));
    copy(&tls.own.key, &file("key.pem"));
    copy(&tls.authority, &file("ca.pem"));
    vec![
        format!("tls-port {}", secure.number()),
        format!("tls-cert-file {}", file("cert.pem").display()),
        format!("tls-key-file {}", file("key.pem").display()),
        format!("tls-ca-cert-file {}", file("ca.pem").display()),
        format!("tls-auth-clients {}", if tls.clients { "yes" } else { "no" }),
    ]
}

/// It accepts while it still reads its data, and says so instead of `PONG`; before that it wants the login.
fn pong(addr: SocketAddr, login: Option<&Login>) -> io::Result<()> {
    let Some(Login { user, password }) = login else {
        let answer: [u8; 7] = ask(addr, b"PING\r\n")?;
        return expect(&answer == b"+PONG\r\n", &answer);
    };
    let answer: [u8; 12] = ask(addr, format!("AUTH {user:?} {password:?}\r\nPING\r\n").as_bytes())?;
    expect(&answer == b"+OK\r\n+PONG\r\n", &answer)
}
