//! Calls between edges and services.

use std::collections::HashSet;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, Pair, call_up, gather, kind, tail, with_tail};

fn method(name: &str) -> Body {
    Body::new().method(name)
}

#[test]
fn rpc_001_an_edge_calls_a_service() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for value in [b"".to_vec(), b"hello".to_vec(), (0..=255).collect(), vec![7; 1 << 20]] {
        call_up(&mut pair.edge, &mut pair.service, &value);
    }
}

#[test]
fn rpc_001_a_method_is_found_the_moment_its_register_is_acked() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for at in 0..200 {
        let name = format!("method {at} \"ä\" \u{7}");
        pair.service.register(&name);
        let call = pair.edge.request(&method(&name));
        let request = pair.service.called(&name);
        pair.service.respond(&request, b"");
        assert_eq!(pair.edge.answer(call), Ok(Vec::new()));
    }
}

#[test]
fn rpc_002_a_service_calls_an_edge() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for value in [b"".to_vec(), vec![9; 1 << 20]] {
        let call = service.request(&method("ping").value(&value).custom(&with_tail(b"user's", edge.id)));
        let request = edge.called("ping");
        assert_eq!((request.session(), request.value(), request.custom()), (1, value, b"user's".to_vec()));
        edge.respond(&request, b"pong");
        assert_eq!(service.answer(call), Ok(b"pong".to_vec()));
    }
}

#[test]
fn rpc_003_a_method_that_nobody_registered_is_an_error() {
    let gateway = Gateway::start();
    let Pair { mut edge, .. } = Pair::connect(&gateway);
    for name in ["nope", "ECHO", "echo ", ""] {
        let call = edge.request(&method(name));
        assert_eq!(edge.answer(call), Err("record not found".to_owned()), "{name:?}");
    }
}

#[test]
fn rpc_004_an_edge_that_left_is_an_error() {
    let gateway = Gateway::start();
    let Pair { edge, mut service } = Pair::connect(&gateway);
    let id = edge.id;
    edge.close();
    for absent in [id, 0, u64::MAX] {
        let call = service.request(&method("ping").to_edge(absent));
        assert_eq!(service.answer(call), Err("edge not online".to_owned()));
    }
}

#[test]
fn rpc_005_ten_edges_call_at_once_and_are_answered_in_another_order() {
    let gateway = Gateway::start();
    let Pair { edge, mut service } = Pair::connect(&gateway);
    let mut edges: Vec<Client> = (0..9).map(|_| Client::edge(gateway.edge)).collect();
    edges.push(edge);
    let calls: Vec<u64> = edges
        .iter_mut()
        .map(|edge| edge.request(&method("echo").value(format!("from {}", edge.id).as_bytes())))
        .collect();
    let mut requests: Vec<_> = edges.iter().map(|_| service.called("echo")).collect();
    requests.reverse();
    for request in &requests {
        service.respond(request, &request.value());
    }
    for (edge, call) in edges.iter_mut().zip(calls) {
        assert_eq!(edge.answer(call), Ok(format!("from {}", edge.id).into_bytes()));
    }
}

#[test]
fn the_custom_of_an_edge_gets_its_id_appended() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for custom in [&b""[..], b"x", b"12345678", &[0; 1000]] {
        let call = edge.request(&method("echo").custom(custom));
        let request = service.called("echo");
        assert_eq!(request.custom(), with_tail(custom, edge.id));
        service.respond(&request, b"");
        assert_eq!(edge.answer(call), Ok(Vec::new()));
    }
}

#[test]
fn a_handlers_error_is_passed_on_word_for_word() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let text = "kein <Zugriff> & \"so\" \u{2028} \u{1f980}";
    let call = edge.request(&method("echo"));
    let request = service.called("echo");
    service.respond_error(&request, text);
    assert_eq!(edge.answer(call), Err(text.to_owned()));

    let call = service.request(&method("unknown").to_edge(edge.id));
    let request = edge.called("unknown");
    edge.respond_error(&request, "no such rpc: unknown");
    assert_eq!(service.answer(call), Err("no such rpc: unknown".to_owned()));
}

