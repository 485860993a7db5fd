//! Coming in: ids, refusals, and what a handshake may look like.

use std::collections::HashSet;

use frontier_integration_tests::raw::{Body, Client, Hello, Pair, Refusal, base64, kind, presence_event};
use frontier_integration_tests::{Gateway, Settings};

fn refusal(text: &str) -> Refusal {
    Refusal { code: 1, id: 0, text: text.to_owned() }
}

#[test]
fn conn_001_an_edge_gets_an_id_that_is_not_zero() {
    let gateway = Gateway::start();
    let edge = Client::edge(gateway.edge);
    assert_ne!(edge.id, 0);
}

#[test]
fn conn_002_an_edge_connects_and_closes() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    edge.end_session(1);
    edge.close();
}

#[test]
fn conn_003_edge_online_gets_exactly_the_meta() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["edge_online"]);
    let metas: [&[u8]; 4] = [b"meta \"1\"", &[0, 255, 128], "ä<>&".as_bytes(), &[b'm'; 4000]];
    for meta in metas {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::edge(meta));
        let request = service.called("edge_online");
        let event = presence_event(&request);
        assert_eq!(event["Meta"], base64(meta));
        assert_eq!(event["Net"], "tcp");
        assert_eq!(event["Str"], edge.local_addr().to_string());
        assert_eq!(request.custom(), b"");
        service.respond(&request, b"");
        assert_eq!(event["EdgeID"], edge.admitted());
    }
}

#[test]
fn conn_003_an_edge_without_meta_has_a_null_meta() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["edge_online"]);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    let request = service.called("edge_online");
    let meta = &presence_event(&request)["Meta"];
    assert!(meta.is_null() || meta == "", "{meta}");
    service.respond(&request, b"");
    edge.admitted();
}

#[test]
fn conn_004_a_hundred_edges_get_distinct_ids() {
    let gateway = Gateway::start();
    let mut edges: Vec<Client> = (0..100).map(|_| Client::dial(gateway.edge)).collect();
    for edge in &mut edges {
        edge.say(&Hello::default());
    }
    let ids: HashSet<u64> = edges.iter_mut().map(Client::admitted).collect();
    assert_eq!(ids.len(), 100);
}

#[test]
fn w28_local_ids_follow_each_other_and_are_those_that_the_log_names() {
    let gateway = Settings { sections: "log: {level: debug}\n".to_owned(), ..Settings::default() }.start();
    let ids: Vec<u64> = (0..5).map(|_| Client::edge(gateway.edge).id).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    for id in ids {
        let line = gateway.logged(&id.to_string());
        assert!(line.contains("edge online"), "{line}");
    }
}

#[test]
fn conn_005_a_service_connects_with_and_without_name_and_topics() {
    let gateway = Gateway::start();
    for meta in [
        r#"{"service":"","topics":null}"#,
        r#"{"service":"a","topics":["t1","t2"]}"#,
        r#"{"SERVICE":"a","Topics":[],"more":{"x":[1]}}"#,
        "{}",
    ] {
        let service = Client::connect(gateway.service, &Hello::edge(meta.as_bytes()));
        service.close();
    }
}

#[test]
fn conn_006_after_the_service_left_an_unknown_method_is_an_error() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    Client::service(gateway.service, "svc", &[]).close();
    let call = edge.request(&Body::new().method("anything"));
    assert_eq!(edge.answer(call), Err("record not found".to_owned()));
}

#[test]
fn the_wanted_id_of_an_edge_is_ignored() {
    let gateway = Gateway::start();
    let edge = Client::connect(gateway.edge, &Hello::default().wanting(4242));
    assert_ne!(edge.id, 4242);
}

#[test]
fn the_wanted_id_of_an_edge_is_honoured_where_configured() {
    let edgebound = vec!["honour_wanted_id: true".to_owned()];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let edge = Client::connect(gateway.edge, &Hello::default().wanting(4242));
    assert_eq!(edge.id, 4242);
}

#[test]
fn the_wanted_id_of_a_service_is_honoured() {
    let gateway = Gateway::start();
    let service = Client::connect(gateway.service, &Hello::service("svc", &[]).wanting(99));
    assert_eq!(service.id, 99);
}

#[test]
fn the_flag_that_asks_for_no_id_changes_nothing() {
    let gateway = Gateway::start();
    for wanted in [0, 4242] {
        let edge = Client::connect(gateway.edge, &Hello { flags: 0x10, ..Hello::default() }.wanting(wanted));
        assert!(edge.id != 0 && edge.id != 4242, "{}", edge.id);
    }
}

