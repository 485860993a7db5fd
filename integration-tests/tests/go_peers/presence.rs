//! Hooks of a Go service.

use frontier_integration_tests::Gateway;
use frontier_integration_tests::go::{Generation, Start, bytes, encode};
use serde_json::{Value, json};

#[test]
fn hooks_decide_and_are_told() {
    for service in Generation::ALL {
        for edge in Generation::ALL {
            let gateway = Gateway::start();
            let hooks = Start::service(service, gateway.service, "svc", &[]).up();
            let id = u64::MAX - 7;
            let fixed = encode(&id.to_be_bytes());
            hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed}));
            for hook in ["edge_online", "edge_offline"] {
                hooks.tell(json!({"do": "register", "method": hook, "reply": "value"}));
            }
            let edge = Start::edge(edge, gateway.edge, "the meta").up();
            assert_eq!(edge.id, id);
            let asked = hooks.event("called");
            assert_eq!((&asked["method"], bytes(&asked["value"])), (&json!("get_edge_id"), b"the meta".to_vec()));
            let told = hooks.event("called");
            assert_eq!(told["method"], "edge_online");
            let event: Value = serde_json::from_slice(&bytes(&told["value"])).expect("the payload is JSON");
            assert_eq!((&event["EdgeID"], &event["Meta"]), (&json!(id), &json!(encode(b"the meta"))));
            edge.tell(json!({"do": "close"}));
            assert_eq!(hooks.event("called")["method"], "edge_offline");
        }
    }
}

#[test]
fn a_refusal_reaches_the_edge_word_for_word() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let hooks = Start::service(generation, gateway.service, "svc", &[]).up();
        hooks.tell(json!({"do": "register", "method": "edge_online", "reply": "fail", "text": "name <taken> & ä"}));
        assert_eq!(Start::edge(generation, gateway.edge, "").refused(), "name <taken> & ä");
        hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "fail", "text": "who?"}));
        assert_eq!(Start::edge(generation, gateway.edge, "").refused(), "who?");
    }
}

#[test]
fn a_service_may_call_an_edge_as_soon_as_it_hears_of_it() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let hooks = Start::service(generation, gateway.service, "svc", &[]).up();
        let fixed = encode(&5_u64.to_be_bytes());
        hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
        hooks.tell(json!({"do": "register", "method": "edge_online", "reply": "hold"}));
        let release = std::thread::scope(|scope| {
            let edge = scope.spawn(|| Start::edge(generation, gateway.edge, "").up());
            let key = hooks.event("called")["key"].clone();
            let early = hooks.begin(json!({"do": "call", "edge": "5", "method": "none"}));
            hooks.tell(json!({"do": "release", "target": key}));
            let edge = edge.join().expect("the edge is let in");
            (edge, early)
        });
        let (_edge, early) = release;
        assert_eq!(hooks.answer(early).map(drop), Err("no such rpc: none".to_owned()));
    }
}

#[test]
fn an_id_of_zero_lets_the_gateway_allot_one() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let hooks = Start::service(generation, gateway.service, "svc", &[]).up();
        let zero = encode(&0_u64.to_be_bytes());
        hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": zero}));
        assert_ne!(Start::edge(generation, gateway.edge, "").up().id, 0);
    }
}

#[test]
fn a_hook_that_takes_its_time_over_offline_holds_up_nothing() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let hooks = Start::service(generation, gateway.service, "svc", &[]).up();
        let fixed = encode(&9_u64.to_be_bytes());
        hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
        hooks.tell(json!({"do": "register", "method": "edge_offline", "reply": "hold"}));
        let lost = Start::edge(generation, gateway.edge, "").up();
        lost.tell(json!({"do": "register", "method": "hold", "reply": "hold"}));
        let call = hooks.begin(json!({"do": "call", "edge": "9", "method": "hold"}));
        lost.event("called");
        lost.kill();
        assert_eq!(hooks.answer(call).map(drop), Err("force closed".to_owned()));
        assert_eq!(hooks.event("called")["method"], "edge_offline");
        let back = Start::edge(generation, gateway.edge, "").up();
        back.tell(json!({"do": "register", "method": "echo", "reply": "echo", "quiet": true}));
        assert_eq!(hooks.call(9, "echo", b"back"), Ok(b"back".to_vec()));
    }
}
