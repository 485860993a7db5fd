//! What arrives while nothing fails.

use std::collections::BTreeMap;
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, counters};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::{Body, Client, Hello, time};

use super::everything_acked_is_there;
use crate::{Access, BRIDGE, Target, gateway, with};

/// Every publish of several edges arrives, in the order of its edge, each once.
pub(crate) fn every_publish_arrives_in_order<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let gateway = gateway(with(T::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t]"]));
    let load = Load::start(gateway.edge, 8, "t", Duration::ZERO);
    eventually("a thousand acks", || (load.acked() >= 1_000).then_some(()));
    let told = load.stop();
    let sent: usize = told.iter().map(|told| told.sent).sum();
    for told in &told {
        assert!(told.acked.len() == told.sent && !told.cut, "edge {}: {:?}", told.edge, told.refused);
    }
    let stored = everything_acked_is_there(&mut target, "t", &told);
    assert_eq!(stored.len(), sent, "each once");
    let counters = counters(&gateway, BRIDGE);
    assert_eq!((counters["delivered"], counters["bytes"]), (sent as u64, 0));
}

/// A record says where it came from, in the broker's own headers.
pub(crate) fn headers_tell_where_a_message_came_from<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let lines = T::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]", "headers: { meta: [site, none], fixed: { origin: lab } }"]));
    let mut edge = Client::connect(gateway.edge, &Hello::edge(br#"{"site":"north"}"#));
    let sent = edge.message(&Body::new().topic("t").value(b"\x00\xff21.5").custom(b"c"));
    assert_eq!(edge.acked(sent), Ok(()));
    let sent = edge.message(&Body::new().topic("t").value(b""));
    assert_eq!(edge.acked(sent), Ok(()));
    let stored = eventually("both are there", || Some(target.stored("t")).filter(|stored| stored.len() == 2));
    assert_eq!((&*stored[0].payload, &*stored[1].payload), (&b"\x00\xff21.5"[..], &b""[..]));
    let mut headers: BTreeMap<&str, &str> =
        stored[0].headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let id = headers.remove("frontier-message-id").expect("it has an id");
    assert_ne!(Some(id), stored[1].headers.get("frontier-message-id").map(String::as_str));
    let at = headers.remove("frontier-time").expect("it has a time");
    assert!(time::parse(at).is_some(), "{at}");
    let edge_id = edge.id.to_string();
    let expected = [
        ("frontier-custom", "c"),
        ("frontier-edge-id", &*edge_id),
        ("frontier-meta-site", "north"),
        ("frontier-topic", "t"),
        ("origin", "lab"),
    ];
    assert_eq!(headers, BTreeMap::from(expected));
    if let Some(key) = &stored[0].key {
        assert_eq!(key, &edge_id);
    }
}

/// A drain sends what is held, and the acks still reach the edges.
pub(crate) fn a_drain_sends_what_is_held<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let lines = with(T::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t]"]);
    let settings = crate::settings(&[(BRIDGE, lines)]);
    let settings = frontier_integration_tests::Settings { drain_seconds: 20, ..settings };
    let mut gateway = settings.start();
    gateway.logged("bridge up");
    target.broker().freeze();
    let load = Load::start(gateway.edge, 2, "t", Duration::from_millis(2));
    eventually("something is held", || (counters(&gateway, BRIDGE)["matched"] >= 40).then_some(()));
    gateway.signal(frontier_integration_tests::process::Signal::Term);
    gateway.logged("draining");
    target.broker().thaw();
    let told = load.stop();
    assert!(gateway.exit(Duration::from_secs(30)).success());
    assert!(told.iter().map(|told| told.acked.len()).sum::<usize>() > 0, "what was held is acked");
    everything_acked_is_there(&mut target, "t", &told);
}
