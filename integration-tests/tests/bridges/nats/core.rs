//! Core NATS, which stores nothing: what was acked, those who listen to that server have got.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use frontier_integration_tests::bridges::{Arrived, Load, Told, counters, is};
use frontier_integration_tests::brokers::{Login, Nats, Settings};
use frontier_integration_tests::raw::{Body, Client as Edge};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, PATIENCE, Proxy, eventually};

use super::client::Client;
use crate::{BRIDGE, gateway, settings, with};

/// The lines of a bridge to core NATS.
pub(super) fn bridge(addr: &str) -> Vec<String> {
    vec!["nats:".to_owned(), format!("  addrs: ['{addr}']")]
}

/// A gateway that sends the topic `t` there, up and running.
#[track_caller]
fn to(addr: SocketAddr) -> Gateway {
    gateway(with(bridge(&addr.to_string()), &["topics: [t]"]))
}

/// Somebody who listens to `t` from now on; at the end of the connection, what has come.
#[track_caller]
fn listener(addr: SocketAddr) -> JoinHandle<Vec<Arrived>> {
    let mut client = Client::connect(addr, None);
    client.subscribe("t");
    thread::spawn(move || client.until_the_end())
}

#[track_caller]
pub(super) fn everything_acked_is_among(arrived: &[Arrived], told: &[Told]) {
    for told in told {
        assert!(!told.cut, "edge {}", told.edge);
        assert_eq!(told.missing(arrived), Vec::<usize>::new(), "edge {}", told.edge);
        told.is_in_order(arrived);
    }
}

#[test]
fn core_every_publish_reaches_who_listens_in_order() {
    let mut nats = Nats::start(&Settings::default());
    let listener = listener(nats.addr);
    let gateway = to(nats.addr);
    let load = Load::start(gateway.edge, 8, "t", Duration::ZERO);
    eventually("a thousand acks", || (load.acked() >= 1_000).then_some(()));
    let told = load.stop();
    assert!(told.iter().all(|told| told.acked.len() == told.sent), "nothing is refused");
    // The server passes on what it has before it ends.
    nats.broker.stop();
    let arrived = listener.join().expect("a listener hears to the end");
    everything_acked_is_among(&arrived, &told);
    assert_eq!(arrived.len(), told.iter().map(|told| told.sent).sum::<usize>(), "each once");
}

#[test]
fn core_a_message_tells_where_it_came_from() {
    let nats = Nats::start(&Settings::default());
    let mut client = Client::connect(nats.addr, None);
    client.subscribe("place.>");
    let lines = ["topics: [t]", "destination: 'place.${edge_id}.${topic}'"];
    let gateway = gateway(with(bridge(&nats.addr.to_string()), &lines));
    let mut edge = Edge::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"21.5").custom(b"\x00\r\nNats-Msg-Id: x"));
    assert_eq!(edge.acked(sent), Ok(()));
    let message = client.next();
    assert_eq!(message.subject, format!("place.{}.t", edge.id));
    assert_eq!(message.arrived.payload, b"21.5");
    let headers = &message.arrived.headers;
    assert_eq!(headers["frontier-custom-base64"], "AA0KTmF0cy1Nc2ctSWQ6IHg=");
    assert_eq!(headers["frontier-edge-id"], edge.id.to_string());
    assert!(!headers.contains_key("Nats-Msg-Id") && !headers.contains_key("frontier-custom"), "{headers:?}");
}

