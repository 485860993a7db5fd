//! The broker, the gateway or the way between them fails. What was acked is there, edges keep their links, and who is not
//! concerned does not notice.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{Load, Told, counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, PATIENCE, Proxy, eventually};
use tempfile::TempDir;

use super::{NOTICED, everyone_was_acked, everything_acked_is_there};
use crate::{Access, BRIDGE, Target, gateway, settings, with};

/// Between two messages of an edge under load.
pub(super) const PAUSE: Duration = Duration::from_millis(3);

/// How long behind its deadline an answer may come, on a busy machine.
const LATE: Duration = Duration::from_secs(15);

pub(super) fn bridge<T: Target>(addr: std::net::SocketAddr) -> Vec<String> {
    with(T::bridge(&addr.to_string(), &Access::default()), &["topics: [t]"])
}

/// Waits for `count` acks more.
#[track_caller]
pub(super) fn more_acks(load: &Load, count: usize) {
    let wanted = load.acked() + count;
    eventually_within(Duration::from_secs(60), "further acks", || (load.acked() >= wanted).then_some(()));
}

/// The lines of a bridge that is not concerned, and the folder that it needs.
pub(super) fn another_bridge() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = format!("  path: {}", folder.path().join("other").display());
    (folder, vec!["topics: [other]".to_owned(), "file:".to_owned(), path])
}

/// A message of an edge of its own passes through [`another_bridge`].
#[track_caller]
pub(super) fn another_bridge_works(gateway: &Gateway) {
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("other").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    edge.close();
}

/// Killed in the middle of the load and started again: acked is stored, order kept, counters add up, nobody else is held up.
pub(crate) fn killed_in_the_middle_it_costs_nothing_that_was_acked<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let (_folder, other) = another_bridge();
    let gateway = settings(&[(BRIDGE, bridge::<T>(target.addr())), ("other", other)]).start();
    eventually("both are up", || (is(&gateway, BRIDGE, "up") && is(&gateway, "other", "up")).then_some(()));
    let load = Load::start(gateway.edge, 4, "t", PAUSE);
    for _ in 0..2 {
        more_acks(&load, 300);
        // It stands still first, so that there is something under way for sure.
        target.broker().freeze();
        eventually("much is under way", || (counters(&gateway, BRIDGE)["in_flight"] >= T::UNDER_WAY).then_some(()));
        target.broker().kill();
        eventually_within(NOTICED, "it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
        counters(&gateway, BRIDGE);
        another_bridge_works(&gateway);
        target.broker().start();
    }
    more_acks(&load, 300);
    let told = load.stop();
    everyone_was_acked(&told);
    everything_acked_is_there(&mut target, "t", &told);
    assert_eq!(counters(&gateway, BRIDGE)["bytes"], 0, "nothing is left");
}

/// It is not there when the gateway starts, and comes later.
pub(crate) fn absent_at_the_start_it_is_taken_up_when_it_comes<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    target.broker().stop();
    let gateway = settings(&[(BRIDGE, bridge::<T>(target.addr()))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("refused"), "{line}");
    let mut edge = Client::edge(gateway.edge);
    let soon = edge.message(&Body::new().topic("t").value(b"1/000000").deadline(&time::from_now_millis(800)));
    let waits = edge.message(&Body::new().topic("t").value(b"1/000001").deadline(&time::from_now(300)));
    let error = edge.acked(soon).expect_err("nobody could have it");
    assert!(error.starts_with("context deadline exceeded: bridge \"b\" (") && error.contains("down"), "{error}");
    target.broker().start();
    eventually_within(NOTICED, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    assert_eq!(edge.acked(waits), Ok(()));
    let stored = eventually("it is there", || Some(target.stored("t")).filter(|stored| !stored.is_empty()));
    let payloads: Vec<_> = stored.iter().map(|record| &*record.payload).collect();
    assert_eq!(payloads, [b"1/000001"], "what was answered with an error before it was handed over never arrives");
}

/// The gateway is killed: what it acked is there.
pub(crate) fn a_killed_gateway_has_lost_nothing_that_it_acked<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let mut gateway = gateway(bridge::<T>(target.addr()));
    let load = Load::start(gateway.edge, 4, "t", Duration::ZERO);
    more_acks(&load, 500);
    gateway.signal(Signal::Kill);
    gateway.exit(PATIENCE);
    let told = load.stop();
    everything_acked_is_there(&mut target, "t", &told);
}

