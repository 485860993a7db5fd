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
    assert_eq!(stored[0].key.as_ref(), T::HAS_KEYS.then_some(&edge_id));
}