#[test]
fn the_registrations_of_an_edge_are_acked_and_not_consulted() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    edge.register("known");
    edge.register("known");
    let call = service.request(&method("other").to_edge(edge.id));
    let request = edge.called("other");
    edge.respond(&request, b"");
    assert_eq!(service.answer(call), Ok(Vec::new()));
}

#[test]
fn a_response_carries_the_packet_id_of_its_request_and_comes_once() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let call = edge.request(&method("echo"));
    let request = service.called("echo");
    service.respond(&request, b"first");
    service.respond(&request, b"second");
    service.respond_error(&request, "third");
    assert_eq!(edge.answer(call), Ok(b"first".to_vec()));
    service.heartbeat();
    assert_eq!(edge.unasked(), []);
}

#[test]
fn a_response_that_answers_nothing_is_ignored() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for client in [&mut pair.edge, &mut pair.service] {
        let id = client.fresh();
        client.send(kind::RESPONSE, id, &Body::new().value(b"x").on(1));
        client.send(kind::MESSAGE_ACK, id, &Body::new().on(1));
        client.send(kind::REGISTER_ACK, id, &Body::new().on(1));
    }
    pair.works();
}

#[test]
fn w06_services_of_the_same_second_keep_their_own_methods() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    let mut services: Vec<Client> = (0..8).map(|_| Client::service(gateway.service, "svc", &["t"])).collect();
    for (at, service) in services.iter_mut().enumerate() {
        service.register(&format!("m{at}"));
    }
    for at in (1..8).rev() {
        services.pop().expect("eight services were connected").close();
        for (other, service) in services.iter_mut().enumerate() {
            let name = format!("m{other}");
            let call = edge.request(&method(&name));
            let request = service.called(&name);
            service.respond(&request, b"");
            assert_eq!(edge.answer(call), Ok(Vec::new()), "after service {at} left");
        }
        let call = edge.request(&method(&format!("m{at}")));
        assert_eq!(edge.answer(call), Err("record not found".to_owned()));
    }
}

#[test]
fn w07_a_custom_that_is_too_short_is_an_error() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for custom in [&b""[..], b"1", b"1234567"] {
        let call = pair.service.request(&method("ping").custom(custom));
        assert_eq!(pair.service.answer(call), Err("illegal edgeID".to_owned()));
        let message = pair.service.message(&Body::new().custom(custom));
        assert_eq!(pair.service.acked(message), Err("illegal edgeID".to_owned()));
    }
    let bare = pair.service.request(&method("ping"));
    assert_eq!(pair.service.answer(bare), Err("illegal edgeID".to_owned()));
    pair.works();
}

#[test]
fn a_call_fails_at_once_when_its_target_dies() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let call = service.request(&method("never").to_edge(edge.id));
    edge.called("never");
    edge.reset();
    assert_eq!(service.answer(call), Err("force closed".to_owned()));

    let mut edge = Client::edge(gateway.edge);
    let call = edge.request(&method("echo"));
    service.called("echo");
    drop(service);
    assert_eq!(edge.answer(call), Err("force closed".to_owned()));
}

#[test]
fn a_call_whose_caller_dies_disturbs_nobody() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    edge.request(&method("echo"));
    let request = service.called("echo");
    edge.reset();
    service.respond(&request, &[1; 100_000]);
    let edge = Client::edge(gateway.edge);
    Pair { edge, service }.works();
}

