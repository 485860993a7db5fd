//! Starts that end before anything is bound: exit code, and one line that says why.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn frontier(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_frontier"))
        .args(arguments)
        .env_remove("LOG_LEVEL")
        .stdin(Stdio::null())
        .output()
        .expect("the built program runs")
}

/// What was said on standard error, which must be one line.
fn one_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

#[test]
fn a_bad_file_is_refused_with_64_and_its_place() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("frontier.yaml");
    fs::write(&file, "edgebund:\n  listen:\n").unwrap();
    let file = file.to_str().unwrap();
    let output = frontier(&["--config", file]);
    assert_eq!(output.status.code(), Some(64));
    let expected = format!(r#"frontier: {file}:1:1: unknown key "edgebund"; did you mean "edgebound"?"#);
    assert_eq!(one_line(&output), expected);
    assert!(output.stdout.is_empty(), "nothing is logged");
}

#[test]
fn a_missing_file_is_refused_with_64() {
    let output = frontier(&["--config=/nowhere/frontier.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(one_line(&output).starts_with("frontier: /nowhere/frontier.yaml: cannot be read: "));
}

#[test]
fn a_bad_variable_is_refused_with_64() {
    let output = Command::new(env!("CARGO_BIN_EXE_frontier")).env("FRONTIER_EDGEBOUND_PORT", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(one_line(&output).starts_with("frontier: environment variable FRONTIER_EDGEBOUND_PORT: "));
}

#[test]
fn a_bad_flag_is_wrong_usage() {
    let output = frontier(&["--loglevel", "loud"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        one_line(&output),
        r#"frontier: flag --loglevel: "loud" is not supported; it must be debug, info, warn or error"#
    );
}

#[test]
fn an_unknown_flag_is_wrong_usage() {
    let output = frontier(&["--unknown"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--unknown"));
}

#[test]
fn a_log_file_that_cannot_be_written_ends_the_start_with_1() {
    let folder = TempDir::new().unwrap();
    let folder: &Path = folder.path();
    let output = frontier(&["--log-output=file", "--log-file", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(one_line(&output).starts_with(&format!("frontier: log file {}: ", folder.display())));
}

#[test]
fn the_version_is_told() {
    let output = frontier(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), concat!("frontier ", env!("CARGO_PKG_VERSION"), "\n"));
}
