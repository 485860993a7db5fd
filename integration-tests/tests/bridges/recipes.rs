//! The recipes of the README, from its own text.

use std::fs;

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::containers::root;
use frontier_integration_tests::process::built;
use frontier_integration_tests::{Settings, Tool, eventually};

use crate::Target as _;
use crate::kafka::Server;

/// The lines of the first block of code below a heading, without their comments.
#[track_caller]
fn block(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let (_, below) = readme.split_once(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    let (_, block) = below.split_once("\n```\n").expect("there is a block");
    let (block, _) = block.split_once("\n```").expect("it ends");
    block.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim_end().to_owned()).collect()
}

/// `text` with `here` in the place of `there`, which it must have.
#[track_caller]
fn replaced(text: &str, there: &str, here: &str) -> String {
    assert!(text.contains(there), "{there} is not in {text}");
    text.replace(there, here)
}

/// The targets of the Makefile are what the README calls.
#[track_caller]
fn is_made(line: &str) {
    let target = line.split_whitespace().nth(1).expect("make is given a target");
    let makefile = fs::read_to_string(root().join("Makefile")).expect("the Makefile is there");
    assert!(makefile.contains(&format!("\n{target}: ")), "{line}");
}

#[test]
fn a_topic_is_forwarded_to_kafka_as_the_readme_says() {
    let lines = block("Forward a topic to Kafka");
    let [brokers, run, publish, look] = &lines[..] else { panic!("{lines:?}") };
    is_made(brokers);
    is_made(run);
    let (_, file) = run.split_once("--config ").expect("a file is named");
    let recipe = fs::read_to_string(root().join(file.trim_end_matches('"'))).expect("the file is there");
    let mut server = Server::start(&Default::default(), &["temperature"]);
    let recipe = replaced(&recipe, "127.0.0.1:9092", &server.addr().to_string());
    let recipe = replaced(&recipe, "0.0.0.0:30011", "127.0.0.1:0");
    let recipe = replaced(&recipe, "0.0.0.0:30012", "127.0.0.1:0");
    let whole = format!("{recipe}observability: {{ addr: 127.0.0.1:0 }}\n");
    let gateway = Settings { whole: Some(whole), ..Settings::default() }.start();
    eventually("the bridge is up", || is(&gateway, "readings", "up").then_some(()));

    let line = publish.strip_prefix("bin/frontierctl ").expect("frontierctl publishes");
    let done = Tool::new(&built("frontierctl", "frontier-ctl"), &gateway, line).run(b"");
    assert_eq!(done.code, 0, "{}", done.err);
    let stored = eventually("it is there", || Some(server.stored("temperature")).filter(|stored| !stored.is_empty()));
    assert_eq!(stored[0].payload, b"21.5");
    let (_, wanted) = look.split_once("grep ").expect("the metrics are looked through");
    let metrics = gateway.get("/metrics").expect("it answers").body;
    let found: Vec<&str> = metrics.lines().filter(|line| line.contains(wanted) && !line.starts_with('#')).collect();
    assert_eq!(found, ["frontier_bridge_delivered_total{bridge=\"readings\"} 1"]);
}

#[test]
fn the_readme_names_what_runs_the_compose_tests() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README is there");
    assert!(readme.contains("`make test-compose` runs"), "the README tells of it");
    is_made("make test-compose");
    for line in block("Brokers in containers") {
        let files = line.split_whitespace().filter(|word| word.ends_with(".yaml"));
        files.for_each(|file| assert!(root().join(file).is_file(), "{file}"));
    }
}
