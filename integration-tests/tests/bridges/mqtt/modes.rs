//! Other versions of the protocol, other qualities of service, and sessions that the broker keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, counters};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Body, Client, Hello};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{PATIENCE, Proxy, eventually};

use super::Mqtt;
use crate::{Access, BRIDGE, Target, gateway, with};

mod version_3 {
    // Headers are left out: there are none.
    crate::scenarios!(super::Mqtt<3, 1>:
        every_publish_arrives_in_order,
        killed_in_the_middle_it_costs_nothing_that_was_acked,
        cut_connections_cost_nothing_that_was_acked,
        poisoned_names_cost_nobody_else,
        a_wrong_password_is_told_and_a_right_one_taken_up,
    );
}

mod qos_0 {
    // What a broker's death leaves of such messages is nobody's promise.
    crate::scenarios!(super::Mqtt<5, 0>:
        every_publish_arrives_in_order,
        a_killed_gateway_has_lost_nothing_that_it_acked,
        cut_connections_cost_nothing_that_was_acked,
        dropped_packets_are_noticed,
    );
}

mod qos_2 {
    crate::scenarios!(super::Mqtt<5, 2>:
        every_publish_arrives_in_order,
        killed_in_the_middle_it_costs_nothing_that_was_acked,
        cut_connections_cost_nothing_that_was_acked,
        a_killed_gateway_has_lost_nothing_that_it_acked,
    );
}

fn kept<const VERSION: u8>(addr: std::net::SocketAddr) -> Vec<String> {
    let lines = Mqtt::<VERSION, 2>::bridge(&addr.to_string(), &Access::default());
    with(lines, &["  clean_session: false", "topics: [t]"])
}

/// With a session that the broker keeps, QoS 2 doubles nothing, however often the connection is cut.
#[track_caller]
fn nothing_is_doubled<const VERSION: u8>() {
    let proxy = Proxy::new();
    let mut target = Mqtt::<VERSION, 2>::start_behind(&proxy, &Settings::default(), &["t"]);
    let gateway = gateway(kept::<VERSION>(proxy.addr));
    let load = Load::start(gateway.edge, 4, "t", Duration::from_millis(1));
    for _ in 0..6 {
        let wanted = load.acked() + 100;
        eventually_within(PATIENCE, "further acks", || (load.acked() >= wanted).then_some(()));
        proxy.cut();
    }
    let told = load.stop();
    let stored = crate::scenarios::everything_acked_is_there(&mut target, "t", &told);
    let mut copies: BTreeMap<&[u8], usize> = BTreeMap::new();
    stored.iter().for_each(|record| *copies.entry(&record.payload).or_default() += 1);
    let doubled: Vec<_> = copies.into_iter().filter(|(_, copies)| *copies > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
}

#[test]
fn a_kept_session_doubles_nothing_over_cut_connections() {
    nothing_is_doubled::<5>();
}

#[test]
fn a_kept_session_doubles_nothing_over_cut_connections_in_3_1_1() {
    nothing_is_doubled::<3>();
}

/// A gateway that was killed knows nothing of the identifiers that the broker holds for it: its successor begins a session anew. Else
/// the broker could take its messages for those, and throw them away.
#[test]
fn a_successor_does_not_go_on_with_a_killed_gateways_session() {
    for version in [3, 5] {
        let mut target = Mqtt::<5, 2>::start(&Settings::default(), &["t"]);
        let lines = if version == 3 { kept::<3>(target.addr()) } else { kept::<5>(target.addr()) };
        let mut first = gateway(lines);
        // What is under way gets no further than to the broker.
        target.broker().freeze();
        let mut edge = Client::edge(first.edge);
        for number in 0..15 {
            edge.message(&Body::new().topic("t").value(format!("old/{number}").as_bytes()));
        }
        eventually("they are handed over", || (counters(&first, BRIDGE)["in_flight"] == 15).then_some(()));
        first.signal(Signal::Kill);
        first.exit(PATIENCE);
        target.broker().thaw();
        let second = first.settings_here().start();
        second.logged("bridge up");
        let mut edge = Client::edge(second.edge);
        let publish = |number| edge.message(&Body::new().topic("t").value(format!("new/{number}").as_bytes()));
        let sent: Vec<u64> = (0..30).map(publish).collect();
        for packet in sent {
            assert_eq!(edge.acked(packet), Ok(()));
        }
        eventually("the new ones are there", || {
            let stored = target.stored("t");
            (stored.iter().filter(|record| record.payload.starts_with(b"new/")).count() == 30).then_some(())
        });
        let said = target.broker().log.lines();
        assert!(!said.iter().any(|line| line.contains("Reused message ID")), "{}", said.join("\n"));
    }
}

/// MQTT 3.1.1 has no headers: with `payload: json` all of it is in the payload.
#[test]
fn without_headers_an_envelope_tells_where_a_message_came_from() {
    let mut target = Mqtt::<3, 1>::start(&Settings::default(), &["t"]);
    let lines = Mqtt::<3, 1>::bridge(&target.addr().to_string(), &Access::default());
    let more = ["topics: [t]", "payload: json", "headers: { meta: [site], fixed: { origin: lab } }"];
    let gateway = gateway(with(lines, &more));
    let mut edge = Client::connect(gateway.edge, &Hello::edge(br#"{"site":"north"}"#));
    let sent = edge.message(&Body::new().topic("t").value(b"21.5"));
    assert_eq!(edge.acked(sent), Ok(()));
    let stored = eventually("it is there", || target.stored("t").pop());
    assert!(stored.headers.is_empty(), "{:?}", stored.headers);
    let payload = String::from_utf8(stored.payload).expect("JSON");
    let id = edge.id;
    let parts = [r#""payload":"21.5""#, r#""meta":{"site":"north"}"#, r#""headers":{"origin":"lab"}"#];
    for part in parts.into_iter().chain([&*format!(r#""edge_id":"{id}""#)]) {
        assert!(payload.contains(part), "{part}: {payload}");
    }
}

/// What is no text for MQTT goes as base64, under a name that says so.
#[test]
fn custom_bytes_that_are_no_text_go_as_base64() {
    let mut target = Mqtt::<5, 1>::start(&Settings::default(), &["t"]);
    let gateway = gateway(with(Mqtt::<5, 1>::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x").custom(b"\x00\xff"));
    assert_eq!(edge.acked(sent), Ok(()));
    let stored = eventually("it is there", || target.stored("t").pop());
    assert_eq!(stored.headers.get("frontier-custom-base64").map(String::as_str), Some("AP8="));
    assert_eq!(stored.headers.get("frontier-custom"), None);
}
