//! `sdk-web`, and the chat room over it: their own tests, in Node and in Chromium, against the built gateway. `make web` builds
//! them; pictures of pages are in `sdk-web/build/pictures` afterwards.

use std::path::Path;
use std::process::Command;

use frontier_integration_tests::certificates::Authority;
use frontier_integration_tests::containers::root;
use frontier_integration_tests::process::{built, frontier_binary};

/// Runs a file of tests by Node.
#[track_caller]
fn passes(file: &str) {
    passes_with(file, &[]);
}

/// The same with more in its environment.
#[track_caller]
fn passes_with(file: &str, env: &[(&str, &Path)]) {
    let file = root().join("sdk-web/build/test").join(file);
    assert!(file.is_file(), "{} is not there: run `make web` first", file.display());
    let programs = built("web_chat", "frontier-examples");
    let ran = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(&file)
        .env("FRONTIER_BIN", frontier_binary())
        .env("FRONTIER_PROGRAMS", programs.parent().unwrap_or(Path::new("")))
        .envs(env.iter().copied())
        .output()
        .expect("node is in PATH: run `scripts/setup.sh web` first");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let passed =
        said.lines().filter_map(|line| line.split_once("pass ")).find_map(|(_, count)| count.trim().parse().ok());
    assert!(passed.is_some_and(|passed: u32| passed > 0), "no test ran: {said}");
}

#[test]
fn frames_and_bodies_are_those_of_the_protocol() {
    passes("unit/vectors.test.js");
    passes("unit/wire.test.js");
}

#[test]
fn the_state_machine_does_what_the_protocol_says() {
    for file in ["link", "calls", "streams", "any_peer"] {
        passes(&format!("unit/{file}.test.js"));
    }
}

#[test]
fn an_edge_gives_and_takes_one_answer_and_leaves_nothing_behind() {
    for file in ["edge", "edge_streams"] {
        passes(&format!("unit/{file}.test.js"));
    }
}

#[test]
fn the_package_keeps_its_bounds() {
    for file in ["size", "queues", "backoff"] {
        passes(&format!("unit/{file}.test.js"));
    }
}

#[test]
fn edges_in_node() {
    passes("e2e/node.test.js");
}

#[test]
fn edges_in_a_browser() {
    passes("e2e/browser.test.js");
}

#[test]
fn edges_that_slept() {
    passes("e2e/sleep.test.js");
}

#[test]
fn edges_over_tls() {
    let authority = Authority::new("ours");
    let pair = authority.pair_of("server", &["127.0.0.1"]);
    let trusted = authority.file();
    let env =
        [("NODE_EXTRA_CA_CERTS", &*trusted), ("FRONTIER_TLS_CERT", &*pair.cert), ("FRONTIER_TLS_KEY", &*pair.key)];
    passes_with("e2e/tls.test.js", &env);
}

#[test]
fn two_browsers_and_a_terminal_in_one_chat_room() {
    passes("e2e/chat.test.js");
}

#[test]
fn browser_edges_connect_as_the_readme_says() {
    passes("e2e/recipe.test.js");
}
