//! Mosquitto: it saves what it holds for sessions at every change, not once in half an hour.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::broker::Plan;
use super::port::Port;
use super::{Broker, Login, Settings, Tls, ask, copy, expect, prepare, program, write};
use crate::tool::Tool;

/// What makes it keep messages: it saves at every change, and throws nothing away of what a session misses while its client is not
/// there, as the default of 1000 messages does in silence.
pub const KEEPS: &[&str] =
    &["persistence true", "autosave_on_changes true", "autosave_interval 1", "max_queued_messages 100000"];

/// A Mosquitto server for MQTT 3.1.1 and 5.
#[derive(Debug)]
pub struct Mosquitto {
    /// Its process.
    pub broker: Broker,
    /// In clear text.
    pub addr: SocketAddr,
    /// With TLS, if that is set.
    pub tls: Option<SocketAddr>,
    _ports: Vec<Port>,
}

impl Mosquitto {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        let server = program("mosquitto");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let plain = Port::preferably(settings.port);
        let secure = settings.tls.as_ref().map(|_| Port::any());
        let file = folder.path().join("mosquitto.conf");
        write(&file, &configuration(settings, folder.path(), &plain, secure.as_ref()));
        let (addr, tls) = (plain.addr(), secure.as_ref().map(Port::addr));
        let login = settings.login.clone();
        let broker = Broker::new(Plan {
            name: "mosquitto",
            folder,
            command: Box::new(move || {
                let mut command = Command::new(&server);
                command.arg("-c").arg(&file);
                command
            }),
            ask: Box::new(move || connack(addr, login.as_ref())),
        });
        Self { broker, addr, tls, _ports: [plain].into_iter().chain(secure).collect() }
    }
}

fn configuration(settings: &Settings, folder: &Path, plain: &Port, secure: Option<&Port>) -> String {
    let mut lines = vec![
        // As root it would become another user, who may not write here.
        "user root".to_owned(),
        "log_dest stdout".to_owned(),
        format!("persistence_location {}/", folder.display()),
    ];
    lines.extend(KEEPS.iter().map(|line| (*line).to_owned()));
    match &settings.login {
        None => lines.push("allow_anonymous true".to_owned()),
        Some(login) => {
            let file = folder.join("passwords");
            password_file(login, &file);
            lines.extend(["allow_anonymous false".to_owned(), format!("password_file {}", file.display())]);
        }
    }
    lines.extend(settings.lines.iter().cloned());
    lines.push(format!("listener {} 127.0.0.1", plain.number()));
    if let (Some(tls), Some(secure)) = (&settings.tls, secure) {
        lines.extend(tls_lines(tls, folder, secure));
    }
    lines.join("\n") + "\n"
}

fn tls_lines(tls: &Tls, folder: &Path, secure: &Port) -> Vec<String> {
    let file = |name: &str| folder.join(name);
    copy(&tls.own.cert, &file("cert.pem"));
    copy(&tls.own.key, &file("key.pem"));
    copy(&tls.authority, &file("ca.pem"));
    vec![
        format!("listener {} 127.0.0.1", secure.number()),
        format!("certfile {}", file("cert.pem").display()),
        format!("keyfile {}", file("key.pem").display()),
        format!("cafile {}", file("ca.pem").display()),
        format!("require_certificate {}", tls.clients),
    ]
}

#[track_caller]
fn password_file(login: &Login, file: &Path) {
    let tool = Tool::installed("mosquitto_passwd", "-b -c").arg(&file.display().to_string());
    prepare(tool.arg(&login.user).arg(&login.password), "mosquitto_passwd");
}

/// CONNECT of MQTT 3.1.1 with a clean session and no client id; the answer is CONNACK with the code 0.
fn connack(addr: SocketAddr, login: Option<&Login>) -> io::Result<()> {
    let text = |text: &str| [&u16::try_from(text.len()).expect("short").to_be_bytes(), text.as_bytes()].concat();
    let clean = 0b10;
    let flags = if login.is_some() { 0b1100_0000 | clean } else { clean };
    let mut body = [text("MQTT"), vec![4, flags, 0, 60], text("")].concat();
    if let Some(Login { user, password }) = login {
        body.extend([text(user), text(password)].concat());
    }
    let length = u8::try_from(body.len()).ok().filter(|length| *length < 128).expect("a short name and password");
    let answer: [u8; 4] = ask(addr, &[vec![0x10, length], body].concat())?;
    expect(answer == [0x20, 2, 0, 0], &answer)
}
