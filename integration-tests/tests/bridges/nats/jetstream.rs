//! JetStream: what it refuses, streams that are missing, and what it stores once.

use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{Load, is};
use frontier_integration_tests::brokers::{Login, Nats, Settings};
use frontier_integration_tests::raw::{Body, Client as Edge, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Proxy, eventually};
use serde_json::json;

use super::{JetStream, STREAM};
use crate::{Access, BRIDGE, Target, gateway, settings, with};

fn bridge(addr: &str, stream: &str) -> Vec<String> {
    vec!["nats:".to_owned(), format!("  addrs: ['{addr}']"), format!("  jetstream: {{ {stream} }}")]
}

/// The error that comes at once for a message on `topic`.
#[track_caller]
fn refused(edge: &mut Edge, topic: &str, value: &[u8]) -> String {
    let begun = Instant::now();
    let sent = edge.message(&Body::new().topic(topic).value(value).deadline(&time::from_now(30)));
    let error = edge.acked(sent).expect_err("it is refused");
    assert!(begun.elapsed() < Duration::from_secs(20), "{topic}: at once");
    assert!(error.starts_with("bridge \"b\" (nats 127.0.0.1:"), "{error}");
    error
}

#[track_caller]
fn passes(edge: &mut Edge, topic: &str, value: &[u8]) {
    let sent = edge.message(&Body::new().topic(topic).value(value));
    assert_eq!(edge.acked(sent), Ok(()), "{topic}");
}

#[test]
fn each_refusal_of_a_stream_is_a_clear_error_and_later_messages_pass() {
    let target = JetStream::start(&Settings::default(), &["t"]);
    target.create("SMALL", &["small"], &json!({ "max_msg_size": 300 }));
    target.create("FULL", &["full"], &json!({ "max_msgs": 2, "discard": "new" }));
    let addr = target.addr().to_string();
    let one = |name: &'static str, stream: &str, topics: &str| {
        (name, with(bridge(&addr, &format!("enable: true, stream: {stream}")), &[topics]))
    };
    let bridges = [
        one(BRIDGE, STREAM, "topics: [t, unknown, small]"),
        one("small", "SMALL", "destination: small\n    topics: [other]"),
        one("full", "FULL", "topics: [full]"),
    ];
    let gateway = settings(&bridges).start();
    eventually("all are up", || bridges.iter().all(|(name, _)| is(&gateway, name, "up")).then_some(()));
    let mut edge = Edge::edge(gateway.edge);
    let error = refused(&mut edge, "unknown", b"x");
    assert!(error.ends_with(r#"no stream takes the subject "unknown"; "S" takes ["t"]"#), "{error}");
    let error = refused(&mut edge, "small", b"x");
    assert!(error.ends_with(r#"the subject "small" belongs to another stream than "S""#), "{error}");
    passes(&mut edge, "t", b"x");

    let answer = |edge: &mut Edge, topic: &str, value: &[u8]| {
        let sent = edge.message(&Body::new().topic(topic).value(value));
        edge.acked(sent)
    };
    let error = answer(&mut edge, "other", &[b'x'; 400]).expect_err("too large");
    assert!(error.contains("exceeds maximum") && error.contains("10054"), "{error}");
    assert_eq!((answer(&mut edge, "full", b"1"), answer(&mut edge, "full", b"2")), (Ok(()), Ok(())));
    let error = answer(&mut edge, "full", b"3").expect_err("it is full");
    assert!(error.contains("maximum messages exceeded"), "{error}");
    let purged = target.client().ask("$JS.API.STREAM.PURGE.FULL", &json!({}));
    assert_eq!(purged["success"], true, "{purged}");
    assert_eq!(answer(&mut edge, "full", b"4"), Ok(()));
    assert!(bridges.iter().all(|(name, _)| is(&gateway, name, "up")));
}

#[test]
fn a_missing_stream_is_told_and_taken_up_when_it_is_made() {
    let nats = Nats::start(&Settings::default());
    let target = JetStream { nats, login: None, read: Vec::new(), seen: 0 };
    let lines = JetStream::bridge(&target.addr().to_string(), &Access::default());
    let gateway = settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("does not exist; create it, or let the bridge do so by `jetstream.create`"), "{line}");
    let mut edge = Edge::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x"));
    target.create(STREAM, &["t"], &json!({}));
    assert_eq!(edge.acked(sent), Ok(()));

    // It goes, and comes again, while the bridge is up.
    let deleted = target.client().ask(&format!("$JS.API.STREAM.DELETE.{STREAM}"), &json!({}));
    assert_eq!(deleted["success"], true, "{deleted}");
    let sent = edge.message(&Body::new().topic("t").value(b"y"));
    eventually("it is down", || is(&gateway, BRIDGE, "down").then_some(()));
    target.create(STREAM, &["t"], &json!({}));
    assert_eq!(edge.acked(sent), Ok(()));
}

#[test]
fn without_messages_a_deleted_stream_is_noticed_too() {
    let target = JetStream::start(&Settings::default(), &["t"]);
    let lines = JetStream::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]"]));
    target.client().ask(&format!("$JS.API.STREAM.DELETE.{STREAM}"), &json!({}));
    eventually_within(Duration::from_secs(60), "it is down", || is(&gateway, BRIDGE, "down").then_some(()));
}

#[test]
fn a_stream_is_created_if_it_is_not_there_and_else_taken_as_it_is() {
    let nats = Nats::start(&Settings::default());
    let target = JetStream { nats, login: None, read: Vec::new(), seen: 0 };
    target.create("OLD", &["old.>"], &json!({ "max_msgs": 7 }));
    let addr = target.addr().to_string();
    let stream = |name: &str| format!("enable: true, stream: {name}, create: true, subjects: ['new.*', '{name}']");
    let bridges = [
        (BRIDGE, with(bridge(&addr, &stream("NEW")), &["topics: [new.t]"])),
        ("old", with(bridge(&addr, &stream("OLD")), &["topics: [old.t]"])),
        ("overlaps", with(bridge(&addr, &stream("OTHER")), &["topics: [x]"])),
    ];
    let gateway = settings(&bridges[..2]).start();
    eventually("both are up", || (is(&gateway, BRIDGE, "up") && is(&gateway, "old", "up")).then_some(()));
    let mut edge = Edge::edge(gateway.edge);
    passes(&mut edge, "new.t", b"x");
    passes(&mut edge, "old.t", b"x");
    let mut client = target.client();
    let mut info = |stream: &str| client.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({}))["config"].clone();
    let new = info("NEW");
    assert_eq!((&new["subjects"], &new["storage"]), (&json!(["new.*", "NEW"]), &json!("file")));
    let old = info("OLD");
    assert_eq!((&old["subjects"], &old["max_msgs"]), (&json!(["old.>"]), &json!(7)), "as it was");
    drop(gateway);
    let gateway = settings(&bridges[2..]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("cannot be created") && line.contains("overlap"), "{line}");
}

