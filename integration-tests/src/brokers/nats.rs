//! NATS, with JetStream.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::broker::Plan;
use super::port::Port;
use super::{Broker, Login, Settings, Tls, ask, copy, expect, program, write};
use crate::wait::eventually;

/// Its configuration, in its folder.
const FILE: &str = "nats.conf";

/// A NATS server, alone, with JetStream on.
#[derive(Debug)]
pub struct Nats {
    /// Its process.
    pub broker: Broker,
    /// In clear text and with TLS, if that is set: both begin alike, and the client decides.
    pub addr: SocketAddr,
    port: Port,
}

impl Nats {
    /// Starts one. Tokens and keys in place of a login are lines of the configuration: `authorization { token: t }`.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        let server = program("nats-server");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let port = Port::preferably(settings.port);
        let file = folder.path().join(FILE);
        write(&file, &configuration(settings, folder.path(), &port));
        let addr = port.addr();
        let broker = Broker::new(Plan {
            name: "nats",
            folder,
            command: Box::new(move || {
                let mut command = Command::new(&server);
                command.arg("--config").arg(&file);
                command
            }),
            ask: Box::new(move || {
                let answer: [u8; 5] = ask(addr, b"")?;
                expect(&answer == b"INFO ", &answer)
            }),
        });
        Self { broker, addr, port }
    }

    /// Gives it other settings while it runs, and waits until it goes by them. Connections stay as far as the settings allow it.
    ///
    /// # Panics
    /// When it does not take them.
    #[track_caller]
    pub fn reload(&self, settings: &Settings) {
        let said = "Reloaded server configuration";
        let before = self.broker.log.count(said);
        let folder = self.broker.folder();
        write(&folder.join(FILE), &configuration(settings, folder, &self.port));
        self.broker.reload();
        eventually("the server goes by its new settings", || (self.broker.log.count(said) > before).then_some(()));
    }
}

fn configuration(settings: &Settings, folder: &Path, port: &Port) -> String {
    let mut text = format!("listen: \"{}\"\njetstream {{ store_dir: {:?} }}\n", port.addr(), folder.join("data"));
    if let Some(Login { user, password }) = &settings.login {
        writeln!(text, "authorization {{ user: {user:?}, password: {password:?} }}").expect("a string takes any text");
    }
    if let Some(tls) = &settings.tls {
        text += &tls_block(tls, folder);
    }
    text + &settings.lines.join("\n") + "\n"
}

fn tls_block(tls: &Tls, folder: &Path) -> String {
    let file = |name: &str| folder.join(name);
    copy(&tls.own.cert, &file("cert.pem"));
    copy(&tls.own.key, &file("key.pem"));
    copy(&tls.authority, &file("ca.pem"));
    format!(
        "allow_non_tls: true\ntls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: {} }}\n",
        file("cert.pem"),
        file("key.pem"),
        file("ca.pem"),
        tls.clients
    )
}
