//! `frontierctl` towards the control plane.

use std::fs;

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::control::{Control, ON};
use frontier_integration_tests::process::built;
use frontier_integration_tests::raw::{Client, Hello, call_up};
use frontier_integration_tests::tool::Done;
use frontier_integration_tests::{Gateway, Settings, Tool};
use serde_json::{Value, json};

fn ctl(gateway: &Gateway, args: &str) -> Tool {
    let control = Control::of(gateway).addr.to_string();
    Tool::new(&built("frontierctl", "frontier-ctl"), gateway, args)
        .env("FRONTIER_CONTROL_ADDR", &control)
        .env("XDG_CONFIG_HOME", "/nowhere")
}

#[track_caller]
fn objects(done: &Done) -> Vec<Value> {
    assert_eq!(done.code, 0, "{done:?}");
    done.text().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn edges_are_listed_counted_shown_and_kicked() {
    let gateway = Settings::default().with_control().start();
    let mut edges: Vec<Client> =
        (0..3).map(|i| Client::connect(gateway.edge, &Hello::edge(format!("sensor {i}").as_bytes()))).collect();
    let other = Client::connect(gateway.edge, &Hello::edge(b"\x1b[2Jbad"));
    let ids: Vec<String> = edges.iter().map(|edge| edge.id.to_string()).collect();

    let table = ctl(&gateway, "edges").run(b"");
    assert!(table.text().starts_with("ID ") && ids.iter().all(|id| table.text().contains(id)), "{table:?}");
    assert!(!table.text().contains('\x1b'), "an edge writes to the terminal");
    let listed = objects(&ctl(&gateway, "edges --meta sensor --order +meta --json").run(b""));
    let found: Vec<&str> = listed.iter().map(|edge| edge["edge_id"].as_str().expect("text")).collect();
    assert_eq!(found, ids);
    assert_eq!(objects(&ctl(&gateway, "edges --limit 2 --json").run(b"")).len(), 2);
    assert_eq!(ctl(&gateway, "edges --count").run(b"").text(), "4\n");
    assert_eq!(objects(&ctl(&gateway, "edges --meta none --count --json").run(b"")), [json!({ "count": 0 })]);
    assert_eq!(ctl(&gateway, "edges --order nonsense").run(b"").code, 1);

    let shown = objects(&ctl(&gateway, &format!("edge {} --json", ids[0])).run(b""));
    assert_eq!((&shown[0]["meta"], &shown[0]["link"]["transport"]), (&json!("sensor 0"), &json!("tcp")));
    assert!(ctl(&gateway, &format!("edge {}", ids[0])).run(b"").text().contains("heartbeat"));

    let kicked = ctl(&gateway, &format!("kick edge {} 7 --json", ids[1])).run(b"");
    assert_eq!(kicked.code, 1, "one of them was not there");
    let told: Vec<Value> =
        kicked.text().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!(told[0], json!({ "kind": "edge", "id": ids[1], "kicked": true }));
    assert_eq!(told[1]["error"], "edge 7: edge not online");
    edges[1].answer_goodbye();
    let gone = ctl(&gateway, &format!("edge {}", ids[1])).run(b"");
    assert_eq!((gone.code, gone.err.as_str()), (1, "frontierctl: not found\n"));
    let closed = objects(&ctl(&gateway, "closed --json").run(b""));
    assert_eq!((&closed[0]["id"], &closed[0]["label"]), (&json!(ids[1]), &json!("sensor 1")));
    drop(other);
}

#[test]
fn more_than_a_page_is_listed() {
    let gateway = Settings::default().with_control().start();
    // Each makes a page of its own: a message to a client of gRPC has 4 MiB.
    let meta = vec![b'm'; 2 * 1024 * 1024];
    let edges: Vec<Client> = (0..5).map(|_| Client::connect(gateway.edge, &Hello::edge(&meta))).collect();
    assert_eq!(objects(&ctl(&gateway, "edges --json").run(b"")).len(), edges.len());
    // In the order of such texts a page goes on by its number, and one that is cut not at all: it says so.
    assert_eq!(objects(&ctl(&gateway, "edges --order +meta --limit 1 --json").run(b"")).len(), 1);
    let too_much = ctl(&gateway, "edges --order +meta").run(b"");
    assert!(too_much.code == 1 && too_much.err.contains("ask for a smaller page_size"), "{too_much:?}");
}

#[test]
fn services_topics_bridges_and_the_gateway_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("lines");
    let bridge = format!("bridges:\n  - name: lines\n    file: {{path: {}}}\n    topics: [out]\n", path.display());
    let gateway = Settings { sections: bridge, ..Settings::default() }.with_control().start();
    let mut service = Client::service(gateway.service, "greeter", &["b", "a"]);
    service.register("echo");
    let mut edge = Client::edge(gateway.edge);
    call_up(&mut edge, &mut service, b"x");

    let listed = objects(&ctl(&gateway, "services --name greet --topic a --rpc echo --json").run(b""));
    assert_eq!(listed[0]["service_id"], service.id.to_string());
    assert_eq!(ctl(&gateway, "topics").run(b"").text(), "TOPIC\na\nb\n");
    assert_eq!(ctl(&gateway, "topics --name other --count").run(b"").text(), "0\n");
    let shown = objects(&ctl(&gateway, &format!("service {} --json", service.id)).run(b""));
    assert_eq!((&shown[0]["topics"], &shown[0]["rpcs"]), (&json!(["a", "b"]), &json!(["echo"])));
    let bridges = objects(&ctl(&gateway, "bridges --json").run(b""));
    assert_eq!((&bridges[0]["name"], &bridges[0]["matched"]), (&json!("lines"), &json!("0")));
    let info = objects(&ctl(&gateway, "info --json").run(b""));
    assert_eq!((&info[0]["totals"]["edges"]["calls"], &info[0]["dao"]), (&json!("1"), &json!("memory")));
    let looks = objects(&ctl(&gateway, "top --rounds 2 --interval 0.05 --json").run(b""));
    assert_eq!((looks.len(), &looks[1]["totals"]["services"]["online"]), (2, &json!("1")));
    let looked = ctl(&gateway, "top --rounds 1").run(b"");
    assert!(looked.code == 0 && looked.text().contains("greeter") && looked.text().contains("lines"), "{looked:?}");
}

