//! The control plane over plain HTTP: what it lists, and whom it kicks.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use frontier_integration_tests::control::{Control, ON, number};
use frontier_integration_tests::process::{Signal, built};
use frontier_integration_tests::raw::{Client, HOOKS, Hello, call_up};
use frontier_integration_tests::{Gateway, Settings, Tool, eventually};
use serde_json::{Value, json};

const SQLITE: &str = "dao:\n  backend: sqlite\n";

/// A gateway with a control plane, with either back end of the records.
fn both() -> [(Gateway, Control); 2] {
    ["", SQLITE].map(|sections| {
        let gateway = Settings { sections: sections.to_owned(), ..Settings::default() }.with_control().start();
        let control = Control::of(&gateway);
        (gateway, control)
    })
}

#[test]
fn w24_every_route_answers_in_the_shape_of_the_go_gateway() {
    for (mut gateway, control) in both() {
        assert_eq!(control.get("/v1/edges"), json!({ "edges": [], "count": 0 }));
        assert_eq!(control.get("/v1/services"), json!({ "services": [], "count": 0 }));
        let mut service = Client::service(gateway.service, "greeter", &["t", "u"]);
        service.register("echo");
        let mut edge = Client::connect(gateway.edge, &Hello::edge(b"sensor-1"));
        edge.register("reboot");
        call_up(&mut edge, &mut service, b"behind both registrations");

        let row = control.get("/v1/edges")["edges"][0].clone();
        let since = number(&row["create_time"]);
        let expected = json!({
            "edge_id": edge.id.to_string(),
            "meta": "sensor-1",
            "addr": edge.local_addr().to_string(),
            "create_time": since.to_string(),
        });
        assert_eq!(control.get("/v1/edges"), json!({ "edges": [expected], "count": 1 }));
        assert_eq!(control.get(&format!("/v1/edges/{}", edge.id)), expected);
        assert_eq!(control.get("/v1/edges?meta=sensor&addr=127.0.0.1&rpc=reboot"), control.get("/v1/edges"));
        assert_eq!(control.get("/v1/edges?meta=Sensor"), json!({ "edges": [], "count": 0 }));
        let row = control.get("/v1/services?service=greet&topic=t&rpc=echo")["services"][0].clone();
        assert_eq!((&row["service"], &row["addr"]), (&json!("greeter"), &json!(service.local_addr().to_string())));
        assert_eq!(control.get(&format!("/v1/services/{}", service.id)), row);
        assert_eq!(control.get("/v1/edges/rpcs"), json!({ "rpcs": ["reboot"], "count": 1 }));
        assert_eq!(control.get("/v1/services/rpcs"), json!({ "rpcs": ["echo"], "count": 1 }));
        assert_eq!(control.get("/v1/services/topics?order=topic"), json!({ "topics": ["t", "u"], "count": 2 }));
        edge.close();
        service.close();
        // Nothing of this is anything to complain of.
        gateway.ends_without_complaint();
    }
}

#[test]
fn an_edge_is_there_when_its_connect_has_returned_and_gone_when_it_was_kicked() {
    for (gateway, control) in both() {
        let mut edges = Vec::new();
        for count in 1..=30 {
            edges.push(Client::edge(gateway.edge));
            assert_eq!(control.count(), count);
        }
        for mut edge in edges {
            let path = format!("/v1/edges/{}", edge.id);
            assert_eq!(control.ask("DELETE", &path, &[]).body, "{}");
            let gone = control.ask("GET", &path, &[]);
            let body = json!({ "code": 404, "reason": "", "message": "not found", "metadata": {} });
            assert_eq!((gone.status, gone.json()), (404, body));
            edge.answer_goodbye();
        }
        assert_eq!(control.get("/v1/edges"), json!({ "edges": [], "count": 0 }));
    }
}

#[test]
fn a_kick_is_told_to_presence_and_to_the_log_and_is_no_ban() {
    let gateway = Settings::default().with_control().start();
    let control = Control::of(&gateway);
    let mut service = Client::hooked(&gateway, &HOOKS);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::edge(b"m"));
    service.let_in(&mut edge, 42);
    assert_eq!(control.ask("DELETE", "/v1/edges/42", &[]).status, 200);
    assert_eq!(service.heard("edge_offline"), 42);
    edge.answer_goodbye();
    let line = gateway.logged("kick by=");
    for part in ["anybody", "127.0.0.1:", "edge", "42", "kicked"] {
        assert!(line.contains(part), "{part} in {line:?}");
    }
    let absent = control.ask("DELETE", "/v1/edges/42", &[]);
    assert_eq!((absent.status, &absent.json()["message"]), (404, &json!("edge not online")));
    gateway.logged("not online");
    let closed = &control.get("/v1/closed")["links"][0];
    assert_eq!((&closed["kind"], &closed["id"], &closed["label"]), (&json!("edge"), &json!("42"), &json!("m")));

    let mut again = Client::dial(gateway.edge);
    again.say(&Hello::edge(b"m"));
    service.let_in(&mut again, 42);
    assert_eq!(control.count(), 1);

    assert_eq!(control.ask("DELETE", &format!("/v1/services/{}", service.id), &[]).status, 200);
    service.answer_goodbye();
    assert_eq!(control.get("/v1/services")["count"], 0);
    assert_eq!(control.count(), 1, "its edges stay");
}

