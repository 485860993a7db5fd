//! The configuration as the built program takes it: a check and a start say the same about every file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use frontier_integration_tests::PATIENCE;
use frontier_integration_tests::log::Log;
use frontier_integration_tests::process::{self, Signal};
use tempfile::TempDir;

/// A whole configuration with free ports.
const GOOD: &str = "servicebound:\n  listen:\n    addr: 127.0.0.1:0\nedgebound:\n  listen:\n    addr: 127.0.0.1:0\n\
                    observability:\n  addr: 127.0.0.1:0\n";

/// The exit status for a configuration that cannot be used.
const BAD_CONFIG: Option<i32> = Some(64);

/// A call of the program, without what the environment of the tests may hold.
fn frontier(args: &[&str]) -> Command {
    let mut command = Command::new(process::frontier_binary());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["LOG_LEVEL", "LOG_OUTPUT", "LOG_FORMAT", "LOG_FILE", "NODE_NAME", "FRONTLAS_ADDR"] {
        command.env_remove(name);
    }
    command.env("FRONTIER_DRAIN_SECONDS", "0");
    command
}

fn written(folder: &TempDir, content: impl AsRef<[u8]>) -> PathBuf {
    let file = folder.path().join("x.yaml");
    fs::write(&file, content).expect("a temporary file can be written");
    file
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the output is text")
}

/// Runs a program that ends by itself.
#[track_caller]
fn ends(mut command: Command) -> Output {
    command.output().expect("the program runs")
}

/// Waits until a gateway says that it runs, ends it, and returns what it said.
#[track_caller]
fn starts(command: Command) -> Vec<String> {
    starts_and(command, |_| ())
}

/// As [`starts`], with a look at the process while it runs.
#[track_caller]
fn starts_and(mut command: Command, look: impl FnOnce(&Child)) -> Vec<String> {
    let mut child: Child = command.spawn().expect("the program runs");
    let log = Log::default();
    log.collect(child.stdout.take().expect("stdout is piped"));
    log.collect(child.stderr.take().expect("stderr is piped"));
    let started = log.wait_for("frontier starts", PATIENCE);
    if started.is_some() {
        look(&child);
        process::signal(&child, Signal::Term);
    } else {
        child.kill().expect("a child of ours can be killed");
    }
    let status = process::wait_exit(&mut child, PATIENCE, "the gateway");
    assert!(log.wait_for_end(PATIENCE), "the outputs stay open");
    assert!(started.is_some() && status.success(), "{status}: {:?}", log.lines());
    log.lines()
}

/// Holds that a check and a start refuse `file` with the same one line, and returns it.
#[track_caller]
fn refused(file: &Path) -> String {
    let checked = ends(frontier(&["check", "--config", text(file)]));
    let started = ends(frontier(&["--config", text(file)]));
    for output in [&checked, &started] {
        assert_eq!(output.status.code(), BAD_CONFIG, "{}", stderr(output));
        assert_eq!(stdout(output), "");
        assert_eq!(stderr(output).lines().count(), 1, "{}", stderr(output));
    }
    assert_eq!(stderr(&checked), stderr(&started));
    stderr(&checked)
}

/// Holds that a check and a start take `file`.
#[track_caller]
fn taken(file: &Path) {
    let checked = ends(frontier(&["check", "--config", text(file)]));
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    starts(frontier(&["--config", text(file)]));
}

#[test]
fn what_editors_and_templates_put_around_a_file_is_taken() {
    let crlf = GOOD.replace('\n', "\r\n");
    let folder = TempDir::new().unwrap();
    for content in [
        format!("\u{feff}{GOOD}"),
        format!("\u{feff}{crlf}"),
        format!("---\n{GOOD}"),
        format!("{GOOD}log:\ndaemon:\n"),
        format!("x: &base\n  addr: 127.0.0.1:0\n{}", GOOD.replace("    addr: 127.0.0.1:0", "    <<: *base")),
    ] {
        let lenient = content.contains("&base");
        let file = written(&folder, &content);
        if lenient {
            let args = ["--config", text(&file), "--lenient"];
            assert_eq!(ends(frontier(&[&["check"][..], &args].concat())).status.code(), Some(0), "{content}");
            let lines = starts(frontier(&args));
            let warned =
                lines.iter().filter(|line| line.contains("WARN") && line.contains("unknown key \"x\"")).count();
            assert_eq!(warned, 1, "{lines:?}");
        } else {
            taken(&file);
        }
    }
}

