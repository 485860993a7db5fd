//! Who is told of whom, when, and in which order.

use std::collections::HashMap;

use frontier_integration_tests::raw::{Body, Client, HOOKS, Hello, call_up, gather, kind, with_tail};
use frontier_integration_tests::{Gateway, Settings, eventually};

#[test]
fn an_edge_is_announced_before_its_ack_and_after_its_end() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::edge(b"meta"));
    service.let_in(&mut edge, 7);
    edge.close();
    assert_eq!(service.heard("edge_offline"), 7);
}

#[test]
fn every_kind_of_end_is_told_once() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    let ends: [fn(Client); 3] = [Client::close, Client::reset, drop];
    for (id, end) in (1..).zip(ends) {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        service.let_in(&mut edge, id);
        end(edge);
        assert_eq!(service.heard("edge_offline"), id);
    }
    assert_eq!(service.unasked(), []);
}

#[test]
fn a_refused_edge_is_never_told_offline() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    let mut refused = Client::dial(gateway.edge);
    refused.say(&Hello::default());
    service.hand_out(7);
    let (request, _) = service.told("edge_online");
    service.respond_error(&request, "no");
    assert_eq!(refused.refused().text, "no");

    let mut next = Client::dial(gateway.edge);
    next.say(&Hello::default());
    service.let_in(&mut next, 8);
    next.close();
    assert_eq!(service.heard("edge_offline"), 8);
    assert_eq!(service.unasked(), []);
}

#[test]
fn an_error_for_offline_is_ignored() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    for _ in 0..2 {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        service.let_in(&mut edge, 7);
        edge.close();
        let (request, _) = service.told("edge_offline");
        service.respond_error(&request, "whatever");
    }
}

#[test]
fn without_hooks_edges_come_and_go() {
    let gateway = Gateway::start();
    let mut service = Client::service(gateway.service, "svc", &[]);
    Client::edge(gateway.edge).close();
    assert_eq!(service.unasked(), []);
}

#[test]
fn one_service_of_several_is_told_and_the_same_one_of_the_end() {
    let gateway = Gateway::start();
    let mut services = [0; 2].map(|_| Client::hooked(&gateway, &["edge_online", "edge_offline"]));
    for _ in 0..8 {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        let (teller, request) = gather(&mut services, kind::REQUEST, 1).remove(0);
        assert_eq!(request.method(), "edge_online");
        services[teller].respond(&request, b"");
        let id = edge.admitted();
        edge.close();
        assert_eq!(services[teller].heard("edge_offline"), id);
        assert_eq!(services[1 - teller].unasked(), []);
    }
}

#[test]
fn hooks_are_methods_like_others_for_an_edge_that_calls_them() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["edge_offline"]);
    let mut edge = Client::edge(gateway.edge);
    let call = edge.request(&Body::new().method("edge_offline").value(b"mine"));
    let request = service.called("edge_offline");
    assert_eq!(request.custom(), with_tail(b"", edge.id));
    service.respond(&request, b"so what");
    assert_eq!(edge.answer(call), Ok(b"so what".to_vec()));
}

#[test]
fn w15_what_a_service_sends_during_edge_online_waits_for_the_ack() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id", "edge_online"]);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.hand_out(7);
    let (online, _) = service.told("edge_online");
    let call = service.request(&Body::new().method("hello").to_edge(7));
    let message = service.message(&Body::new().value(b"welcome").to_edge(7));
    service.heartbeat();
    service.respond(&online, b"");

    edge.admitted();
    let request = edge.called("hello");
    edge.respond(&request, b"hi");
    let welcome = edge.received();
    assert_eq!(welcome.value(), b"welcome");
    edge.ack(&welcome);
    assert_eq!(service.answer(call), Ok(b"hi".to_vec()));
    assert_eq!(service.acked(message), Ok(()));
}

#[test]
fn w15_what_waited_for_an_edge_that_is_then_refused_is_answered() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id", "edge_online"]);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.hand_out(7);
    let (online, _) = service.told("edge_online");
    let call = service.request(&Body::new().method("hello").to_edge(7));
    let message = service.message(&Body::new().value(b"welcome").to_edge(7));
    service.heartbeat();
    service.respond_error(&online, "no");
    assert_eq!(edge.refused().text, "no");
    assert!(service.answer(call).is_err());
    assert!(service.acked(message).is_err());
}

#[test]
fn w17_a_silent_online_hook_leaves_no_ghost() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.hand_out(7);
    let (_unanswered, id) = service.told("edge_online");
    // The client of the Go SDK gives up after 10 s: the refusal must come before that.
    let refusal = edge.refused();
    assert_eq!((refusal.code, refusal.id), (1, 0));
    assert_eq!(service.heard("edge_offline"), id);
    let call = service.request(&Body::new().method("x").to_edge(7));
    assert_eq!(service.answer(call), Err("edge not online".to_owned()));
}

