//! Topics that go to the real brokers: what arrives, and what an ack is worth when a broker, the gateway or the way between
//! them fails. Needs `scripts/setup.sh brokers`.
//!
//! `scenarios` holds what is true of every broker; the file of each broker says how it is started and read, lists the scenarios
//! that it takes part in, and has the tests that are its own.

mod amqp;
mod compose_files;
mod in_compose;
mod kafka;
mod mqm;
mod mqtt;
mod nats;
mod recipes;
mod redis;
mod scenarios;
mod target;

use std::path::Path;
use std::process::Command;

use frontier_integration_tests::process::frontier_binary;
use frontier_integration_tests::{Gateway, Settings};

pub(crate) use target::{Access, Target};

/// The name of the bridge under test.
pub(crate) const BRIDGE: &str = "b";

/// A gateway with these bridges, each with a name and its lines.
pub(crate) fn settings(bridges: &[(&str, Vec<String>)]) -> Settings {
    let mut sections = "bridges:\n".to_owned();
    for (name, lines) in bridges {
        sections.push_str(&format!("  - name: {name}\n"));
        sections.extend(lines.iter().map(|line| format!("    {line}\n")));
    }
    Settings { sections, ..Settings::default() }
}

/// A gateway whose one bridge has these lines, up and running.
#[track_caller]
pub(crate) fn gateway(lines: Vec<String>) -> Gateway {
    let gateway = settings(&[(BRIDGE, lines)]).start();
    gateway.logged("bridge up");
    gateway
}

/// `lines` with each of `more` behind.
pub(crate) fn with(mut lines: Vec<String>, more: &[&str]) -> Vec<String> {
    lines.extend(more.iter().map(|line| (*line).to_owned()));
    lines
}

/// What `frontier check --connect` ends with for a configuration, and what it says.
pub(crate) fn check(file: &Path) -> (Option<i32>, String) {
    let mut program = Command::new(frontier_binary());
    let output = program.args(["check", "--connect", "--config"]).arg(file).output().expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