#[test]
fn what_is_wrong_with_the_shape_of_a_file_is_one_line_for_check_and_start() {
    let folder = TempDir::new().unwrap();
    for (content, expected) in [
        (format!("---\n\u{feff}{GOOD}"), "x.yaml:2:1: "),
        (format!("{GOOD}---\n{GOOD}"), "a second document begins"),
        (format!("{GOOD}edgebound:\n"), "key \"edgebound\" is given a second time"),
        (
            GOOD.replace("edgebound:\n", "edgebound:\n  honour_wanted_id: true\n  honour_wanted_id: true\n"),
            "a second time",
        ),
        (GOOD.replace("edgebound:\n  ", "edgebound:\n\t"), "tabs"),
        (String::new(), "holds no configuration"),
        (GOOD.replace("edgebound", "edgebund"), "did you mean \"edgebound\"?"),
        (GOOD.replace("edgebound:\n  listen:", "edgebound:\n  listen:\n    network: udp"), "\"udp\" is not supported"),
        (format!("{GOOD}mqm:\n  nsq:\n    enable: true\n    addrs: [a]\n"), "mqm.nsq.enable: NSQ is not served"),
        (
            GOOD.replace(
                "edgebound:\n  listen:",
                "edgebound:\n  listen:\n    tls: {enable: true, certs: [{cert: /nowhere/x.yaml.pem, key: /nowhere/x.key}]}",
            ),
            "edgebound.listen.tls: ",
        ),
        (
            format!("{GOOD}controlplane:\n  enable: true\n  tokens: [{{name: ops, token: {{file: /nowhere/x.yaml.token}}}}]\n"),
            "controlplane.tokens: ",
        ),
    ] {
        let line = refused(&written(&folder, &content));
        assert!(line.starts_with("frontier: ") && line.contains(expected), "{content:?}: {line}");
        assert!(line.contains("x.yaml"), "{line}");
    }
}

#[test]
fn what_is_no_readable_file_is_one_line_for_check_and_start() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let large = folder.path().join("large.yaml");
    let mut file = File::create(&large).unwrap();
    file.write_all(GOOD.as_bytes()).unwrap();
    file.write_all(&vec![b'#'; 50 * 1024 * 1024]).unwrap();
    for (file, expected) in [
        (folder.path(), "is a directory"),
        (&pipe, "is a pipe"),
        (&large, "is larger than"),
        (&folder.path().join("missing.yaml"), "cannot be read"),
        // Opens for everybody, root included, and cannot be read by anybody.
        (Path::new("/proc/self/mem"), "cannot be read"),
    ] {
        let line = refused(file);
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn a_check_prints_what_a_gateway_runs_with_and_a_gateway_takes_it() {
    let folder = TempDir::new().unwrap();
    let secret = "mqm:\n  redis:\n    password: s3cret\n";
    let file = written(&folder, format!("{GOOD}{secret}"));
    let mut command = frontier(&["check", "--config", text(&file), "--loglevel", "warn"]);
    command.env("NODE_NAME", "n1").env("FRONTIER_EDGEBOUND_PORT", "0");
    let checked = ends(command);
    assert_eq!((checked.status.code(), stderr(&checked).as_str()), (Some(0), ""));
    let printed = stdout(&checked);
    for line in ["  frontier_id: frontier-n1", "  level: warn", "    password: \"********\""] {
        assert!(printed.lines().any(|printed| printed.replace('\'', "\"") == line), "{line:?} in:\n{printed}");
    }
    assert!(!printed.contains("s3cret"), "{printed}");

    let again = folder.path().join("again.yaml");
    fs::write(&again, printed.replace("level: warn", "level: info")).unwrap();
    taken(&again);
}

#[test]
fn variables_that_cannot_be_used_are_refused_by_check_and_start() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, GOOD);
    for (name, value, expected) in [
        (
            "FRONTLAS_ADDR",
            "127.0.0.1:40012",
            "environment variable FRONTLAS_ADDR: frontlas.enable: clusters are not served",
        ),
        ("FRONTIER_EDGEBOUND_PORT", "http", "environment variable FRONTIER_EDGEBOUND_PORT: \"http\" is not a port"),
        ("LOG_LEVEL", "loud", "environment variable LOG_LEVEL: \"loud\" is not supported"),
    ] {
        for args in [&["check", "--config", text(&file)][..], &["--config", text(&file)]] {
            let mut command = frontier(args);
            command.env(name, value);
            let output = ends(command);
            assert_eq!(output.status.code(), BAD_CONFIG);
            assert!(stderr(&output).contains(expected), "{}", stderr(&output));
            assert_eq!(stderr(&output).lines().count(), 1);
        }
    }
}

