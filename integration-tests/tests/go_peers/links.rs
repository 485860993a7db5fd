//! Coming back after a loss, and going for good.

use std::time::{Duration, Instant};

use frontier_integration_tests::go::{Generation, Start, decimal, encode};
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::wait::{PATIENCE, eventually, eventually_within};
use frontier_integration_tests::{Gateway, Settings};
use serde_json::{Value, json};

use crate::pairs::{Pair, every_pair};

#[test]
fn an_orderly_close_completes() {
    every_pair(|gateway, pair| {
        pair.edge.open("svc");
        pair.service.accepted();
        pair.edge.tell(json!({"do": "close"}));
        pair.service.tell(json!({"do": "close"}));
        let other = Pair::connect(gateway, Generation::A, Generation::B);
        other.echo();
        assert_eq!(other.edge.call(0, "echo", b"x"), Ok(b"x".to_vec()));
    });
}

#[test]
fn both_come_back_after_a_restart_of_the_gateway_with_their_methods() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let pair = Pair::connect(&gateway, generation, generation);
        pair.echo();
        pair.receive();
        let _gateway = gateway.restart();
        pair.edge.event("reonline");
        pair.service.event("reonline");
        let edge = decimal(&pair.edge.tell(json!({"do": "client"}))["client"]);
        assert_eq!(pair.service.call(edge, "echo", b"again"), Ok(b"again".to_vec()));
        assert_eq!(pair.edge.call(0, "echo", b"again"), Ok(b"again".to_vec()));
        assert_eq!(pair.edge.publish(0, "t", b"again"), Ok(()));
        pair.service.event("message");
    }
}

#[test]
fn a_link_that_is_cut_comes_back_under_the_id_that_the_hook_gives_it() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let hooks = Start::service(generation, gateway.service, "svc", &[]).up();
        let id = 42_u64.to_be_bytes();
        let fixed = encode(&id);
        hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
        let edge = Start::edge(generation, gateway.edge, "").up();
        assert_eq!(edge.id, 42);
        edge.tell(json!({"do": "register", "method": "echo", "reply": "echo", "quiet": true}));
        edge.tell(json!({"do": "cut", "reply": "reset"}));
        edge.event("reonline");
        assert_eq!(decimal(&edge.tell(json!({"do": "client"}))["client"]), 42);
        assert_eq!(hooks.call(42, "echo", b"back"), Ok(b"back".to_vec()));
    }
}

#[test]
fn a_refused_edge_tries_again_until_it_is_let_in() {
    for generation in Generation::ALL {
        let settings = Settings { local_edge_ids: false, ..Settings::default() };
        let gateway = settings.start();
        let refused = Start::edge(generation, gateway.edge, "").refused();
        assert_eq!(refused, "service not online");

        let service = Start::service(generation, gateway.service, "svc", &[]).up();
        let fixed = encode(&7_u64.to_be_bytes());
        service
            .tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
        let edge = Start::edge(generation, gateway.edge, "").up();
        service.tell(json!({"do": "close"}));
        edge.tell(json!({"do": "cut"}));
        // It comes back 3 s later, is refused, and tries again every 3 s.
        edge.event("conn_offline");
        let service = Start::service(generation, gateway.service, "svc", &[]).up();
        service
            .tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
        eventually("the edge is back", || {
            let call = service.call(7, "none", b"");
            (call == Err("no such rpc: none".to_owned())).then_some(())
        });
    }
}

#[test]
fn two_edges_with_one_id_displace_each_other_and_presence_alternates() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let hooks = Start::service(generation, gateway.service, "svc", &[]).up();
        let fixed = encode(&42_u64.to_be_bytes());
        hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
        for hook in ["edge_online", "edge_offline"] {
            hooks.tell(json!({"do": "register", "method": hook, "reply": "value"}));
        }
        let first = Start::edge(generation, gateway.edge, "first").once().up();
        let second = Start::edge(generation, gateway.edge, "second").once().up();
        assert_eq!((first.id, second.id), (42, 42));
        first.event("conn_offline");
        second.tell(json!({"do": "register", "method": "who", "reply": "echo", "quiet": true}));
        assert_eq!(hooks.call(42, "who", b"second"), Ok(b"second".to_vec()));
        for method in ["edge_online", "edge_offline", "edge_online"] {
            assert_eq!(hooks.event("called")["method"], method);
        }
        second.tell(json!({"do": "close"}));
        assert_eq!(hooks.event("called")["method"], "edge_offline");
    }
}