#[test]
fn one_edge_keeps_to_one_service_and_many_edges_use_all() {
    let gateway = Gateway::start();
    let mut services: Vec<Client> = (0..3).map(|_| Client::service(gateway.service, "svc", &[])).collect();
    for service in &mut services {
        service.register("who");
    }
    let mut edges: Vec<Client> = (0..30).map(|_| Client::edge(gateway.edge)).collect();
    let first = chosen(&mut services, &mut edges);
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 3, "30 edges over 3 services: {first:?}");
    assert_eq!(chosen(&mut services, &mut edges), first);

    services.pop().expect("three services were connected").close();
    let after = chosen(&mut services, &mut edges);
    for (before, after) in first.iter().zip(&after) {
        assert!(before == after || *before == 2, "an edge moved from a service that stayed");
    }
}

/// Which service each edge's call goes to. Every service answers with its own number.
fn chosen(services: &mut [Client], edges: &mut [Client]) -> Vec<u8> {
    let calls: Vec<u64> = edges.iter_mut().map(|edge| edge.request(&method("who"))).collect();
    for (at, request) in gather(services, kind::REQUEST, calls.len()) {
        services[at].respond(&request, &[u8::try_from(at).expect("a handful of services")]);
    }
    edges.iter_mut().zip(calls).map(|(edge, call)| edge.answer(call).expect("one service answers")[0]).collect()
}

#[test]
fn a_cancelled_call_is_answered_and_forwarded_to_a_peer_that_knows_cancelling() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    // An unknown packet id is nothing to cancel; but it shows that this service knows the frame.
    service.cancel(12345);
    service.heartbeat();
    let call = edge.request(&method("echo"));
    let request = service.called("echo");
    edge.cancel(call);
    assert_eq!(edge.answer(call), Err("context canceled".to_owned()));
    let cancel = service.expect(kind::REQUEST_CANCEL);
    assert_eq!((cancel.id, cancel.body.clone()), (request.id, [&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0, 1]].concat()));
    service.respond(&request, b"late");
    service.heartbeat();
    assert_eq!(edge.unasked(), []);
}

#[test]
fn whoever_works_for_a_caller_that_is_gone_learns_it() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    service.cancel(12345);
    service.heartbeat();
    edge.request(&method("echo"));
    let request = service.called("echo");
    edge.reset();
    let cancel = service.expect(kind::REQUEST_CANCEL);
    assert_eq!(cancel.id, request.id);
}

#[test]
fn w32_a_cancel_is_not_forwarded_to_a_peer_that_may_not_know_it() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let call = pair.service.request(&method("ping").to_edge(pair.edge.id));
    let request = pair.edge.called("ping");
    pair.service.cancel(call);
    assert_eq!(pair.service.answer(call), Err("context canceled".to_owned()));
    assert_eq!(pair.edge.unasked(), []);
    pair.edge.respond(&request, b"late");
    pair.works();
}

#[test]
fn a_value_is_forwarded_in_every_form_that_go_accepts() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for (value, bytes) in [
        (r#""aGk\u003d""#, &b"hi"[..]),
        (r#""\u0061Gk=""#, b"hi"),
        (r#""aG\r\nk=""#, b"hi"),
        ("[104,105]", b"hi"),
        ("[]", b""),
        ("null", b""),
        (r#""""#, b""),
        (r#""\/\/\/\/""#, &[255, 255, 255]),
    ] {
        let call = edge.request(&method("echo").json("value", value).json("unknown", "[{}]"));
        let request = service.called("echo");
        assert_eq!((request.value(), request.custom()), (bytes.to_vec(), tail(edge.id).to_vec()), "{value}");
        service.respond(&request, b"");
        assert_eq!(edge.answer(call), Ok(Vec::new()), "{value}");
    }
}

#[test]
fn keys_are_matched_without_case_and_the_last_one_counts() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let body = Body::new().value(b"first").json("VALUE", r#""c2Vjb25k""#).json("KEY", r#""ZWNobw==""#);
    let call = edge.request(&body);
    let request = service.called("echo");
    assert_eq!(request.value(), b"second");
    service.respond(&request, b"");
    assert_eq!(edge.answer(call), Ok(Vec::new()));
}
