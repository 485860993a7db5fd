//! Records and batches that are too large for a topic, while the client makes batches of a megabyte.

use std::time::Duration;

use frontier_integration_tests::bridges::Load;
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::Client;

use super::{Server, publish};
use crate::scenarios::{everything_acked_is_there, too_large_spoils_no_neighbour};
use crate::{Access, Target, gateway, with};

/// Where the bridge can know its topic, it asks before it sends.
#[test]
fn a_topic_that_takes_little_is_asked_before_anything_is_sent() {
    let settings = Settings { lines: vec!["message.max.bytes=10000".to_owned()], ..Settings::default() };
    too_large_spoils_no_neighbour::<Server>(&settings, 10_000);
}

/// Where edges choose the topic, the first batch that is refused is sent again in smaller ones, in order.
#[test]
fn a_batch_that_a_topic_refuses_is_sent_again_in_smaller_ones() {
    let mut server = Server::start(&Settings::default(), &[]);
    server.make(&["narrow"], 1, &[("max.message.bytes", "10000")]);
    let lines = with(Server::bridge(&server.addr().to_string(), &Access::default()), &["topics: [\"*\"]"]);
    let gateway = gateway(lines);
    let load = Load::start(gateway.edge, 8, "narrow", Duration::ZERO);
    gateway.logged("refuses a batch for its size");
    let before = load.acked();
    eventually("further acks", || (load.acked() >= before + 1_000).then_some(()));
    let mut edge = Client::edge(gateway.edge);
    let error = publish(&mut edge, "narrow", &[b'x'; 20_000]).expect_err("it is too large");
    assert!(error.contains("too large"), "{error}");
    let told = load.stop();
    for told in &told {
        assert!(told.refused.is_empty() && !told.cut, "edge {}: {:?}", told.edge, told.refused);
    }
    everything_acked_is_there(&mut server, "narrow", &told);
    assert_eq!(gateway.log.count("bridge down"), 1, "one producer had to go");
    // Larger than `max_message_bytes`: the client itself does not take it.
    let error = publish(&mut edge, "wide", &[b'x'; 1_000_001]).expect_err("it is too large");
    assert!(error.starts_with("bridge \"b\" (kafka 127.0.0.1:") && error.contains("too large"), "{error}");
}