#[test]
fn two_reconnecting_edges_that_fight_for_one_id_disturb_no_third() {
    let gateway = Gateway::start();
    let hooks = Start::service(Generation::B, gateway.service, "svc", &[]).up();
    let third = Start::edge(Generation::B, gateway.edge, "").up();
    hooks.tell(json!({"do": "register", "method": "echo", "reply": "echo", "quiet": true}));
    let fixed = encode(&7_u64.to_be_bytes());
    hooks.tell(json!({"do": "register", "method": "get_edge_id", "reply": "value", "value": fixed, "quiet": true}));
    for hook in ["edge_online", "edge_offline"] {
        hooks.tell(json!({"do": "register", "method": hook, "reply": "value"}));
    }
    let _fighters = Generation::ALL.map(|generation| Start::edge(generation, gateway.edge, "clone").up());
    let told = || -> Vec<Value> {
        let told = hooks.events().into_iter().filter(|event| event["event"] == "called");
        told.map(|event| event["method"].clone()).collect()
    };
    let presence = eventually_within(Duration::from_secs(60), "three displacements", || {
        assert_eq!(third.call(0, "echo", b"x"), Ok(b"x".to_vec()));
        Some(told()).filter(|told| told.len() >= 7)
    });
    for (at, method) in presence.iter().enumerate() {
        assert_eq!(method, ["edge_online", "edge_offline"][at % 2], "{presence:?}");
    }
}

#[test]
fn an_idle_link_outlives_its_heartbeat() {
    // The Go client sends a heartbeat every 20 s; the gateway would end a silent link after twice that.
    let gateway = Gateway::start();
    let pairs = Generation::ALL.map(|generation| Pair::connect(&gateway, generation, generation));
    let longer_than_the_limit = Duration::from_secs(48);
    let end = Instant::now() + longer_than_the_limit;
    eventually_within(longer_than_the_limit * 2, "48 s of silence", || {
        for pair in &pairs {
            let ends = pair
                .edge
                .events()
                .iter()
                .chain(&pair.service.events())
                .filter(|e| e["event"] == "conn_offline")
                .count();
            assert_eq!(ends, 0, "an idle link was ended");
        }
        (Instant::now() > end).then_some(())
    });
    for pair in &pairs {
        pair.echo();
        assert_eq!(pair.edge.call(0, "echo", b"x"), Ok(b"x".to_vec()));
    }
}

#[test]
fn the_wanted_id_of_a_service_is_honoured() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let service = Start::service(generation, gateway.service, "svc", &[]).wanting(77).up();
        assert_eq!(service.id, 77);
    }
}

#[test]
fn the_wanted_id_of_an_edge_is_ignored() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let edges = [0, 1].map(|_| Start::edge(generation, gateway.edge, "").wanting(4242).up());
        assert_ne!(edges[0].id, edges[1].id);
        assert!(edges.iter().all(|edge| edge.id != 4242));
    }
}

#[test]
fn a_service_that_is_cut_comes_back_with_its_methods_and_topics() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let pair = Pair::connect(&gateway, generation, generation);
        pair.echo();
        pair.receive();
        pair.service.tell(json!({"do": "cut", "reply": "reset"}));
        pair.service.event("reonline");
        assert_eq!(pair.edge.call(0, "echo", b"again"), Ok(b"again".to_vec()));
        assert_eq!(pair.edge.publish(0, "t", b"again"), Ok(()));
        assert_eq!(pair.service.call(pair.edge.id, "echo", b"again"), Ok(b"again".to_vec()));
    }
}

#[test]
fn both_come_back_after_the_gateway_was_killed() {
    for generation in Generation::ALL {
        let mut gateway = Gateway::start();
        let pair = Pair::connect(&gateway, generation, generation);
        pair.echo();
        gateway.signal(Signal::Kill);
        gateway.exit(PATIENCE);
        let _gateway = gateway.settings_here().start();
        pair.edge.event("reonline");
        pair.service.event("reonline");
        assert_eq!(pair.edge.call(0, "echo", b"again"), Ok(b"again".to_vec()));
    }
}
