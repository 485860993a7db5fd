//! Permissions that the user loses while messages are under way, and gets back.

use std::thread;
use std::time::Duration;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::bridges::{Arrived, Load, Told, counters, is};
use frontier_integration_tests::brokers::{Login, Nats};
use frontier_integration_tests::raw::{Body, Client as Edge};
use frontier_integration_tests::wait::eventually_within;
use serde_json::json;

use super::client::Client;
use super::{JetStream, STREAM, core, permissions};
use crate::scenarios::everything_acked_is_there;
use crate::{Access, BRIDGE, Target, gateway, with};

/// How long a connection that is given up, and another, may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Edges of a load: more messages are under way than there are refusals that the client holds back, which is 128.
const EDGES: usize = 10;

/// What `alice` needs beside her subjects.
const ALWAYS: [&str; 3] = ["_INBOX.>", "$JS.API.STREAM.INFO.S", "u"];

fn admin() -> Login {
    Login::new("admin", "wonder-1")
}

/// Those of the user, who may publish to `t` or not.
fn with_t(may: bool) -> frontier_integration_tests::brokers::Settings {
    let all: Vec<&str> = ALWAYS.into_iter().chain(may.then_some("t")).collect();
    permissions(&all)
}

/// Edges publish to `t` and `u` while the right to `t` is lost and comes back, twice. What is refused is told as such, nothing of `u` is,
/// and nobody has to start anything again. Returns what the edges of both were told.
#[track_caller]
fn lost_and_given_back(nats: &Nats, gateway: &Gateway) -> [Vec<Told>; 2] {
    let [to_t, to_u] = ["t", "u"].map(|topic| Load::start(gateway.edge, EDGES, topic, Duration::ZERO));
    let more = |load: &Load| {
        let wanted = load.acked() + 300;
        eventually_within(SOON, "further acks", || (load.acked() >= wanted).then_some(()));
    };
    let failed = || counters(gateway, BRIDGE)["failed"];
    for _ in 0..2 {
        more(&to_t);
        nats.reload(&with_t(false));
        let wanted = failed() + 1_000;
        eventually_within(SOON, "refusals", || (failed() >= wanted).then_some(()));
        more(&to_u);
        nats.reload(&with_t(true));
    }
    more(&to_t);
    let told = [to_t, to_u].map(Load::stop);
    assert!(is(gateway, BRIDGE, "up"));
    for told in told.iter().flatten() {
        assert!(!told.cut, "edge {}", told.edge);
    }
    let [to_t, to_u] = &told;
    for error in to_t.iter().flat_map(|told| told.refused.values()) {
        let whose = error.starts_with("bridge \"b\" (nats 127.0.0.1:");
        assert!(whose && error.ends_with("Permissions Violation for Publish to \"t\""), "{error}");
    }
    for told in to_u {
        assert!(told.refused.is_empty(), "edge {}: {:?}", told.edge, told.refused);
    }
    told
}

#[test]
fn core_a_right_that_is_lost_under_load_is_told_and_used_again_when_it_is_back() {
    let mut nats = Nats::start(&with_t(true));
    let listen = |topic: &str| {
        let mut client = Client::connect(nats.addr, Some(&admin()));
        client.subscribe(topic);
        thread::spawn(move || client.until_the_end())
    };
    let listeners = ["t", "u"].map(listen);
    let lines = ["  username: alice", "  password: { value: wonder-1 }", "topics: [t, u]"];
    let gateway = gateway(with(core::bridge(&nats.addr.to_string()), &lines));
    let told = lost_and_given_back(&nats, &gateway);
    // The server passes on what it has before it ends.
    nats.broker.stop();
    let arrived: [Vec<Arrived>; 2] = listeners.map(|listener| listener.join().expect("a listener hears to the end"));
    for (told, arrived) in told.iter().zip(&arrived) {
        core::everything_acked_is_among(arrived, told);
    }
}

#[test]
fn a_right_that_is_lost_under_load_is_told_and_used_again_when_it_is_back() {
    let nats = Nats::start(&with_t(true));
    let mut target = JetStream { nats, login: Some(admin()), read: Vec::new(), seen: 0 };
    target.create(STREAM, &["t", "u"], &json!({}));
    let access = Access { login: Some(("alice".to_owned(), "{ value: wonder-1 }".to_owned())), tls: None };
    let gateway = gateway(with(JetStream::bridge(&target.addr().to_string(), &access), &["topics: [t, u]"]));
    let [to_t, to_u] = lost_and_given_back(&target.nats, &gateway);
    everything_acked_is_there(&mut target, "t", &to_t);
    everything_acked_is_there(&mut target, "u", &to_u);
}

/// The right to many subjects, all of which have passed before, is lost at once: more is refused in a moment than the client tells of, and
/// each publisher hears it all the same.
#[test]
fn many_subjects_that_are_forbidden_at_once_are_each_told() {
    const COUNT: usize = 1_000;
    let may = |subjects: &[&str]| permissions(&[&ALWAYS[..], subjects].concat());
    let nats = Nats::start(&may(&["place.*"]));
    let target = JetStream { nats, login: Some(admin()), read: Vec::new(), seen: 0 };
    target.create(STREAM, &["place.*", "u"], &json!({}));
    let access = Access { login: Some(("alice".to_owned(), "{ value: wonder-1 }".to_owned())), tls: None };
    let gateway = gateway(with(JetStream::bridge(&target.addr().to_string(), &access), &["fallback: true"]));
    let mut edge = Edge::edge(gateway.edge);
    let publish_all = |edge: &mut Edge| -> Vec<u64> {
        let message = |number: usize| Body::new().topic(&format!("place.{number}")).value(b"x");
        (0..COUNT).map(|number| edge.message(&message(number))).collect()
    };
    for packet in publish_all(&mut edge) {
        assert_eq!(edge.acked(packet), Ok(()));
    }
    target.nats.reload(&may(&[]));
    for (number, packet) in publish_all(&mut edge).into_iter().enumerate() {
        let error = edge.acked(packet).expect_err("it went nowhere");
        assert!(error.ends_with(&format!("Permissions Violation for Publish to \"place.{number}\"")), "{error}");
    }
    let sent = edge.message(&Body::new().topic("u").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
}
