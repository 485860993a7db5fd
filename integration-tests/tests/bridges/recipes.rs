//! The README's recipes with brokers, from its own text.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::brokers::KafkaLog;
use frontier_integration_tests::containers::root;
use frontier_integration_tests::process::{Signal, built};
use frontier_integration_tests::readme::{Line, made_by, recipe};
use frontier_integration_tests::tool::Running;
use frontier_integration_tests::{Gateway, Settings, Tool, eventually};

/// How long five brokers may take to start, or to end, on a busy machine.
const BROKERS_PATIENCE: Duration = Duration::from_secs(180);

/// `text` with `here` in the place of `there`, which it must have.
#[track_caller]
fn replaced(text: &str, there: &str, here: &str) -> String {
    assert!(text.contains(there), "{there} is not in {text}");
    text.replace(there, here)
}

/// The brokers that a line of the README runs, and where Kafka is.
#[track_caller]
fn brokers(line: &Line) -> (Running, SocketAddr) {
    let made = made_by(line);
    let program = made.split_whitespace().nth(1).expect("a program is run");
    assert!(Path::new(program).is_file(), "no program {program}: run `make programs` first");
    let brokers = Tool::installed("sh", "-c").arg(&made).start();
    let row = brokers.out.wait_for("kafka", BROKERS_PATIENCE).expect("it prints where Kafka is");
    let addr = row.split_whitespace().last().and_then(|addr| addr.parse().ok());
    let addr = addr.unwrap_or_else(|| panic!("no address in {row:?}"));
    (brokers, addr)
}

/// The gateway that a line of the README runs, on free ports, with Kafka at `kafka`.
#[track_caller]
fn gateway(line: &Line, kafka: SocketAddr) -> Gateway {
    let made = made_by(line);
    let (_, file) = made.split_once("--config ").expect("a file is named");
    let text = fs::read_to_string(root().join(file)).expect("the file is there");
    let text = replaced(&text, "127.0.0.1:9092", &kafka.to_string());
    let text = replaced(&text, "0.0.0.0:30011", "127.0.0.1:0");
    let text = replaced(&text, "0.0.0.0:30012", "127.0.0.1:0");
    let whole = format!("{text}observability: {{ addr: 127.0.0.1:0 }}\n");
    Settings { whole: Some(whole), ..Settings::default() }.start()
}

/// Kafka makes the topic by itself, as it does for the reader.
#[test]
fn a_topic_is_forwarded_to_kafka_as_the_readme_says() {
    let lines = recipe("Forward a topic to Kafka");
    let [start, run, publish, look] = &lines[..] else { panic!("{lines:?}") };
    let (mut brokers, kafka) = brokers(start);
    let gateway = gateway(run, kafka);
    eventually("the bridge is up", || is(&gateway, "readings", "up").then_some(()));

    let words = publish.typed.strip_prefix("bin/frontierctl ").expect("frontierctl publishes");
    let done = Tool::new(&built("frontierctl", "frontier-ctl"), &gateway, words).run(b"");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
    let mut log = KafkaLog::new(kafka, "temperature", 0);
    let stored = log.read().expect("Kafka tells what it has");
    assert_eq!(stored.iter().map(|record| record.payload.as_slice()).collect::<Vec<_>>(), [b"21.5"]);

    let (_, wanted) = look.typed.split_once("/metrics | grep ").expect("the metrics are looked through");
    let metrics = gateway.get("/metrics").expect("it answers").body;
    let found: Vec<&str> = metrics.lines().filter(|line| line.contains(wanted) && !line.starts_with('#')).collect();
    assert_eq!(found, [look.told.as_str()]);

    brokers.signal(Signal::Interrupt);
    assert!(brokers.out.wait_for_end(BROKERS_PATIENCE), "Ctrl-C ends the brokers");
    assert_eq!(brokers.exit_code(), 0);
}

/// How many tests the container runs that has nothing but them.
fn compose_tests() -> usize {
    let dockerfile = fs::read_to_string(root().join("compose/tests.Dockerfile")).expect("the file is there");
    let command = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).expect("it has a command");
    let args: Vec<String> = serde_json::from_str(command).expect("a list of words");
    let this = env::current_exe().expect("a running program has a path").display().to_string();
    let list = args.iter().fold(Tool::installed(&this, "--list"), |tool, arg| tool.arg(arg)).run(b"");
    list.text().lines().filter(|line| line.ends_with(": test")).count()
}

/// `make test-compose` itself runs for real at the end of `make test`.
#[test]
fn the_compose_tests_are_run_by_the_readmes_lines_and_are_as_many_as_it_says() {
    let lines = recipe("Run the compose tests");
    let [with_stand_ins, official] = &lines[..] else { panic!("{lines:?}") };
    let made = [with_stand_ins, official].map(made_by);
    let given = made.each_ref().map(|made| made.strip_prefix("scripts/with-engine.sh compose/test.sh").map(str::trim));
    let [Some(""), Some(official)] = given else { panic!("{made:?}") };
    let refused = Tool::installed(&root().join("compose/test.sh").display().to_string(), "--no-such").run(b"");
    assert!(refused.code == 2 && refused.err.contains(&format!(": {official} for ")), "{official}: {}", refused.err);

    let count = compose_tests();
    assert!(count > 0 && with_stand_ins.told.contains(&format!("ok. {count} passed")), "{count}: {with_stand_ins:?}");
}