/// With a killed server core NATS promises less; what was acked the server has read, and passed to who was there.
#[test]
fn core_killed_servers_had_read_what_was_acked_and_the_bridge_comes_back() {
    let mut nats = Nats::start(&Settings::default());
    let gateway = to(nats.addr);
    let load = Load::start(gateway.edge, 4, "t", Duration::from_millis(1));
    for _ in 0..3 {
        let wanted = load.acked() + 300;
        eventually_within(Duration::from_secs(60), "acks", || (load.acked() >= wanted).then_some(()));
        nats.broker.kill();
        eventually("it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
        assert!(counters(&gateway, BRIDGE)["matched"] >= wanted as u64);
        nats.broker.start();
    }
    let told = load.stop();
    assert!(told.iter().all(|told| !told.cut && told.refused.is_empty()), "all are acked in the end");
    assert_eq!(counters(&gateway, BRIDGE)["bytes"], 0);
}

#[test]
fn core_cut_connections_cost_nothing_that_was_acked() {
    let mut nats = Nats::start(&Settings::default());
    let listener = listener(nats.addr);
    let proxy = Proxy::new();
    proxy.aim(nats.addr);
    let gateway = to(proxy.addr);
    let load = Load::start(gateway.edge, 4, "t", Duration::ZERO);
    for _ in 0..10 {
        let wanted = load.acked() + 200;
        eventually_within(Duration::from_secs(60), "acks", || (load.acked() >= wanted).then_some(()));
        proxy.cut();
    }
    let told = load.stop();
    nats.broker.stop();
    everything_acked_is_among(&listener.join().expect("a listener hears to the end"), &told);
    assert!(proxy.accepted() > 5, "it was connected anew");
}

/// A server that stands still is noticed, and what it read before it did, and reads when it goes on, is in order.
#[test]
fn core_a_frozen_server_is_noticed_and_taken_up_again() {
    let mut nats = Nats::start(&Settings::default());
    let listener = listener(nats.addr);
    let gateway = to(nats.addr);
    let load = Load::start(gateway.edge, 4, "t", Duration::from_millis(1));
    eventually("acks", || (load.acked() >= 300).then_some(()));
    nats.broker.freeze();
    eventually("it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    let wanted = load.acked() + 300;
    nats.broker.thaw();
    eventually("further acks", || (load.acked() >= wanted).then_some(()));
    let told = load.stop();
    nats.broker.stop();
    everything_acked_is_among(&listener.join().expect("a listener hears to the end"), &told);
}

#[test]
fn core_a_killed_gateway_has_lost_nothing_that_it_acked() {
    let mut nats = Nats::start(&Settings::default());
    let listener = listener(nats.addr);
    let mut gateway = to(nats.addr);
    let load = Load::start(gateway.edge, 4, "t", Duration::ZERO);
    eventually("acks", || (load.acked() >= 500).then_some(()));
    gateway.signal(frontier_integration_tests::process::Signal::Kill);
    gateway.exit(PATIENCE);
    let told = load.stop();
    nats.broker.stop();
    let arrived = listener.join().expect("a listener hears to the end");
    for told in told {
        assert_eq!(told.missing(&arrived), Vec::<usize>::new(), "edge {}", told.edge);
        told.is_in_order(&arrived);
    }
}

/// Without a stream nothing tells where a message went, so a name that leads nowhere must not be OK.
#[test]
fn core_each_name_arrives_under_it_or_is_refused() {
    let nats = Nats::start(&Settings::default());
    let mut client = Client::connect(nats.addr, None);
    client.subscribe(">");
    let gateway = gateway(with(bridge(&nats.addr.to_string()), &["fallback: true"]));
    let mut edge = Edge::edge(gateway.edge);
    let arrive = ["t", "a/b", "a/+/b", "#", "ä", "a*b", "x.y.z"];
    let long = "x".repeat(65_536);
    let refused =
        ["", "a\0b", "a b", "..", ".a", "a.", "a..b", "a.*", "a.>", ">", "$SYS/x", "$JS.x", "_INBOX.x", &long];
    for name in refused.into_iter().chain(arrive) {
        let sent = edge.message(&Body::new().topic(name).value(b"x"));
        match edge.acked(sent) {
            Ok(()) => {
                assert!(arrive.contains(&name), "{name:?} goes nowhere");
                assert_eq!(client.next_but("_INBOX.").subject, name);
            }
            Err(error) => {
                assert!(refused.contains(&name), "{name:?}: {error}");
                assert!(error.starts_with("bridge \"b\" (nats ") && error.contains("the subject"), "{error}");
            }
        }
    }
    assert_eq!(gateway.log.count("bridge up"), 1, "the connection is the same");
}

/// What the user may not publish is never OK, and what is sent together with it passes.
#[test]
fn core_what_the_user_may_not_publish_is_refused_and_its_neighbours_pass() {
    let nats = Nats::start(&super::permissions(&["t", "_INBOX.>"]));
    let mut client = Client::connect(nats.addr, Some(&Login::new("admin", "wonder-1")));
    client.subscribe(">");
    let lines = with(bridge(&nats.addr.to_string()), &["  username: alice", "  password: { value: wonder-1 }"]);
    let gateway = gateway(with(lines, &["fallback: true"]));
    let mut edges: Vec<Edge> = (0..4).map(|_| Edge::edge(gateway.edge)).collect();
    const COUNT: usize = 200;
    let topic = |number: usize| if number.is_multiple_of(2) { "t".to_owned() } else { format!("forbidden.{number}") };
    let sent: Vec<Vec<u64>> = edges
        .iter_mut()
        .map(|edge| (0..COUNT).map(|number| edge.message(&Body::new().topic(&topic(number)).value(b"x"))).collect())
        .collect();
    for (edge, sent) in edges.iter_mut().zip(&sent) {
        for (number, packet) in sent.iter().enumerate() {
            match (number % 2, edge.acked(*packet)) {
                (0, answer) => assert_eq!(answer, Ok(()), "{number}"),
                (_, answer) => {
                    let error = answer.expect_err("it went nowhere");
                    let said = format!("Permissions Violation for Publish to \"forbidden.{number}\"");
                    assert!(error.starts_with("bridge \"b\" (nats ") && error.ends_with(&said), "{error}");
                }
            }
        }
    }
    let arrived: BTreeSet<String> = (0..4 * COUNT / 2).map(|_| client.next_but("_INBOX.").subject).collect();
    assert_eq!(arrived, BTreeSet::from(["t".to_owned()]));
    assert!(is(&gateway, BRIDGE, "up"));
}

#[test]
fn core_without_a_right_to_its_inbox_the_bridge_is_down_and_says_so() {
    let nats = Nats::start(&super::permissions(&["t"]));
    let lines = with(bridge(&nats.addr.to_string()), &["  username: alice", "  password: { value: wonder-1 }"]);
    let own = with(lines.clone(), &["  inbox_prefix: answers.of.alice", "topics: [t]"]);
    let gateway = settings(&[(BRIDGE, with(lines, &["topics: [t]"])), ("own", own)]).start();
    for name in [BRIDGE, "own"] {
        let line = gateway.logged(&format!("bridge=\"{name}\""));
        assert!(line.contains("bridge down") && line.contains("Permissions Violation for Publish to"), "{line}");
    }
}

/// With JetStream or without: a server that counts fewer bytes than the message and its headers have gets nothing of it.
#[test]
fn core_headers_count_for_the_size_that_the_server_takes() {
    let nats = Nats::start(&Settings { lines: vec!["max_payload: 1024".to_owned()], ..Settings::default() });
    let gateway = to(nats.addr);
    let mut edge = Edge::edge(gateway.edge);
    for (size, fits) in [(600, true), (1_000, false), (2_000, false), (10, true)] {
        let sent = edge.message(&Body::new().topic("t").value(&vec![b'x'; size]));
        match edge.acked(sent) {
            Ok(()) => assert!(fits, "{size}"),
            Err(error) => assert!(!fits && error.contains("limit of 1024"), "{size}: {error}"),
        }
    }
    assert_eq!(gateway.log.count("bridge up"), 1, "the connection is the same");
}
