//! An edge over WebSocket is an edge like any other.

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::control::Control;
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Body, Client, HOOKS, Hello, Pair, TlsClient, call_down, call_up};
use frontier_integration_tests::websocket::{Ask, WebSocket};
use frontier_integration_tests::{Gateway, PATIENCE, eventually};
use serde_json::json;

use super::{dialed, edge, port, settings};

fn pair(gateway: &Gateway) -> Pair {
    let mut service = Client::service(gateway.service, "svc", &["t"]);
    service.register("echo");
    Pair { edge: edge(gateway), service }
}

#[test]
fn calls_and_messages_go_both_ways_and_it_is_counted_as_what_it_is() {
    let gateway = settings(&[]).start();
    let mut pair = pair(&gateway);
    pair.works();
    let over_tcp = Client::edge(gateway.edge);
    for (transport, links) in [("ws", 1.0), ("wss", 0.0), ("tcp", 1.0), ("tls", 0.0)] {
        let labels = ["side=\"edge\"", &format!("transport=\"{transport}\"")];
        assert_eq!(gateway.metric("frontier_links", &labels), links);
    }
    over_tcp.close();
    // Above what one frame takes, and what one message of the gateway does.
    let large = vec![7; 3_000_000];
    call_up(&mut pair.edge, &mut pair.service, &large);
    call_down(&mut pair.service, &mut pair.edge, &large);
    pair.edge.close();
    eventually("it is gone", || (gateway.metric("frontier_links", &["transport=\"ws\""]) == 0.0).then_some(()));
}

#[test]
fn over_tls_it_is_the_same() {
    let authority = Authority::new("ours");
    let pair = authority.pair("server", "gateway.test");
    let mut settings = settings(&[]);
    settings.edgebound[2] = format!("  listen: {{ addr: 127.0.0.1:0, tls: {} }}", listener_yaml(&[&pair], None));
    let mut gateway = settings.start();
    let tls = TlsClient::new(&authority, "gateway.test", None);
    let mut edge = Client::inside(WebSocket::connect_tls(port(&gateway), &tls, &Ask::default()));
    edge.say(&Hello::default());
    edge.admitted();
    let mut service = Client::service(gateway.service, "svc", &["t"]);
    service.register("echo");
    let large = vec![7; 3_000_000];
    call_up(&mut edge, &mut service, &large);
    call_down(&mut service, &mut edge, &large);
    // Whoever speaks without TLS gets no answer that could be one.
    let mut plain = WebSocket::dial(port(&gateway));
    plain.send_bytes(Ask::default().text().as_bytes());
    assert!(plain.next_frame().is_none_or(|record| record.first == 0x15), "an alert of TLS at most");
    drop((edge, service));
    gateway.ends_without_complaint();
}

#[test]
fn unfinished_handshakes_of_tls_are_cut_and_hold_up_nobody() {
    let authority = Authority::new("ours");
    let mut settings = settings(&[]);
    let pair = authority.pair("server", "gateway.test");
    settings.edgebound[2] = format!("  listen: {{ addr: 127.0.0.1:0, tls: {} }}", listener_yaml(&[&pair], None));
    settings.edgebound.push("limits: { handshake_seconds: 5 }".to_owned());
    let mut gateway = settings.start();
    let mut stuck: Vec<WebSocket> = (0..20).map(|_| WebSocket::dial(port(&gateway))).collect();
    for half in &mut stuck {
        half.send_bytes(&[0x16, 3, 1, 2, 0]);
    }
    let tls = TlsClient::new(&authority, "gateway.test", None);
    let edges: Vec<Client> = (0..20)
        .map(|_| {
            let mut edge = Client::inside(WebSocket::connect_tls(port(&gateway), &tls, &Ask::default()));
            edge.say(&Hello::default());
            edge.admitted();
            edge
        })
        .collect();
    for half in &mut stuck {
        assert_eq!(half.next_frame(), None);
    }
    let labels = ["side=\"edge\"", "result=\"timed_out\""];
    eventually("they are counted", || (gateway.metric("frontier_tls_handshakes_total", &labels) == 20.0).then_some(()));
    assert_eq!(gateway.metric("frontier_links", &["transport=\"wss\""]), 20.0);
    drop(edges);
    gateway.ends_without_complaint();
}

