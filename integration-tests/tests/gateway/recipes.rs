//! Recipes of the README, run as they stand there.

use std::fs;

use frontier_integration_tests::containers::root;
use frontier_integration_tests::control::{Control, number};
use frontier_integration_tests::process::{Signal, built};
use frontier_integration_tests::readme::recipe;
use frontier_integration_tests::tool::Running;
use frontier_integration_tests::{Gateway, Settings, Tool, eventually};

/// A gateway as a line of a recipe starts it, on free ports of 127.0.0.1.
fn run(line: &str) -> Gateway {
    let file = line.strip_prefix("make run ARGS=\"--config ").and_then(|rest| rest.strip_suffix('"'));
    let file = file.unwrap_or_else(|| panic!("{line:?} starts no gateway"));
    let text = fs::read_to_string(root().join(file)).expect("the configuration is there");
    let mut whole = String::new();
    for line in text.lines() {
        match line.split_once("addr: ") {
            Some((indent, addr)) if addr.contains(":300") => whole.push_str(&format!("{indent}addr: 127.0.0.1:0\n")),
            _ => whole.push_str(&format!("{line}\n")),
        }
    }
    whole.push_str("observability: {addr: 127.0.0.1:0}\n");
    Settings { whole: Some(whole), ..Settings::default() }.start()
}

/// A line that begins with one of our programs, its arguments split as a shell does.
fn tool(gateway: &Gateway, control: Control, line: &str) -> Tool {
    let args = line.strip_prefix("bin/frontierctl ").unwrap_or_else(|| panic!("{line:?} runs no frontierctl"));
    let mut tool = Tool::new(&built("frontierctl", "frontier-ctl"), gateway, "");
    for (at, part) in args.split('"').enumerate() {
        // Every other part stood in quotes.
        tool = if at % 2 == 1 { tool.arg(part) } else { tool.words(part) };
    }
    tool.env("FRONTIER_CONTROL_ADDR", &control.addr.to_string())
}

#[test]
fn list_count_kick_works_as_it_stands() {
    let lines: Vec<String> = recipe("List, count, kick").into_iter().map(|line| line.typed).collect();
    let [start, edge, curl, list, count, kick] = &lines[..] else { panic!("{lines:?}") };
    let gateway = run(start);
    let control = Control::of(&gateway);
    let edge: Running = tool(&gateway, control, edge).start();
    let id = edge.notes("is online").split_whitespace().nth(1).expect("an id").to_owned();

    let path = curl.strip_prefix("curl http://127.0.0.1:30010").unwrap_or_else(|| panic!("{curl:?}"));
    let answer = control.get(path);
    assert_eq!((answer["count"].as_u64(), number(&answer["edges"][0]["edge_id"]).to_string()), (Some(1), id.clone()));
    let listed = tool(&gateway, control, list).run(b"");
    assert!(listed.code == 0 && listed.text().contains(&id) && listed.text().contains("sensor 7"), "{listed:?}");
    assert_eq!(tool(&gateway, control, count).run(b"").text(), "1\n");

    let (kick, shown) = kick.split_once("7642381").expect("an id for the reader's own");
    assert_eq!(shown, "…");
    let kicked = tool(&gateway, control, &format!("{kick}{id}")).run(b"");
    assert_eq!((kicked.code, kicked.err), (0, format!("edge {id} is kicked\n")));
    eventually("it comes back under a new id", || {
        let (ids, _) = control.walk("/v1/edges");
        matches!(ids[..], [again] if again.to_string() != id).then_some(())
    });
    assert_eq!(edge.end(Signal::Interrupt), 0);
}