#[test]
fn an_id_service_decides_the_id() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id"]);
    for id in [1, 42, 9_007_199_254_740_993, u64::MAX] {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::edge(b"who"));
        let request = service.called("get_edge_id");
        assert_eq!((request.value(), request.custom()), (b"who".to_vec(), Vec::new()));
        service.respond(&request, &u64::to_be_bytes(id));
        assert_eq!(edge.admitted(), id);
    }
}

#[test]
fn an_id_service_that_answers_zero_leaves_the_choice_to_the_gateway() {
    let gateway = Settings { local_edge_ids: false, ..Settings::default() }.start();
    let mut service = Client::hooked(&gateway, &["get_edge_id"]);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.hand_out(0);
    edge.admitted();
}

#[test]
fn an_id_that_is_not_eight_bytes_refuses_the_edge() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id"]);
    for answer in [&b""[..], b"1234567", b"123456789"] {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        let request = service.called("get_edge_id");
        service.respond(&request, answer);
        assert_eq!(edge.refused(), refusal("illegal edgeID"));
    }
}

#[test]
fn without_id_service_and_local_ids_an_edge_is_refused() {
    let gateway = Settings { local_edge_ids: false, ..Settings::default() }.start();
    let refused = Client::connect_refused(gateway.edge, &Hello::default());
    assert_eq!(refused, refusal("service not online"));
}

#[test]
fn w39_every_refusal_carries_id_zero_and_the_hooks_own_words() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id", "edge_online"]);

    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    let request = service.called("get_edge_id");
    service.respond_error(&request, "edge <denied> & \"bad\"");
    assert_eq!(edge.refused(), refusal("edge <denied> & \"bad\""));

    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.hand_out(7);
    let (request, id) = service.told("edge_online");
    assert_eq!(id, 7);
    service.respond_error(&request, "Name ist vergeben: ä");
    assert_eq!(edge.refused(), refusal("Name ist vergeben: ä"));
}

#[test]
fn w03_a_service_with_bad_meta_is_refused() {
    let gateway = Gateway::start();
    for meta in ["", "svc", "[]", r#"{"service":1}"#, r#"{"service":"a","topics":"t"}"#, r#"{"service":"a"} x"#] {
        let refused = Client::connect_refused(gateway.service, &Hello::edge(meta.as_bytes()));
        assert_eq!((refused.code, refused.id), (1, 0), "{meta}: {refused:?}");
    }
    Pair::connect(&gateway).works();
}

#[test]
fn every_heartbeat_class_and_unknown_flags_are_let_in() {
    let gateway = Gateway::start();
    for flags in [0x08, 0x18, 0x28, 0x38, 0xdf, 0xff] {
        let mut edge = Client::connect(gateway.edge, &Hello { flags, ..Hello::default() });
        edge.heartbeat();
    }
}

#[test]
fn unknown_keys_of_a_conn_are_ignored() {
    let gateway = Gateway::start();
    for json in ["null", "{}", r#"{"caps":{"bin":1},"meta":"bTE=","x":[]}"#, r#"{"META":null}"#, "{} \n"] {
        let mut edge = Client::dial(gateway.edge);
        let body = [&[0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0], json.as_bytes()].concat();
        edge.send(kind::CONN, 5, &body);
        let ack = edge.next(kind::CONN_ACK);
        assert_eq!((ack.id, ack.body[0], ack.text("error")), (5, 0, String::new()), "{json}");
    }
}

#[test]
fn a_handshake_may_come_in_single_bytes() {
    let gateway = Gateway::start();
    let mut edge = Client::dial(gateway.edge);
    for byte in [&[1, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 12, 0x18, 0][..], &[0; 8], b"{}"].concat() {
        edge.send_bytes(&[byte]);
    }
    assert_eq!(edge.next(kind::CONN_ACK).id, 9);
    edge.heartbeat();
}

#[test]
fn a_client_that_never_says_hello_is_cut_after_ten_seconds() {
    let gateway = Gateway::start();
    let mut silent: Vec<Client> = [gateway.edge, gateway.service].into_iter().map(Client::dial).collect();
    let mut half = Client::dial(gateway.edge);
    half.send_bytes(&[1, 1, 0, 0, 0]);
    let mut headless = Client::dial(gateway.service);
    headless.send_bytes(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 200, 0x18]);
    silent.extend([half, headless]);
    for client in &mut silent {
        client.cut_off();
    }
    Pair::connect(&gateway).works();
}
