//! The name by which Kafka is found first.

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::wait::eventually_within;

use super::Server;
use crate::scenarios::{FOLLOWED, Hosts};
use crate::{Access, BRIDGE, Target, with};

#[test]
fn a_name_that_nobody_knows_yet_is_asked_for_again() {
    let server = Server::start(&Settings::default(), &["t"]);
    let hosts = Hosts::new("");
    let addr = format!("b.test:{}", server.addr().port());
    let gateway = hosts.gateway(with(Server::bridge(&addr, &Access::default()), &["topics: [t]"]));
    let line = gateway.logged("bridge down");
    assert!(line.contains("resolve") && line.contains("b.test"), "{line}");
    hosts.say("127.0.0.1 b.test\n");
    eventually_within(FOLLOWED, "it is found", || is(&gateway, BRIDGE, "up").then_some(()));
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
}