#[test]
fn a_bad_flag_is_wrong_usage_for_check_and_start() {
    for args in
        [&["check", "--loglevel", "loud"][..], &["--loglevel", "loud"], &["check", "x"], &["--lenient", "check"]]
    {
        let output = ends(frontier(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn the_schema_is_printed_in_every_form() {
    for (args, expected) in [
        (&["schema"][..], "\"title\": \"frontier\""),
        (&["schema", "--markdown"], "## edgebound"),
        (&["schema", "--sample"], "\nedgebound:\n"),
    ] {
        let output = ends(frontier(args));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(expected), "{args:?}");
    }
    let schema = stdout(&ends(frontier(&["schema"])));
    serde_json::from_str::<serde_json::Value>(&schema).expect("the schema is JSON");
}

/// The limits of open files of a process, soft and hard.
fn open_files(child: &Child) -> (u64, u64) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("the process runs, on Linux");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("there is such a limit");
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(u64::MAX));
    (numbers.next().expect("the soft limit"), numbers.next().expect("the hard limit"))
}

/// A gateway whose limits of open files are at first `soft` and 1024.
fn limited(soft: u32, args: &[&str]) -> Command {
    let gateway = frontier(args);
    let mut command = Command::new("sh");
    let script = format!("ulimit -n 1024 && ulimit -Sn {soft} && exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(gateway.get_program()).args(gateway.get_args());
    command.env("FRONTIER_DRAIN_SECONDS", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn w26_the_limit_of_open_files_is_what_the_file_and_the_flag_say() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, GOOD);
    let wanted = folder.path().join("wanted.yaml");
    fs::write(&wanted, format!("{GOOD}daemon:\n  rlimit:\n    enable: true\n    nofile: 512\n")).unwrap();
    for (args, expected) in [
        (&["--config", text(&file)][..], 1024),
        (&["--config", text(&wanted)], 512),
        (&["--config", text(&wanted), "--daemon-rlimit-nofile=600"], 600),
    ] {
        let lines = starts_and(limited(256, args), |child| assert_eq!(open_files(child).0, expected, "{args:?}"));
        let told = format!("open files allow about {} links", expected - 64);
        assert_eq!(lines.iter().filter(|line| line.contains(&told)).count(), 1, "{lines:?}");
    }
}

#[test]
fn w26_a_limit_of_open_files_that_the_system_refuses_is_told_and_keeps_nobody_from_starting() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, GOOD);
    // More than any kernel grants, even to root.
    let args = ["--config", text(&file), "--daemon-rlimit-nofile=4000000000"];
    let lines = starts_and(limited(256, &args), |child| assert_eq!(open_files(child), (1024, 1024)));
    let warned = lines.iter().filter(|line| line.contains("WARN") && line.contains("open files")).count();
    assert_eq!(warned, 1, "{lines:?}");
}

#[test]
fn w26_a_verbosity_as_shipped_files_pass_it_is_taken() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, GOOD);
    starts(frontier(&["--config", text(&file), "-v", "1"]));
}

#[test]
fn w26_a_start_that_fails_says_so_once_and_by_its_exit_status() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let file = written(&folder, GOOD);
    let mut command = frontier(&["--config", text(&file)]);
    command.env("FRONTIER_EDGEBOUND_PORT", &port);
    let output = ends(command);
    assert_eq!(output.status.code(), Some(1));
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(said.lines().filter(|line| line.contains(&port)).count(), 1, "{said}");
}