#[test]
fn a_kick_in_the_middle_of_a_takeover_leaves_one_edge_or_none_and_tells_all_in_order() {
    for (gateway, control) in both() {
        let mut service = Client::hooked(&gateway, &HOOKS);
        let mut holder = Client::dial(gateway.edge);
        holder.say(&Hello::edge(b"old"));
        service.let_in(&mut holder, 42);
        // The newcomer displaces the holder, and is kicked while its own coming is being told.
        let mut newcomer = Client::dial(gateway.edge);
        newcomer.say(&Hello::edge(b"new"));
        service.hand_out(42);
        assert_eq!(service.heard("edge_offline"), 42);
        let (online, id) = service.told("edge_online");
        assert_eq!(id, 42);
        let kicked = std::thread::scope(|scope| {
            let kicked = scope.spawn(|| control.ask("DELETE", "/v1/edges/42", &[]).status);
            let status = kicked.join().expect("the request does not panic");
            service.respond(&online, b"");
            status
        });
        // Whoever is not admitted yet is not online; one that is told of and then kicked is told offline.
        match kicked {
            200 => assert_eq!(service.heard("edge_offline"), 42),
            404 => assert_eq!(newcomer.admitted(), 42),
            other => panic!("{other}"),
        }
        let rows = control.get("/v1/edges");
        assert_eq!(rows["count"], rows["edges"].as_array().expect("rows").len());
        assert_eq!(rows["count"], u64::from(kicked == 404));
        if kicked == 404 {
            assert_eq!(rows["edges"][0]["meta"], "new");
            assert_eq!(control.ask("DELETE", "/v1/edges/42", &[]).status, 200);
            assert_eq!(service.heard("edge_offline"), 42);
        }
        assert_eq!(control.count(), 0);
        assert_eq!(service.unasked(), []);
    }
}

#[test]
fn ids_beyond_2_to_the_53_and_63_are_exact() {
    for (gateway, control) in both() {
        let mut service = Client::hooked(&gateway, &HOOKS);
        let ids = [9_007_199_254_740_992, 9_007_199_254_740_993, 1 << 63, u64::MAX];
        let edges = ids.map(|id| {
            let mut edge = Client::dial(gateway.edge);
            edge.say(&Hello::default());
            service.let_in(&mut edge, id);
            edge
        });
        assert_eq!(control.walk("/v1/edges?order=%2Bedge_id").0, ids);
        let ctl = |args: &str| {
            let tool = Tool::new(&built("frontierctl", "frontier-ctl"), &gateway, args);
            tool.env("FRONTIER_CONTROL_ADDR", &control.addr.to_string()).run(b"")
        };
        let listed = ctl("edges --order +edge_id --json");
        let rows = listed.text().lines().map(|row| serde_json::from_str::<Value>(row).expect("each line is JSON"));
        assert_eq!(rows.map(|row| number(&row["edge_id"])).collect::<Vec<_>>(), ids, "{listed:?}");
        assert_eq!(ctl("kick edge 9007199254740993").code, 0);
        assert_eq!(service.heard("edge_offline"), 9_007_199_254_740_993);
        assert_eq!(control.walk("/v1/edges?order=-edge_id").0, [u64::MAX, 1 << 63, 9_007_199_254_740_992]);
        assert_eq!(control.walk("/v1/edges?edge_id=18446744073709551615").0, [u64::MAX]);
        drop(edges);
    }
}

#[test]
fn links_totals_bridges_and_the_gateway_itself_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let lines = folder.path().join("lines");
    let bridge = format!("bridges:\n  - name: lines\n    file: {{path: {}}}\n    topics: [out]\n", lines.display());
    let gateway = Settings { sections: bridge, ..Settings::default() }.with_control().start();
    let control = Control::of(&gateway);
    let mut service = Client::service(gateway.service, "s", &["t"]);
    service.register("echo");
    let mut edge = Client::connect(gateway.edge, &Hello::edge(b"m"));
    call_up(&mut edge, &mut service, b"once");

    let details = control.get(&format!("/v1/edges/{}/details", edge.id));
    let link = &details["link"];
    assert_eq!((&link["transport"], &link["peer"]), (&json!("tcp"), &json!(edge.local_addr().to_string())));
    assert_eq!((number(&link["traffic"]["calls_in"]), number(&link["traffic"]["messages_in"])), (1, 0));
    assert!(number(&link["traffic"]["bytes_in"]) > 0 && number(&link["heartbeat_age_ms"]) < 3_600_000, "{link}");
    let details = control.get(&format!("/v1/services/{}/details", service.id));
    assert_eq!((&details["topics"], &details["topic_count"]), (&json!(["t"]), &json!(1)));
    assert_eq!(number(&details["link"]["traffic"]["calls_out"]), 1);

    let totals = control.get("/v1/totals");
    assert_eq!((number(&totals["edges"]["online"]), number(&totals["services"]["admitted"])), (1, 1));
    assert_eq!(number(&totals["edges"]["calls"]), 1);
    eventually("the bridge is up", || {
        let bridge = control.get("/v1/bridges")["bridges"][0].clone();
        (bridge["state"] == "up" && bridge["name"] == "lines" && bridge["kind"] == "file").then_some(())
    });
    let info = control.get("/v1/info");
    assert_eq!((&info["draining"], &info["dao"]), (&json!(false), &json!("memory")));
    assert_eq!(info["config_digest"].as_str().map(str::len), Some(64));
    assert_eq!(control.get("/openapi.json")["info"]["version"], info["version"]);
}

