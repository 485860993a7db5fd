//! Topics that go to files: what an ack is worth, and what happens when the file cannot be had.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use frontier_integration_tests::bridges::counters;
use frontier_integration_tests::process::{Signal, frontier_binary};
use frontier_integration_tests::raw::{Body, Client, Hello, kind, time};
use frontier_integration_tests::{PATIENCE, Settings, eventually};
use serde_json::Value;
use tempfile::TempDir;

/// A bridge to `path`, with further lines of its own.
pub(super) fn bridge(name: &str, path: &Path, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("  - name: {name}\n{lines}    file:\n      path: {}\n", path.display())
}

pub(super) fn settings(bridges: &[String]) -> Settings {
    Settings { sections: format!("bridges:\n{}", bridges.concat()), ..Settings::default() }
}

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Every line of a file that has been written; each must be an object.
#[track_caller]
pub(super) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    parsed.collect()
}

pub(super) fn payloads(path: &Path) -> Vec<String> {
    lines(path).iter().map(|line| line["payload"].as_str().expect("the payload is text").to_owned()).collect()
}

pub(super) fn publish(edge: &mut Client, topic: &str, value: &str) -> u64 {
    edge.message(&Body::new().topic(topic).value(value.as_bytes()))
}

/// Publishes and waits for the ack.
#[track_caller]
pub(super) fn accepted(edge: &mut Client, topic: &str, value: &str) {
    let sent = publish(edge, topic, value);
    assert_eq!(edge.acked(sent), Ok(()), "{topic}");
}

#[test]
fn a_message_becomes_a_line_that_tells_where_it_came_from() {
    let folder = folder();
    let path = folder.path().join("t.jsonl");
    let headers = "headers: { meta: [site, none], fixed: { origin: lab } }";
    let gateway =
        settings(&[bridge("f", &path, &["topics: [t]", "destination: x.${edge_id}.${topic}", headers])]).start();
    gateway.logged("bridge up");
    let mut edge = Client::connect(gateway.edge, &Hello::edge(br#"{"site":"north","n":1}"#));
    let sent = edge.message(&Body::new().topic("t").value(b"21.5").custom(b"c"));
    assert_eq!(edge.acked(sent), Ok(()));
    let sent = edge.message(&Body::new().topic("t").value(b"\xff\x00"));
    assert_eq!(edge.acked(sent), Ok(()));
    let lines = lines(&path);
    let line = &lines[0];
    assert_eq!(line["edge_id"], edge.id.to_string());
    assert_eq!((&line["topic"], &line["payload"], &line["custom"]), (&"t".into(), &"21.5".into(), &"c".into()));
    assert_eq!((&line["destination"], &line["key"]), (&format!("x.{}.t", edge.id).into(), &edge.id.to_string().into()));
    assert_eq!((&line["meta"], &line["headers"]["origin"]), (&serde_json::json!({ "site": "north" }), &"lab".into()));
    assert!(time::parse(line["time"].as_str().unwrap()).is_some(), "{line}");
    assert_eq!((&lines[1]["payload_base64"], &lines[1]["custom"]), (&"/wA=".into(), &Value::Null));
    assert_ne!(line["message_id"], lines[1]["message_id"]);
    assert_eq!(counters(&gateway, "f")["delivered"], 2);
}

/// What reads standard output gets lines of messages alone, if the log goes elsewhere.
#[test]
fn a_dash_is_standard_output() {
    let mut settings = settings(&[bridge("f", Path::new("\"-\""), &["topics: [t]"])]);
    settings.sections += "log: { output: stderr }\n";
    let gateway = settings.start();
    gateway.logged("bridge up");
    let mut edge = Client::edge(gateway.edge);
    for value in ["one", "two"] {
        accepted(&mut edge, "t", value);
    }
    let printed = eventually("both lines", || Some(gateway.printed.lines()).filter(|lines| lines.len() >= 2));
    let payloads: Vec<Value> = printed
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"))["payload"].take()
        })
        .collect();
    assert_eq!(payloads, ["one", "two"]);
}

