//! Calls both ways.

use frontier_integration_tests::go::{Generation, Start, bytes};
use frontier_integration_tests::raw::with_tail;
use frontier_integration_tests::{Gateway, eventually, go};
use serde_json::json;

use crate::pairs::{Pair, every_pair, payload};

#[test]
fn calls_of_every_size_pass_both_ways() {
    every_pair(|_, pair| {
        pair.echo();
        for size in [0, 1, 64 * 1024, 1024 * 1024] {
            let value = payload(size);
            assert_eq!(pair.edge.call(0, "echo", &value), Ok(value.clone()));
            assert_eq!(pair.service.call(pair.edge.id, "echo", &value), Ok(value));
        }
    });
}

#[test]
fn handlers_see_the_custom_with_or_without_the_tail() {
    every_pair(|_, pair| {
        let register = json!({"do": "register", "method": "look", "reply": "value"});
        pair.edge.tell(register.clone());
        pair.service.tell(register);
        let custom = go::encode(b"user's");
        pair.edge.tell(json!({"do": "call", "method": "look", "custom": custom}));
        let seen = bytes(&pair.service.event("called")["custom"]);
        assert_eq!(seen, with_tail(b"user's", pair.edge.id));
        let edge = pair.edge.id.to_string();
        pair.service.tell(json!({"do": "call", "edge": edge, "method": "look", "custom": custom}));
        assert_eq!(bytes(&pair.edge.event("called")["custom"]), b"user's");
    });
}

#[test]
fn errors_of_handlers_and_of_the_gateway_reach_the_caller() {
    every_pair(|_, pair| {
        let register = json!({"do": "register", "method": "fail", "reply": "fail", "text": "no <way> & ä"});
        pair.edge.tell(register.clone());
        pair.service.tell(register);
        let no_way = Err("no <way> & ä".to_owned());
        assert_eq!(pair.edge.call(0, "fail", b"x"), no_way);
        assert_eq!(pair.service.call(pair.edge.id, "fail", b"x"), no_way);
        assert_eq!(pair.edge.call(0, "unknown", b""), Err("record not found".to_owned()));
        assert_eq!(pair.service.call(pair.edge.id, "unknown", b""), Err("no such rpc: unknown".to_owned()));
        assert_eq!(pair.service.call(4242, "unknown", b""), Err("edge not online".to_owned()));
    });
}

#[test]
fn a_callers_limit_ends_its_call() {
    every_pair(|_, pair| {
        let register = json!({"do": "register", "method": "hold", "reply": "hold", "quiet": true});
        pair.edge.tell(register.clone());
        pair.service.tell(register);
        let edge = pair.edge.id.to_string();
        let by_request = json!({"do": "call", "method": "hold", "edge": edge, "timeout_ms": 300});
        let by_context = json!({"do": "call", "method": "hold", "edge": edge, "deadline_ms": 300});
        for caller in [&pair.edge, &pair.service] {
            // Whoever is faster names the reason: the caller's own timer, or the gateway's answer.
            let own_or_ours = ["timeout", "context deadline exceeded"];
            for command in [&by_request, &by_context] {
                let text = caller.ask(command.clone()).expect_err("nobody answers");
                assert!(own_or_ours.contains(&text.as_str()), "{text}");
            }
        }
    });
}

#[test]
fn the_deadline_that_is_forwarded_ends_the_handler() {
    every_pair(|_, pair| {
        let register = json!({"do": "register", "method": "hold", "reply": "hold", "quiet": true});
        pair.edge.tell(register.clone());
        pair.service.tell(register);
        let edge = pair.edge.id.to_string();
        for (caller, callee) in [(&pair.edge, &pair.service), (&pair.service, &pair.edge)] {
            let call = json!({"do": "call", "method": "hold", "edge": edge, "timeout_ms": 300});
            assert!(caller.ask(call).is_err());
            assert_eq!(callee.event("ended")["error"], "context deadline exceeded");
        }
    });
}

