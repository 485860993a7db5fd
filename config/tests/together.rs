//! File, environment and flags together, and what is only warned of.

use std::fs;
use std::path::PathBuf;

use frontier_config::{Config, ConfigError, Loaded, Overrides, Request, Warning, load};
use tempfile::TempDir;

struct File {
    path: PathBuf,
    _folder: TempDir,
}

fn file(text: &str) -> File {
    let folder = TempDir::new().expect("a folder can be made");
    let path = folder.path().join("x.yaml");
    fs::write(&path, text).expect("the file can be written");
    File { path, _folder: folder }
}

fn with(text: &str, lenient: bool, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let file = file(text);
    let request = Request { file: Some(&file.path), lenient, ..Request::default() };
    load(&request, |name| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

/// The message without the folder of the file.
fn told(message: &impl ToString) -> String {
    let message = message.to_string();
    message.split_once("/x.yaml").map_or(message.clone(), |(_, rest)| format!("x.yaml{rest}"))
}

#[test]
fn without_a_file_the_embedded_defaults_are_used() {
    let loaded = load(&Request::default(), |_| None).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn leniently_an_unknown_key_is_a_warning_with_its_place_and_the_nearest_key() {
    let text = "edgebound:\n  lisen:\n    addr: 1\n  honour_wanted_id: true\nbridges:\n  - nam: [x, {y: z}]\n    name: a\n    \
                topics: [a]\n    enable: false\n    file: {path: x, mode: append}\ncontrol: on\n";
    let loaded = with(text, true, &[]).unwrap();
    assert!(loaded.config.edgebound.honour_wanted_id);
    assert_eq!(loaded.config.bridges[0].name, "a");
    let warnings: Vec<_> = loaded.warnings.iter().map(told).collect();
    assert_eq!(
        warnings,
        [
            r#"x.yaml:2:3: unknown key "lisen" under "edgebound"; did you mean "listen"? (ignored)"#,
            r#"x.yaml:6:5: unknown key "nam" under "bridges[0]"; did you mean "name"? (ignored)"#,
            r#"x.yaml:10:21: unknown key "mode" under "bridges[0].file"; known here: path, fsync (ignored)"#,
            r#"x.yaml:11:1: unknown key "control"; known here: log, daemon, servicebound, edgebound, exchange, observability, controlplane, dao, frontlas, mqm, bridges (ignored)"#,
        ]
    );
    assert!(matches!(with(text, false, &[]), Err(ConfigError::UnknownKey(_))));
}

#[test]
fn leniently_everything_else_is_as_strict() {
    for (text, expected) in [
        ("x: 1\nlog:\n  level: loud\n", "x.yaml:3:10: log.level: "),
        ("x: 1\nlog:\nlog:\n", "x.yaml:3:1: key \"log\" is given a second time"),
        ("x: 1\nx: 2\n", "x.yaml:2:1: key \"x\" is given a second time"),
        ("x: {y: 1, y: 2}\n", "x.yaml:1:11: key \"y\""),
        ("x: 1\n---\ny: 1\n", "x.yaml:3:1: a second document begins"),
        ("x: [\n", "x.yaml:"),
        ("x: 1\nedgebound:\n  bypass_enable: true\n", "x.yaml:2:1: edgebound.bypass.addrs: "),
        ("x: 1\nmqm: {nsq: {enable: true, addrs: [a]}}\n", "x.yaml:2:13: mqm.nsq.enable: NSQ is not served"),
    ] {
        let error = told(&with(text, true, &[]).expect_err(text));
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let loaded = with("daemon:\n  pprof:\n    enable: true\n", false, &[]).unwrap();
    assert!(matches!(loaded.warnings[..], [Warning::NoEffect { .. }]), "{:?}", loaded.warnings);
    let expected = "x.yaml:3:5: daemon.pprof.enable: has no effect: there is no Go profiler in this program; \
                    /metrics tells what it costs";
    assert_eq!(told(&loaded.warnings[0]), expected);
}

#[test]
fn variables_win_over_the_file_and_flags_over_variables() {
    let file = file("log:\n  level: debug\ndaemon:\n  frontier_id: a\nedgebound:\n  listen:\n    addr: 127.0.0.1:1\n");
    let flags = Overrides { log_level: Some("error".to_owned()), open_files: Some(4096), ..Overrides::default() };
    let request = Request { file: Some(&file.path), flags, lenient: false };
    let env = |name: &str| match name {
        "LOG_LEVEL" => Some("warn".to_owned()),
        "NODE_NAME" => Some("n1".to_owned()),
        "FRONTIER_EDGEBOUND_PORT" => Some("7".to_owned()),
        _ => None,
    };
    let config = load(&request, env).unwrap().config;
    assert_eq!(config.log.level, frontier_config::Level::Error);
    assert_eq!(config.daemon.frontier_id, "frontier-n1");
    assert_eq!(config.edgebound.listen.addr.to_string(), "127.0.0.1:7");
    assert!(config.daemon.rlimit.enable);
    assert_eq!(config.daemon.rlimit.nofile, Some(4096));
}

#[test]
fn what_a_variable_asks_for_and_is_not_served_is_refused_by_its_name() {
    for text in ["{}", "frontlas:\n  enable: false\n"] {
        let error = with(text, false, &[("FRONTLAS_ADDR", "127.0.0.1:40012")]).unwrap_err();
        assert!(matches!(error, ConfigError::NotServed { .. }), "{error:?}");
        let expected = "environment variable FRONTLAS_ADDR: frontlas.enable: clusters are not served by this version of \
                        frontier; set it to false and leave FRONTLAS_ADDR unset";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_bad_variable_is_refused_by_its_name() {
    for (name, value, expected) in [
        (
            "FRONTLAS_ADDR",
            "localhost",
            "environment variable FRONTLAS_ADDR: frontlas.dial.addrs[0]: \"localhost\" has no port",
        ),
        ("FRONTIER_SERVICEBOUND_PORT", "x", "environment variable FRONTIER_SERVICEBOUND_PORT: \"x\" is not a port"),
        ("LOG_LEVEL", "loud", "environment variable LOG_LEVEL: \"loud\" is not supported"),
    ] {
        let error = with("{}", false, &[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