#[test]
fn endpoint_and_token_come_from_flags_the_environment_or_a_profile() {
    let token = "  tokens: [{name: ops, role: write, token: {value: secret}}, {name: dash, token: {value: look}}]\n";
    let gateway = Settings { sections: format!("{ON}{token}"), ..Settings::default() }.start();
    let edge = Client::edge(gateway.edge);
    let addr = Control::of(&gateway).addr.to_string();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    let (token_file, wrong) = (file("token", "secret\n"), file("wrong", "endpoint = 127.0.0.1:1\ntoken = nonsense\n"));
    let profile = file("profile", &format!("endpoint = {addr}\ntoken_file = {token_file}\n"));
    fs::create_dir(folder.path().join("frontier")).expect("a folder can be made");
    file("frontier/profile", &format!("endpoint = {addr}\ntoken = look\n"));

    let none = ctl(&gateway, "edges --count").run(b"");
    assert_eq!((none.code, none.err.as_str()), (3, "frontierctl: a bearer token is needed\n"));
    let bare = |args: &str| Tool::new(&built("frontierctl", "frontier-ctl"), &gateway, args);
    let here = folder.path().display().to_string();
    for right in [
        bare(&format!("edges --count --endpoint {addr} --token secret --profile {wrong}")),
        bare(&format!("edges --count --endpoint {addr} --token-file {token_file} --profile {wrong}")),
        bare("edges --count").env("FRONTIER_CONTROL_ADDR", &addr).env("FRONTIER_CONTROL_TOKEN", "look"),
        bare(&format!("edges --count --profile {profile}")),
        bare("edges --count").env("FRONTIER_PROFILE", &profile),
        bare("edges --count").env("XDG_CONFIG_HOME", &here),
    ] {
        let done = right.run(b"");
        assert_eq!((done.code, done.text()), (0, "1\n"), "{done:?}");
    }
    let denied = ctl(&gateway, &format!("kick edge {} --token look", edge.id)).run(b"");
    assert_eq!((denied.code, denied.err.as_str()), (3, "frontierctl: this token may read and not write\n"));
    let nobody = bare(&format!("edges --profile {wrong}")).run(b"");
    assert_eq!(nobody.code, 3);
    assert!(nobody.err.starts_with("frontierctl: cannot connect to 127.0.0.1:1: "), "{nobody:?}");
    assert_eq!(ctl(&gateway, "edges --profile /nowhere/profile").run(b"").code, 5);
    assert_eq!(ctl(&gateway, "edge 7 call x").run(b"").code, 2);
}

#[test]
fn over_tls_it_wants_the_right_certificate() {
    let authority = Authority::new("authority");
    let tls = listener_yaml(&[&authority.pair("control", "localhost")], None);
    let gateway = Settings { sections: format!("{ON}    tls: {tls}\n"), ..Settings::default() }.start();
    let ca = authority.file().display().to_string();
    let right = ctl(&gateway, &format!("edges --count --tls-ca {ca} --tls-name localhost")).run(b"");
    assert_eq!((right.code, right.text()), (0, "0\n"), "{right:?}");
    assert_eq!(ctl(&gateway, "edges --count --tls --tls-name localhost").run(b"").code, 3);
    assert_eq!(ctl(&gateway, "edges --count").run(b"").code, 3);
}