/// Connections are cut while acknowledgements are on their way: what is sent again is stored once.
#[test]
fn what_is_sent_again_is_stored_once_under_its_id() {
    let proxy = Proxy::new();
    let mut target = JetStream::start_behind(&proxy, &Settings::default(), &["t"]);
    let lines = JetStream::bridge(&proxy.addr.to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]", "headers: { enable: false }"]));
    let load = Load::start(gateway.edge, 4, "t", Duration::ZERO);
    for _ in 0..10 {
        let wanted = load.acked() + 200;
        eventually_within(Duration::from_secs(60), "acks", || (load.acked() >= wanted).then_some(()));
        proxy.cut();
    }
    let told = load.stop();
    assert!(proxy.accepted() > 5, "it was connected anew");
    let acked: usize = told.iter().map(|told| told.acked.len()).sum();
    let stored = target.stored("t");
    assert_eq!(stored.len(), acked, "all were acked, and each is there once");
    for told in &told {
        assert!(!told.cut && told.missing(&stored).is_empty(), "edge {}", told.edge);
        told.is_in_order(&stored);
    }
    for message in &target.read {
        let headers = &message.arrived.headers;
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["Nats-Expected-Stream", "Nats-Msg-Id"]);
        assert!(headers["Nats-Msg-Id"].ends_with("/b"), "{headers:?}");
    }
}

/// Two bridges that put one message into one stream do not take it for a double.
#[test]
fn two_bridges_into_one_stream_do_not_hide_each_others_messages() {
    let mut target = JetStream::start(&Settings::default(), &["a.t", "b.t"]);
    let lines = JetStream::bridge(&target.addr().to_string(), &Access::default());
    let one = |destination| with(lines.clone(), &["topics: [t]", destination]);
    let gateway = settings(&[(BRIDGE, one("destination: a.${topic}")), ("c", one("destination: b.${topic}"))]).start();
    eventually("both are up", || (is(&gateway, BRIDGE, "up") && is(&gateway, "c", "up")).then_some(()));
    passes(&mut Edge::edge(gateway.edge), "t", b"x");
    for destination in ["a.t", "b.t"] {
        assert_eq!(target.stored(destination).len(), 1, "{destination}");
    }
}

