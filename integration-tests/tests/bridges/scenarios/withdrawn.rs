//! What was answered with an error before the broker's client had it never arrives.

use std::thread::sleep;
use std::time::Duration;

use frontier_integration_tests::bridges::{counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;

use crate::{Access, BRIDGE, Target, gateway, with};

/// How long a bridge may take to be up again, on a busy machine.
const NOTICED: Duration = Duration::from_secs(60);

/// What ends each test: it is stored behind all that could still come.
const LAST: &str = "9/999999";

fn bridge<T: Target>(target: &T) -> Vec<String> {
    with(T::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t]"])
}

/// Publishes [`LAST`], and gives how many records are stored besides.
#[track_caller]
fn stored_before_the_last<T: Target>(target: &mut T, edge: &mut Client) -> usize {
    let sent = edge.message(&Body::new().topic("t").value(LAST.as_bytes()).deadline(&time::from_now(60)));
    assert_eq!(edge.acked(sent), Ok(()));
    let stored = eventually("the last one is there", || {
        let stored = target.stored("t");
        stored.iter().any(|record| record.payload == LAST.as_bytes()).then_some(stored)
    });
    stored.iter().filter(|record| record.payload != LAST.as_bytes()).count()
}

/// It is dead, and its client knows: what comes now and is given up before it is back never arrives.
pub(crate) fn what_came_while_it_was_dead_and_was_given_up_never_arrives<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let gateway = gateway(bridge(&target));
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"1/000000"));
    assert_eq!(edge.acked(sent), Ok(()));
    target.broker().kill();
    // Its socket is closed at once. All that has to happen is that the client, whose bridge is not down yet, reads that.
    sleep(Duration::from_secs(1));
    let sent = edge.message(&Body::new().topic("t").value(b"1/000001").deadline(&time::from_now(2)));
    let error = edge.acked(sent).expect_err("nobody could have it");
    assert!(error.starts_with("context deadline exceeded: bridge \"b\" ("), "{error}");
    assert_eq!(counters(&gateway, BRIDGE)["dropped"], 1, "the client never had it");
    target.broker().start();
    eventually_within(NOTICED, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    // An edge that has shown itself lately: one of these takes a while to start.
    let mut edge = Client::edge(gateway.edge);
    assert_eq!(stored_before_the_last(&mut target, &mut edge), 1);
}

/// It stands still while `count` messages come and are given up. Its client has taken `most` of them; the others never arrive.
pub(crate) fn frozen_it_gets_no_more_than_its_client_had<T: Target>(count: u64, most: u64) {
    let mut target = T::start(&Settings::default(), &["t"]);
    let gateway = gateway(bridge(&target));
    target.broker().freeze();
    let mut edges: Vec<Client> = (0..4).map(|_| Client::edge(gateway.edge)).collect();
    let deadline = time::from_now(4);
    let sent: Vec<u64> = (0..count)
        .map(|number| {
            let edge = &mut edges[(number % 4) as usize];
            let value = format!("{}/{number:06}", edge.id);
            edge.message(&Body::new().topic("t").value(value.as_bytes()).deadline(&deadline))
        })
        .collect();
    for (number, packet) in sent.into_iter().enumerate() {
        edges[number % 4].acked(packet).expect_err("nobody could have it");
    }
    let counters = counters(&gateway, BRIDGE);
    assert_eq!(counters["failed"] + counters["dropped"], count);
    assert!(counters["failed"] <= most, "{counters:?}");
    target.broker().thaw();
    eventually_within(NOTICED, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let stored = stored_before_the_last(&mut target, &mut edges[0]);
    assert!(stored as u64 <= counters["failed"], "{stored} of {counters:?}");
}