/// Connections are reset again and again.
pub(crate) fn cut_connections_cost_nothing_that_was_acked<T: Target>() {
    let proxy = Proxy::new();
    let mut target = T::start_behind(&proxy, &Settings::default(), &["t"]);
    let gateway = gateway(bridge::<T>(proxy.addr));
    let load = Load::start(gateway.edge, 4, "t", PAUSE);
    for _ in 0..4 {
        more_acks(&load, 200);
        proxy.cut();
    }
    more_acks(&load, 200);
    let told = load.stop();
    everyone_was_acked(&told);
    everything_acked_is_there(&mut target, "t", &told);
}

/// Somebody accepts connections and never answers: the bridge is down and says why, deadlines are kept, and it comes up once
/// answers come.
pub(crate) fn who_accepts_and_never_answers_is_down<T: Target>() {
    let proxy = Proxy::new();
    let mut target = T::start_behind(&proxy, &Settings::default(), &["t"]);
    proxy.hold();
    let gateway = settings(&[(BRIDGE, bridge::<T>(proxy.addr))]).start();
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"1/000000").deadline(&time::from_now(2)));
    let error = edge.acked(sent).expect_err("nobody could have it");
    assert!(error.starts_with("context deadline exceeded: bridge \"b\" ("), "{error}");
    eventually_within(NOTICED, "it is down", || is(&gateway, BRIDGE, "down").then_some(()));
    proxy.release();
    eventually_within(NOTICED, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let sent = edge.message(&Body::new().topic("t").value(b"1/000001").deadline(&time::from_now(30)));
    assert_eq!(edge.acked(sent), Ok(()));
    eventually("it is there", || target.stored("t").iter().any(|record| record.payload == b"1/000001").then_some(()));
}

/// Packets are dropped and nothing is reset: the bridge goes down with a reason, every publish is answered by its
/// deadline, counters add up at each look, and it is up again once packets pass.
pub(crate) fn dropped_packets_are_noticed<T: Target>() {
    const DEADLINE: Duration = Duration::from_secs(10);
    let proxy = Proxy::new();
    let mut target = T::start_behind(&proxy, &Settings::default(), &["t"]);
    let gateway = gateway(bridge::<T>(proxy.addr));
    let mut edge = Client::edge(gateway.edge);
    let mut told = Told { edge: edge.id, ..Told::default() };
    let mut publish = |edge: &mut Client| {
        let value = format!("{}/{:06}", edge.id, told.sent);
        let deadline = time::from_now(DEADLINE.as_secs() as i64);
        told.sent += 1;
        edge.message(&Body::new().topic("t").value(value.as_bytes()).deadline(&deadline))
    };
    let first = publish(&mut edge);
    assert_eq!(edge.acked(first), Ok(()));
    proxy.hold();
    let mut open = vec![(publish(&mut edge), Instant::now())];
    eventually_within(Duration::from_secs(60), "it is down", || {
        open.push((publish(&mut edge), Instant::now()));
        counters(&gateway, BRIDGE);
        sleep(Duration::from_millis(200));
        edge.heartbeat();
        is(&gateway, BRIDGE, "down").then_some(())
    });
    let mut acked = BTreeSet::from([0]);
    for (before, (packet, since)) in open.into_iter().enumerate() {
        edge.patience = (DEADLINE + LATE).saturating_sub(since.elapsed());
        match edge.acked(packet) {
            Ok(()) => drop(acked.insert(before + 1)),
            Err(error) => assert!(error.starts_with("context deadline exceeded: bridge \"b\" ("), "{error}"),
        }
    }
    edge.patience = PATIENCE;
    proxy.release();
    eventually_within(Duration::from_secs(60), "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let last = publish(&mut edge);
    assert_eq!(edge.acked(last), Ok(()));
    acked.insert(told.sent - 1);
    everything_acked_is_there(&mut target, "t", &[Told { acked, ..told }]);
}