#[test]
fn a_cancelled_call_ends_at_once_and_old_peers_survive_it() {
    every_pair(|_, pair| {
        let register = json!({"do": "register", "method": "hold", "reply": "hold"});
        pair.edge.tell(register.clone());
        pair.service.tell(register);
        pair.echo();
        let edge = pair.edge.id.to_string();
        for (caller, callee) in [(&pair.edge, &pair.service), (&pair.service, &pair.edge)] {
            let call = caller.begin(json!({"do": "call", "method": "hold", "edge": edge}));
            callee.event("called");
            caller.tell(json!({"do": "cancel", "target": call.0}));
            assert_eq!(caller.answer(call).map(drop), Err("context canceled".to_owned()));
        }
        assert_eq!(pair.edge.call(0, "echo", b"alive"), Ok(b"alive".to_vec()));
        assert_eq!(pair.service.call(pair.edge.id, "echo", b"alive"), Ok(b"alive".to_vec()));
    });
}

#[test]
fn a_cancel_reaches_a_handler_whose_peer_has_shown_that_it_knows_cancelling() {
    let gateway = Gateway::start();
    let pair = Pair::connect(&gateway, Generation::B, Generation::B);
    let register = json!({"do": "register", "method": "hold", "reply": "hold"});
    pair.edge.tell(register.clone());
    pair.service.tell(register);
    let edge = pair.edge.id.to_string();
    let call = json!({"do": "call", "method": "hold", "edge": edge});
    // Each side cancels once: from then on the gateway knows that it understands.
    for (caller, callee) in [(&pair.edge, &pair.service), (&pair.service, &pair.edge), (&pair.edge, &pair.service)] {
        let call = caller.begin(call.clone());
        callee.event("called");
        caller.tell(json!({"do": "cancel", "target": call.0}));
        assert!(caller.answer(call).is_err());
    }
    for callee in [&pair.edge, &pair.service] {
        assert_eq!(callee.event("ended")["error"], "context canceled");
    }
}

#[test]
fn a_peer_that_is_killed_in_mid_call_fails_the_call() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let service = Start::service(generation, gateway.service, "svc", &[]).up();
        let edge = Start::edge(generation, gateway.edge, "").up();
        edge.tell(json!({"do": "register", "method": "hold", "reply": "hold"}));
        let id = edge.id.to_string();
        let call = service.begin(json!({"do": "call", "method": "hold", "edge": id}));
        edge.event("called");
        edge.kill();
        assert_eq!(service.answer(call).map(drop), Err("force closed".to_owned()));

        let edge = Start::edge(generation, gateway.edge, "").up();
        service.tell(json!({"do": "register", "method": "hold", "reply": "hold"}));
        let call = edge.begin(json!({"do": "call", "method": "hold"}));
        service.event("called");
        service.kill();
        assert_eq!(edge.answer(call).map(drop), Err("force closed".to_owned()));
    }
}

#[test]
fn an_asynchronous_call_completes() {
    every_pair(|_, pair| {
        pair.echo();
        let edge = pair.edge.id.to_string();
        for caller in [&pair.edge, &pair.service] {
            caller.tell(json!({"do": "call_async", "method": "echo", "edge": edge, "value": go::encode(b"x")}));
            let unknown = json!({"do": "call_async", "method": "nobody's", "edge": edge});
            assert!(caller.ask(unknown).is_err());
        }
    });
}

#[test]
fn two_services_with_one_method_share_their_callers_until_one_leaves() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let services = ["one", "other"].map(|name| {
            let service = Start::service(generation, gateway.service, name, &[]).up();
            let value = go::encode(name.as_bytes());
            service.tell(json!({"do": "register", "method": "who", "reply": "value", "value": value, "quiet": true}));
            service
        });
        let edges: Vec<_> = (0..20).map(|_| Start::edge(generation, gateway.edge, "").up()).collect();
        let ask_all = || -> Vec<Vec<u8>> { edges.iter().map(|edge| edge.call(0, "who", b"").unwrap()).collect() };
        let first = ask_all();
        assert!(first.contains(&b"one".to_vec()) && first.contains(&b"other".to_vec()), "{first:?}");
        assert_eq!(ask_all(), first, "an edge keeps its service");
        services[0].tell(json!({"do": "close"}));
        // A call that meets it on its way out is answered with an error.
        eventually("one is gone", || (gateway.metric("frontier_links", &["service"]) == 1.0).then_some(()));
        assert!(ask_all().iter().all(|who| who == b"other"));
    }
}