#[test]
fn tokens_from_files_are_asked_for_and_can_change_while_it_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("token");
    fs::write(&file, "p#a$s/%41:w@rd é\n").expect("a file can be written");
    let token = format!("  tokens:\n    - {{name: ops, role: write, token: {{file: {}}}}}\n", file.display());
    let gateway = Settings { sections: format!("{ON}{token}"), ..Settings::default() }.start();
    let control = Control::of(&gateway);
    let edge = Client::edge(gateway.edge);
    let path = format!("/v1/edges/{}", edge.id);
    assert_eq!(control.ask("GET", "/v1/edges", &[]).status, 401);
    assert_eq!(control.ask("DELETE", &path, &["Authorization: Bearer p#a$s/A:w@rd é"]).status, 401);
    let right = "Authorization: Bearer p#a$s/%41:w@rd é";
    assert_eq!(control.ask("GET", &path, &[right]).status, 200);

    fs::write(&file, "fresh").expect("a file can be written");
    gateway.signal(Signal::Hup);
    gateway.logged("configuration reloaded");
    assert_eq!(control.ask("GET", &path, &[right]).status, 401);
    assert_eq!(control.ask("DELETE", &path, &["Authorization: Bearer fresh"]).status, 200);
    let line = gateway.logged("kick by=");
    assert!(line.contains("ops") && !line.contains("fresh"), "{line}");
    assert!(!gateway.log.lines().iter().any(|line| line.contains("w@rd")), "a token in the log");
}

#[test]
fn probes_of_the_control_plane_leave_no_line() {
    let mut gateway = Settings::default().with_control().start();
    let control = Control::of(&gateway);
    let probes: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PRI * HTTP",
    ];
    for probe in probes {
        for _ in 0..5 {
            let mut stream = TcpStream::connect(control.addr).expect("it accepts");
            stream.write_all(probe).expect("it takes a few bytes");
        }
    }
    assert_eq!(control.count(), 0);
    gateway.ends_without_complaint();
}

#[test]
fn a_drain_can_be_watched_and_ends_with_the_control_plane() {
    let mut gateway = Settings { drain_seconds: 60, ..Settings::default() }.with_control().start();
    let control = Control::of(&gateway);
    let mut service = Client::service(gateway.service, "s", &[]);
    service.register("slow");
    let mut edge = Client::edge(gateway.edge);
    let call = edge.request(&frontier_integration_tests::raw::Body::new().method("slow").value(b"x"));
    let request = service.called("slow");
    gateway.signal(Signal::Term);
    eventually("it says that it drains", || (control.get("/v1/info")["draining"] == true).then_some(()));
    assert_eq!(control.count(), 1);
    // A connection that is kept open does not keep the gateway.
    let idle = TcpStream::connect(control.addr).expect("it accepts while it drains");
    service.respond(&request, b"done");
    assert_eq!(edge.answer(call), Ok(b"done".to_vec()));
    edge.answer_goodbye();
    service.answer_goodbye();
    assert!(gateway.exit(frontier_integration_tests::PATIENCE).success());
    drop(idle);
    assert!(TcpStream::connect(control.addr).is_err());
}

#[test]
fn a_port_that_is_taken_keeps_the_gateway_from_starting() {
    let first = Settings::default().with_control().start();
    let taken = ON.replace("127.0.0.1:0", &Control::of(&first).addr.to_string());
    let (status, said) = Settings { sections: taken, ..Settings::default() }.fails_to_start();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("frontier: the port of the control plane cannot be opened: "), "{said}");
}

#[test]
fn a_description_of_every_answer_is_kept() {
    let gateway = Settings::default().with_control().start();
    let control = Control::of(&gateway);
    let api = control.get("/openapi.json");
    let paths = api["paths"].as_object().expect("paths");
    for path in paths.keys().filter(|path| !path.contains('{')) {
        let answer = control.get(path);
        let schema = &paths[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let name = schema.as_str().and_then(|name| name.rsplit('/').next()).expect("a named schema");
        let told = keys(&api["components"]["schemas"][name]["properties"]);
        assert_eq!(keys(&answer), told, "{path}");
    }
}

fn keys(object: &Value) -> Vec<&String> {
    let mut keys: Vec<_> = object.as_object().expect("an object").keys().collect();
    keys.sort();
    keys
}