/// Then the system has it: the end of the gateway does not reach it.
#[test]
fn without_fsync_what_was_acked_outlives_the_gateway() {
    let folder = folder();
    let path = folder.path().join("t.jsonl");
    let mut settings = settings(&[bridge("f", &path, &["topics: [t]"])]);
    settings.sections += "      fsync: false\n";
    let mut gateway = settings.start();
    let mut edge = Client::edge(gateway.edge);
    let sent: Vec<u64> = (0..100).map(|number| publish(&mut edge, "t", &number.to_string())).collect();
    for packet in sent {
        assert_eq!(edge.acked(packet), Ok(()));
    }
    gateway.signal(Signal::Kill);
    gateway.exit(PATIENCE);
    assert_eq!(payloads(&path), (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_file_that_cannot_be_had_holds_up_nobody_and_is_taken_up_when_it_can() {
    let folder = folder();
    let (missing, good) = (folder.path().join("later/f"), folder.path().join("good"));
    let bridges = [
        bridge("away", &missing, &["topics: [away]", "needed_for_ready: true"]),
        bridge("good", &good, &["topics: [good]"]),
    ];
    let gateway = settings(&bridges).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("No such file or directory"), "{line}");
    let ready = gateway.get("/readyz").expect("it answers");
    assert_eq!((ready.status, ready.body.trim()), (503, "not ready: bridge \"away\" is not up"));
    let mut edge = Client::edge(gateway.edge);
    let soon = time::from_now_millis(700);
    let late = edge.message(&Body::new().topic("away").value(b"late").deadline(&soon));
    let waits = publish(&mut edge, "away", "waits");
    accepted(&mut edge, "good", "passes");
    let error = edge.acked(late).expect_err("nobody could have it");
    let expected =
        format!("context deadline exceeded: bridge \"away\" (file {}): down: No such file", missing.display());
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!((counters(&gateway, "away")["dropped"], counters(&gateway, "away")["queued"]), (1, 1));

    fs::create_dir(folder.path().join("later")).expect("a folder can be made");
    assert_eq!(edge.acked(waits), Ok(()));
    assert_eq!(payloads(&missing), ["waits"], "what was answered with an error never arrives");
    assert_eq!(gateway.metric("frontier_bridge_state", &["bridge=\"away\"", "state=\"up\""]), 1.0);
    assert_eq!(gateway.get("/readyz").expect("it answers").status, 200);
}

#[test]
fn a_queue_without_room_answers_congested_and_later_messages_pass() {
    let folder = folder();
    let path = folder.path().join("later/f");
    let gateway = settings(&[bridge("f", &path, &["topics: [t]", "queue_bytes: 65536"])]).start();
    let mut edge = Client::edge(gateway.edge);
    let large = "x".repeat(40_000);
    let first = publish(&mut edge, "t", &large);
    let second = publish(&mut edge, "t", &large);
    assert_eq!(edge.acked(second), Err("congested".to_owned()));
    assert!(counters(&gateway, "f")["bytes"] <= 65_536);
    fs::create_dir(folder.path().join("later")).expect("a folder can be made");
    assert_eq!(edge.acked(first), Ok(()));
    accepted(&mut edge, "t", &large);
    assert_eq!(counters(&gateway, "f")["dropped"], 1);
}

#[test]
fn where_there_is_no_space_the_publisher_hears_it_at_once() {
    let gateway = settings(&[bridge("f", Path::new("/dev/full"), &["topics: [t]"])]).start();
    let mut edge = Client::edge(gateway.edge);
    let sent = publish(&mut edge, "t", "x");
    let error = edge.acked(sent).expect_err("/dev/full takes nothing");
    assert_eq!(error, "bridge \"f\" (file /dev/full): No space left on device (os error 28)");
    gateway.logged("records refused by the broker");
    edge.heartbeat();
}

/// A file system of 128 KiB. Unmounted with its drop.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Self {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "none"]).arg(at).status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "mounting needs root: leave this test out with `--skip small_disk`"
        );
        Self(at.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What cannot be unmounted now goes with the machine; the test has its result.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_small_disk_costs_errors_and_no_line_that_was_acked() {
    let folder = folder();
    let disk = Small::mount(folder.path());
    let (path, ballast) = (disk.0.join("f"), disk.0.join("ballast"));
    fs::write(&ballast, vec![0; 60_000]).expect("there is room");
    let gateway = settings(&[bridge("f", &path, &["topics: [t]"])]).start();
    let mut edge = Client::edge(gateway.edge);
    let (mut acked, mut refused) = (Vec::new(), 0);
    for number in 0..60 {
        let value = format!("{number} {}", "x".repeat(3_000));
        let sent = publish(&mut edge, "t", &value);
        match edge.acked(sent) {
            Ok(()) => acked.push(value),
            Err(error) => {
                assert!(error.contains("No space left on device"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(!acked.is_empty() && refused > 0, "{} acked, {refused} refused", acked.len());
    assert_eq!(payloads(&path), acked, "nothing is there by halves");
    fs::remove_file(&ballast).expect("the ballast can go");
    accepted(&mut edge, "t", "there is room again");
    acked.push("there is room again".to_owned());
    assert_eq!(payloads(&path), acked);
    drop(gateway);
}

#[test]
fn what_was_acked_is_in_the_file_when_the_gateway_is_killed_and_each_edge_keeps_its_order() {
    const EDGES: usize = 4;
    let folder = folder();
    let path = folder.path().join("f");
    let mut gateway = settings(&[bridge("f", &path, &["topics: [t]"])]).start();
    let addr = gateway.edge;
    let writers: Vec<_> = (0..EDGES)
        .map(|_| {
            std::thread::spawn(move || {
                let mut edge = Client::edge(addr);
                let mut sent: Vec<(u64, String)> = Vec::new();
                let mut acked = HashSet::new();
                for number in 0u64.. {
                    let value = format!("{number:06}");
                    let packet = edge.fresh();
                    let body = Body::new().topic("t").value(value.as_bytes()).on(1);
                    let frame = frontier_integration_tests::raw::Frame::bytes_of(kind::MESSAGE, packet, &body);
                    if edge.try_send_bytes(&frame).is_err() {
                        break;
                    }
                    sent.push((packet, value));
                    while let Ok(frame) = edge.try_next(std::time::Duration::from_micros(50)) {
                        if frame.kind == kind::MESSAGE_ACK && frame.outcome().is_ok() {
                            acked.insert(frame.id);
                        }
                    }
                }
                let acked = sent.iter().filter(|(packet, _)| acked.contains(packet)).map(|(_, value)| value.clone());
                (edge.id, acked.collect::<Vec<_>>())
            })
        })
        .collect();
    eventually("some lines are there", || (fs::read_to_string(&path).unwrap_or_default().len() > 50_000).then_some(()));
    gateway.signal(Signal::Kill);
    gateway.exit(PATIENCE);
    let text = fs::read_to_string(&path).expect("the file is there");
    // The last line may have been cut: nobody was told OK for it.
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let mut by_edge: HashMap<String, Vec<String>> = HashMap::new();
    for line in whole.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is an object");
        let field = |name: &str| line[name].as_str().expect("it is text").to_owned();
        by_edge.entry(field("edge_id")).or_default().push(field("payload"));
    }
    let mut total = 0;
    for writer in writers {
        let (edge, acked) = writer.join().expect("a writer ends");
        let stored = &by_edge[&edge.to_string()];
        assert!(stored.is_sorted_by(|one, next| one < next), "edge {edge} keeps its order, each once");
        let stored: HashSet<&String> = stored.iter().collect();
        let missing: Vec<_> = acked.iter().filter(|value| !stored.contains(value)).collect();
        assert!(missing.is_empty(), "edge {edge}: acked and not there: {missing:?}");
        total += acked.len();
    }
    assert!(total > 100, "{total} acked");
}

#[test]
fn a_drain_sends_what_is_held_before_the_end() {
    const COUNT: usize = 100;
    let folder = folder();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()), "mkfifo works");
    let held = OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe can be opened");
    let settings = Settings { drain_seconds: 30, ..settings(&[bridge("f", &pipe, &["topics: [t]"])]) };
    let mut gateway = settings.start();
    let mut edge = Client::edge(gateway.edge);
    // More than a pipe holds.
    let value = "x".repeat(2_000);
    let sent: Vec<u64> = (0..COUNT).map(|number| publish(&mut edge, "t", &format!("{number} {value}"))).collect();
    eventually("the pipe is full", || {
        let counters = counters(&gateway, "f");
        (counters["queued"] + counters["in_flight"] > 0 && counters["matched"] == COUNT as u64).then_some(())
    });
    gateway.signal(Signal::Term);
    gateway.logged("draining");
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(held).lines().take(COUNT).map(|line| line.expect("a pipe can be read"));
        lines.collect::<Vec<_>>()
    });
    for packet in sent {
        assert_eq!(edge.acked(packet), Ok(()));
    }
    assert_eq!(reader.join().expect("the reader ends").len(), COUNT);
    assert!(gateway.exit(PATIENCE).success());
    assert!(gateway.log.wait_for_end(PATIENCE));
    assert_eq!(gateway.log.count("bridge closed before all was sent"), 0);
}

#[test]
fn a_drain_that_cannot_send_answers_with_an_error_and_ends() {
    let folder = folder();
    let path = folder.path().join("never/f");
    let settings = Settings { drain_seconds: 1, ..settings(&[bridge("f", &path, &["topics: [t]"])]) };
    let mut gateway = settings.start();
    let mut edge = Client::edge(gateway.edge);
    let sent = publish(&mut edge, "t", "x");
    eventually("it waits", || (counters(&gateway, "f")["queued"] == 1).then_some(()));
    gateway.signal(Signal::Term);
    assert_eq!(edge.acked(sent), Err("gateway is shutting down".to_owned()));
    assert!(gateway.exit(PATIENCE).success());
    fs::create_dir(folder.path().join("never")).expect("a folder can be made");
    assert!(!path.exists());
}

/// `recipe` with `here` in the place of `there`, which it must name.
#[track_caller]
fn replaced(recipe: &str, there: &str, here: &str) -> String {
    assert!(recipe.contains(there), "{there} is not in the file");
    recipe.replace(there, here)
}

#[test]
fn the_recipe_works_as_it_stands() {
    let folder = folder();
    let path = folder.path().join("readings.jsonl");
    let recipe = include_str!("../../../etc/frontier_file.yaml");
    let recipe = replaced(recipe, "0.0.0.0:30011", "127.0.0.1:0");
    let recipe = replaced(&recipe, "0.0.0.0:30012", "127.0.0.1:0");
    let recipe = replaced(&recipe, "readings.jsonl", path.to_str().expect("the path is text"));
    let whole = format!("{recipe}observability: {{ addr: 127.0.0.1:0 }}\n");
    let gateway = Settings { whole: Some(whole), ..Settings::default() }.start();
    let mut edge = Client::edge(gateway.edge);
    accepted(&mut edge, "temperature", "21.5");
    accepted(&mut edge, "humidity.attic", "40");
    assert_eq!(payloads(&path), ["21.5", "40"]);
    let sent = publish(&mut edge, "other", "x");
    assert_eq!(edge.acked(sent), Err("topic not online".to_owned()));
}

#[test]
fn where_a_message_would_go_is_told_without_a_gateway() {
    let folder = folder();
    let bridges = [
        bridge("a", &folder.path().join("a"), &["topics: [\"t*\"]", "destination: s.${meta.site}"]),
        bridge("rest", &folder.path().join("b"), &["fallback: true", "delivery: one"]),
    ];
    let file = folder.path().join("frontier.yaml");
    fs::write(&file, settings(&bridges).yaml()).expect("a file can be written");
    let tell = |arguments: &[&str]| {
        let mut program = Command::new(frontier_binary());
        let output = program.args(["routes", "test", "--config"]).arg(&file).args(arguments).output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = tell(&["--topic", "temp", "--edge-id", "18446744073709551615", "--meta", r#"{"site":"north"}"#]);
    let expected = r#"bridge "a" (file): takes it, beside a service and other bridges; destination "s.north", key "18446744073709551615"; topic filter "t*""#;
    assert!(told.contains(expected), "{told}");
    assert!(
        told.contains(r#"bridge "rest" (file): does not take it: it is a fallback, and "a" takes this topic"#),
        "{told}"
    );
    let told = tell(&["--topic", "temp", "--edge-id", "7"]);
    assert!(told.contains(r#"bridge "a" (file): refuses it: the edge's meta has no"#), "{told}");
    let told = tell(&["--topic", "other", "--edge-id", "7"]);
    assert!(told.contains(r#"bridge "rest" (file): takes it, if it is chosen among services"#), "{told}");
    assert!(!folder.path().join("a").exists(), "nothing was opened");
}

/// While the gateway runs, and without it.
#[test]
fn a_check_says_that_a_file_can_be_had_and_changes_nothing() {
    let folder = folder();
    let (path, missing) = (folder.path().join("f"), folder.path().join("no/f"));
    let good = settings(&[bridge("good", &path, &["topics: [t]"])]);
    let file = folder.path().join("frontier.yaml");
    let check = |settings: &Settings| {
        fs::write(&file, settings.yaml()).expect("a file can be written");
        let mut program = Command::new(frontier_binary());
        let output = program.args(["check", "--connect", "--config"]).arg(&file).output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let connected = (Some(0), format!("bridge \"good\" (file {}): connected\n", path.display()));
    assert_eq!(check(&good), connected);
    assert!(!path.exists(), "nothing was created");
    let gateway = good.clone().start();
    gateway.logged("bridge up");
    assert_eq!(check(&good), connected);
    let mut edge = Client::edge(gateway.edge);
    accepted(&mut edge, "t", "x");
    assert_eq!(payloads(&path), ["x"]);
    let (code, said) = check(&settings(&[bridge("bad", &missing, &["topics: [t]"])]));
    let told = format!("bridge \"bad\" (file {}): No such file or directory (os error 2)\n", missing.display());
    assert_eq!((code, said), (Some(1), told));
}
