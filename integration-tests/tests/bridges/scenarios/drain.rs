//! A gateway that is asked to end while its bridges hold messages.

use std::time::Duration;

use frontier_integration_tests::bridges::{Load, Told, counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Body, Client, kind, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, eventually};

use super::{NOTICED, everything_acked_is_there};
use crate::{Access, BRIDGE, Target};

/// What those hear whose messages could not be sent in time.
const ENDING: &str = "gateway is shutting down";

/// How many messages are held at the least when the gateway is asked to end.
const HELD: u64 = 60;

/// How long the end of a gateway may take behind all that it waits for.
const ENDS: Duration = Duration::from_secs(30);

/// A gateway with a bridge that is up, which waits so many seconds for it when it ends.
#[track_caller]
fn draining<T: Target>(target: &T, drain_seconds: u32) -> Gateway {
    let lines = crate::with(T::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t, later]"]);
    let settings = crate::settings(&[(BRIDGE, lines)]);
    let gateway = frontier_integration_tests::Settings { drain_seconds, ..settings }.start();
    gateway.logged("bridge up");
    gateway
}

/// What two edges have published on a topic, all of it read by the gateway: the packets of each.
#[track_caller]
fn published(gateway: &Gateway, topic: &str) -> Vec<(Client, Vec<u64>)> {
    let deadline = time::from_now(240);
    let publish = |()| {
        let mut edge = Client::edge(gateway.edge);
        let message = |number: u64| {
            let value = format!("{}/{number:06}", edge.id);
            edge.message(&Body::new().topic(topic).value(value.as_bytes()).deadline(&deadline))
        };
        let packets = (0..HELD / 2).map(message).collect();
        edge.heartbeat();
        (edge, packets)
    };
    [(); 2].map(publish).into()
}

/// Asks the gateway to end while it holds messages, `least` of them in the state `held`; once it does, `helps` makes the broker
/// take them.
#[track_caller]
fn all_is_sent<T: Target, R>(
    target: &mut T,
    mut gateway: Gateway,
    topic: &str,
    (held, least): (&'static str, u64),
    helps: impl FnOnce(&mut T) -> R,
) -> R {
    let edges = published(&gateway, topic);
    eventually(held, || (counters(&gateway, BRIDGE)[held] >= least).then_some(()));
    gateway.signal(Signal::Term);
    gateway.logged("draining");
    let helped = helps(target);
    let told: Vec<Told> = edges
        .into_iter()
        .map(|(mut edge, packets)| {
            packets.iter().for_each(|packet| assert_eq!(edge.acked(*packet), Ok(())));
            Told { edge: edge.id, sent: packets.len(), acked: (0..packets.len()).collect(), ..Told::default() }
        })
        .collect();
    assert!(gateway.exit(ENDS).success());
    everything_acked_is_there(target, topic, &told);
    helped
}

/// A drain sends what is under way to a broker that is slow, and what is queued for one that is not there, and the acks still
/// reach the edges: all of them. What comes meanwhile is there as well, if it is acked.
pub(crate) fn a_drain_sends_what_is_held<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t", "later"]);
    let gateway = draining(&target, 120);
    let load = Load::start(gateway.edge, 2, "t", Duration::from_millis(2));
    eventually("acks", || (load.acked() > 0).then_some(()));
    target.broker().freeze();
    let told = all_is_sent(&mut target, gateway, "t", ("in_flight", T::UNDER_WAY), |target| {
        target.broker().thaw();
        load.stop()
    });
    let refused = told.iter().flat_map(|told| told.refused.values());
    refused.for_each(|error| assert_eq!(error, ENDING));
    everything_acked_is_there(&mut target, "t", &told);

    let gateway = draining(&target, 120);
    target.broker().kill();
    eventually_within(NOTICED, "it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    all_is_sent(&mut target, gateway, "later", ("queued", HELD), |target| target.broker().start());
}

/// The broker stands still until the gateway has ended: each message has one answer, which says why.
pub(crate) fn a_drain_in_vain_gives_each_one_error<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t", "later"]);
    let mut gateway = draining(&target, 2);
    target.broker().freeze();
    let edges = published(&gateway, "t");
    eventually("all are held", || (counters(&gateway, BRIDGE)["matched"] == HELD).then_some(()));
    gateway.signal(Signal::Term);
    for (mut edge, packets) in edges {
        let answers = edge.ended();
        for packet in packets {
            let its = answers.iter().filter(|frame| frame.kind == kind::MESSAGE_ACK && frame.id == packet);
            let its: Vec<_> = its.map(|frame| frame.outcome()).collect();
            assert_eq!(its, [Err(ENDING.to_owned())]);
        }
    }
    assert!(gateway.exit(ENDS).success());
}