#[test]
fn what_the_user_may_not_publish_is_refused_and_its_neighbours_pass() {
    let permitted = ["t", "_INBOX.>", "$JS.API.STREAM.INFO.S", "$JS.API.STREAM.CREATE.S", "$JS.API.STREAM.MSG.GET.S"];
    let admin = Some(Login::new("admin", "wonder-1"));
    let nats = Nats::start(&super::permissions(&permitted));
    let mut target = JetStream { nats, login: admin, read: Vec::new(), seen: 0 };
    target.create(STREAM, &["t", "forbidden.*"], &json!({}));
    let access = Access { login: Some(("alice".to_owned(), "{ value: wonder-1 }".to_owned())), tls: None };
    let gateway = gateway(with(JetStream::bridge(&target.addr().to_string(), &access), &["fallback: true"]));
    let (mut good, mut bad) = (Edge::edge(gateway.edge), Edge::edge(gateway.edge));
    let message = |topic: &str| Body::new().topic(topic).value(b"x");
    let sent: Vec<(u64, u64)> = (0..300)
        .map(|number| (good.message(&message("t")), bad.message(&message(&format!("forbidden.{number}")))))
        .collect();
    for (number, (passed, forbidden)) in sent.into_iter().enumerate() {
        assert_eq!(good.acked(passed), Ok(()), "{number}");
        let error = bad.acked(forbidden).expect_err("it went nowhere");
        assert!(error.ends_with(&format!("Permissions Violation for Publish to \"forbidden.{number}\"")), "{error}");
    }
    assert_eq!(target.stored("t").len(), 300);
    assert_eq!(gateway.log.count("bridge up"), 1, "the connection is the same");
}

#[test]
fn a_server_without_jetstream_is_told_as_such() {
    let nats = Nats::start(&Settings { lines: vec!["jetstream: disabled".to_owned()], ..Settings::default() });
    let lines = bridge(&nats.addr.to_string(), "enable: true, stream: S");
    let gateway = settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("no JetStream"), "{line}");
}

/// No OK could ever come of it.
#[test]
fn a_stream_that_acknowledges_nothing_is_told_as_such() {
    let nats = Nats::start(&Settings::default());
    let target = JetStream { nats, login: None, read: Vec::new(), seen: 0 };
    target.create(STREAM, &["t"], &json!({ "no_ack": true }));
    let lines = JetStream::bridge(&target.addr().to_string(), &Access::default());
    let gateway = settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("it has `no_ack` set"), "{line}");
}

#[test]
fn a_stream_of_a_domain_is_found_there() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let domain = format!("jetstream {{ domain: hub, store_dir: {:?} }}", folder.path());
    let target = JetStream::start(&Settings { lines: vec![domain], ..Settings::default() }, &["t"]);
    let addr = target.addr().to_string();
    let one = |domain| with(bridge(&addr, &format!("enable: true, stream: S, domain: {domain}")), &["topics: [t]"]);
    let gateway = settings(&[(BRIDGE, one("hub")), ("other", one("leaf"))]).start();
    eventually("it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    eventually("the other is not", || is(&gateway, "other", "down").then_some(()));
}

/// A server that is gone is left for the next in the list, which here has a stream of its own.
#[test]
fn another_server_of_the_list_takes_over() {
    let mut servers = [(); 2].map(|()| JetStream::start(&Settings::default(), &["t"]));
    let addrs = servers.each_ref().map(|server| server.addr().to_string()).join("', '");
    servers[1].broker().kill();
    let gateway = gateway(with(JetStream::bridge(&addrs, &Access::default()), &["topics: [t]"]));
    let mut edge = Edge::edge(gateway.edge);
    for round in 0..4 {
        let (here, away) = (round % 2, (round + 1) % 2);
        passes(&mut edge, "t", format!("{round}").as_bytes());
        servers[away].broker().start();
        servers[here].broker().kill();
        eventually("it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    }
    servers[1].broker().start();
    for (server, payloads) in servers.iter_mut().zip([[b"0", b"2"], [b"1", b"3"]]) {
        let stored: Vec<_> = server.stored("t").into_iter().map(|record| record.payload).collect();
        assert_eq!(stored, payloads);
    }
}