#[test]
fn hooks_decide_who_comes_in_and_hear_who_goes() {
    let gateway = settings(&[]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut edge = dialed(&gateway, &Ask::default());
    edge.say(&Hello::edge(b"a browser"));
    hooks.let_in(&mut edge, u64::MAX);

    let mut refused = dialed(&gateway, &Ask::default());
    refused.say(&Hello::default());
    let asked = hooks.called("get_edge_id");
    hooks.respond_error(&asked, "not you");
    assert_eq!(refused.refused().text, "not you");
    assert_eq!(refused.goodbye().map(|(code, _)| code), Some(1000));

    edge.close();
    assert_eq!(hooks.heard("edge_offline"), u64::MAX);
}

#[test]
fn a_newcomer_with_its_id_displaces_it_over_whatever_it_comes() {
    let gateway = settings(&[]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut old = dialed(&gateway, &Ask::default());
    old.say(&Hello::default());
    hooks.let_in(&mut old, 42);
    let mut new = Client::dial(gateway.edge);
    new.say(&Hello::default());
    hooks.hand_out(42);
    assert_eq!(hooks.heard("edge_offline"), 42);
    assert_eq!(hooks.heard("edge_online"), 42);
    new.admitted();
    old.ended();
    assert!(old.goodbye().is_some(), "it is told");
    let mut newest = dialed(&gateway, &Ask::default());
    newest.say(&Hello::default());
    hooks.hand_out(42);
    assert_eq!(hooks.heard("edge_offline"), 42);
    assert_eq!(hooks.heard("edge_online"), 42);
    newest.admitted();
    new.ended();
    assert_eq!(gateway.metric("frontier_links", &["side=\"edge\""]), 1.0);
}

#[test]
fn operators_see_where_it_comes_from_and_kick_it() {
    let gateway = settings(&["  trusted_proxies: [127.0.0.1]"]).with_control().start();
    let control = Control::of(&gateway);
    let mut edge = dialed(&gateway, &Ask::default().with("X-Forwarded-For: 203.0.113.7"));
    edge.say(&Hello::edge(b"a page"));
    edge.admitted();
    let row = control.get("/v1/edges")["edges"][0].clone();
    assert_eq!((&row["meta"], &row["addr"]), (&json!("a page"), &json!("203.0.113.7:0")));
    assert_eq!(control.ask("DELETE", &format!("/v1/edges/{}", edge.id), &[]).status, 200);
    edge.answer_goodbye();
    assert_eq!(edge.goodbye().map(|(code, _)| code), Some(1000));
    assert_eq!(control.get("/v1/edges")["count"], 0);
}

#[test]
fn limits_count_it_together_with_those_over_tcp() {
    let mut settings = settings(&[]);
    settings.edgebound.push("limits: { max_links_per_address: 2 }".to_owned());
    let gateway = settings.start();
    let first = Client::edge(gateway.edge);
    let second = edge(&gateway);
    let mut third = WebSocket::dial(port(&gateway));
    assert_eq!(third.next_frame(), None);
    let mut fourth = Client::dial(gateway.edge);
    fourth.cut_off();
    let labels = ["side=\"edge\"", "limit=\"max_links_per_address\""];
    assert_eq!(gateway.metric("frontier_connections_refused_total", &labels), 2.0);
    second.close();
    eventually("there is a place again", || {
        WebSocket::try_ask(port(&gateway), &Ask::default().text()).filter(|answer| answer.status == 101)
    });
    drop(first);
}

#[test]
fn a_draining_gateway_finishes_what_is_under_way_and_says_1001() {
    let mut settings = settings(&[]);
    settings.drain_seconds = 30;
    let mut gateway = settings.start();
    let mut pair = pair(&gateway);
    let mut mute = WebSocket::connect(port(&gateway), &Ask::default());
    let call = pair.edge.request(&Body::new().method("echo"));
    let request = pair.service.called("echo");
    gateway.signal(Signal::Term);
    eventually("readiness ends", || gateway.get("/readyz").is_some_and(|answer| answer.status == 503).then_some(()));
    pair.service.respond(&request, b"done");
    assert_eq!(pair.edge.answer(call), Ok(b"done".to_vec()));
    pair.edge.answer_goodbye();
    let (code, reason) = pair.edge.goodbye().expect("the WebSocket says goodbye");
    assert_eq!((code, reason.as_str()), (1001, "the gateway stops"));
    // One that has not even said hello is not kept waiting.
    assert_eq!(mute.closed().0, 1001);
    assert!(gateway.exit(PATIENCE).success());
}

#[test]
fn a_stream_goes_through_whole() {
    let gateway = settings(&[]).start();
    let mut pair = pair(&gateway);
    let data: Vec<u8> = (0..200_000).map(|number: u32| (number % 251) as u8).collect();
    let opening = pair.edge.open("svc");
    let there = pair.service.accept();
    let here = pair.edge.opened(opening);
    data.chunks(10_000).for_each(|part| pair.edge.write(here, part));
    let came = pair.service.read(there, data.len());
    assert!(came == data, "every byte, in order");
}