#[test]
fn w17_a_silent_id_service_refuses_the_edge_within_the_clients_patience() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.called("get_edge_id");
    let refusal = edge.refused();
    assert_eq!((refusal.code, refusal.id), (1, 0));
    assert_eq!(service.unasked(), []);
}

#[test]
fn w17_an_edge_that_vanishes_during_its_online_hook_is_told_offline() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    service.hand_out(7);
    let (online, _) = service.told("edge_online");
    edge.reset();
    service.respond(&online, b"");
    assert_eq!(service.heard("edge_offline"), 7);
}

#[test]
fn a_hook_service_that_dies_in_the_hook_refuses_the_edge() {
    let gateway = Gateway::start();
    for hook in ["get_edge_id", "edge_online"] {
        let mut service = Client::hooked(&gateway, &[hook]);
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        service.called(hook);
        service.reset();
        let refusal = edge.refused();
        assert_eq!((refusal.code, refusal.id), (1, 0), "{hook}: {refusal:?}");
    }
    Client::edge(gateway.edge).close();
}

#[test]
fn w34_nothing_waits_for_the_answer_to_offline() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut caller = Client::service(gateway.service, "caller", &[]);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    hooks.let_in(&mut edge, 7);
    let call = caller.request(&Body::new().method("never").to_edge(7));
    edge.called("never");
    edge.reset();
    let (offline, _) = hooks.told("edge_offline");
    assert_eq!(caller.answer(call), Err("force closed".to_owned()));

    let mut newcomer = Client::dial(gateway.edge);
    newcomer.say(&Hello::default());
    hooks.let_in(&mut newcomer, 7);
    let call = caller.request(&Body::new().method("now").to_edge(7));
    let request = newcomer.called("now");
    newcomer.respond(&request, b"");
    assert_eq!(caller.answer(call), Ok(Vec::new()));
    hooks.respond(&offline, b"");
}

#[test]
fn w31_edges_that_leave_right_behind_their_ack_leave_no_ghost() {
    const EDGES: usize = 300;
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["edge_online", "edge_offline"]);
    for _ in 0..EDGES {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        service.heard("edge_online");
        edge.admitted();
        edge.reset();
    }
    let mut told: HashMap<u64, usize> = HashMap::new();
    for _ in 0..EDGES {
        *told.entry(service.heard("edge_offline")).or_default() += 1;
    }
    assert_eq!(told.len(), EDGES, "each edge is told offline exactly once");
    for id in told.into_keys() {
        let call = service.request(&Body::new().method("x").to_edge(id));
        assert_eq!(service.answer(call), Err("edge not online".to_owned()));
    }
}

#[test]
fn w31_services_that_leave_right_behind_their_ack_keep_no_share_of_their_topic() {
    let gateway = Gateway::start();
    for _ in 0..300 {
        Client::service(gateway.service, "ghost", &["t"]).reset();
    }
    let mut edge = Client::edge(gateway.edge);
    eventually("every service of the topic is forgotten", || {
        let message = edge.message(&Body::new().topic("t").value(b"x"));
        let outcome = edge.acked(message);
        (outcome == Err("topic not online".to_owned())).then_some(())
    });
}

#[test]
fn the_ack_is_the_first_frame_even_if_the_service_calls_at_once() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id"]);
    for id in 1..=50 {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        service.hand_out(id);
        let call = service.request(&Body::new().method("x").to_edge(id));
        edge.admitted();
        edge.reset();
        assert!(service.answer(call).is_err(), "nobody answered this call");
    }
}

fn with_grace(seconds: u32) -> Gateway {
    Settings { edgebound: vec![format!("hook_grace: {seconds}")], ..Settings::default() }.start()
}

#[test]
fn w33_after_a_start_edges_wait_for_the_first_hook() {
    let gateway = with_grace(600);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::edge(b"early"));
    let mut service = Client::service(gateway.service, "svc", &[]);
    service.register("echo");
    service.register("get_edge_id");
    let asked = service.called("get_edge_id");
    assert_eq!(asked.value(), b"early");
    service.respond(&asked, &77u64.to_be_bytes());
    assert_eq!(edge.admitted(), 77);
    let mut later = Client::dial(gateway.edge);
    later.say(&Hello::default());
    service.hand_out(78);
    assert_eq!(later.admitted(), 78, "the grace is over for good");
}

#[test]
fn w33_without_a_hook_the_grace_ends_by_itself_and_within_the_clients_patience() {
    let gateway = with_grace(1);
    let mut edge = Client::edge(gateway.edge);
    let mut service = Client::service(gateway.service, "svc", &[]);
    service.register("echo");
    call_up(&mut edge, &mut service, b"let in with an id of the gateway's");

    let gateway = with_grace(600);
    let refusal = Client::connect_refused(gateway.edge, &Hello::default());
    assert_eq!(refusal.text, "timeout");
}
