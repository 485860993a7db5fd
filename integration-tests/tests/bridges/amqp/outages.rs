//! A connection ends, one of several servers goes, or the broker has no memory left.

use std::fs;
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, Proxy, eventually};

use super::{Own, Shared, TOOL_PATIENCE, node};
use crate::scenarios::everything_acked_is_there;
use crate::{Access, BRIDGE, Target, gateway, with};

/// Between two messages of an edge under load.
const PAUSE: Duration = Duration::from_millis(3);

#[track_caller]
fn more_acks(load: &Load, count: usize) {
    let wanted = load.acked() + count;
    eventually_within(Duration::from_secs(60), "further acks", || (load.acked() >= wanted).then_some(()));
}

/// How many threads of its AMQP client the gateway has.
fn threads(gateway: &Gateway) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", gateway.pid())).expect("the gateway runs");
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("lapin")).count()
}

/// Of several servers one that is there is used: a dead one does not keep it away, and when it goes another takes its place.
#[test]
fn of_several_servers_one_that_is_there_is_used() {
    let (first, second) = (Proxy::new(), Proxy::new());
    let mut target = Shared::start_behind(&second, &Settings::default(), &["t"]);
    // Nobody is behind the first: it closes what connects.
    let addrs = format!("{}', '{}", first.addr, second.addr);
    let gateway = gateway(with(Shared::bridge(&addrs, &Access::default()), &["topics: [t]"]));
    let load = Load::start(gateway.edge, 4, "t", PAUSE);
    more_acks(&load, 100);
    first.aim(target.addr());
    drop(second);
    let before = first.accepted();
    more_acks(&load, 300);
    assert!(first.accepted() > before, "the first has taken over");
    let told = load.stop();
    assert!(told.iter().all(|told| !told.cut));
    everything_acked_is_there(&mut target, "t", &told);
}

/// The operator closes all connections, while messages pass.
#[test]
fn connections_closed_by_an_operator_cost_nothing_that_was_acked() {
    let mut target = Shared::with(&["t"]);
    let host = target.host.clone();
    let gateway = gateway(with(Shared::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t]"]));
    let load = Load::start(gateway.edge, 4, "t", PAUSE);
    more_acks(&load, 100);
    let closed =
        node().ctl(&format!("close_all_connections --vhost {host} maintenance")).run_within(TOOL_PATIENCE, b"");
    assert_eq!(closed.code, 0, "{}", closed.err);
    let line = gateway.logged("bridge down");
    assert!(line.contains("CONNECTION_FORCED - maintenance"), "{line}");
    more_acks(&load, 300);
    let told = load.stop();
    assert!(told.iter().all(|told| !told.cut));
    everything_acked_is_there(&mut target, "t", &told);
}

/// No memory left: the bridge is down in the broker's own words and keeps its connection, publishers are answered by their deadlines,
/// and it goes on when there is memory again.
#[test]
fn a_memory_alarm_is_told_and_gone_when_it_ends() {
    let mut target = Own::start(&Settings::default(), &["t"]);
    let ctl = |target: &Own, args: &str| {
        let done = target.node.ctl(args).run_within(TOOL_PATIENCE, b"");
        assert_eq!(done.code, 0, "{args}: {}", done.err);
    };
    let proxy = Proxy::new();
    proxy.aim(target.addr());
    let gateway = gateway(with(Own::bridge(&proxy.addr.to_string(), &Access::default()), &["topics: ['*']"]));
    let load = Load::start(gateway.edge, 4, "t", PAUSE);
    more_acks(&load, 100);
    ctl(&target, "set_vm_memory_high_watermark 0");
    eventually("it is down", || is(&gateway, BRIDGE, "down").then_some(()));
    let line = gateway.logged("bridge down");
    assert!(line.contains("the server takes no messages for now: low on memory"), "{line}");
    let mut edge = Client::edge(gateway.edge);
    let soon = edge.message(&Body::new().topic("t").value(b"soon").deadline(&time::from_now(12)));
    let error = edge.acked(soon).expect_err("nobody takes it");
    assert!(error.starts_with("context deadline exceeded: bridge \"b\" (amqp "), "{error}");
    assert!(error.contains("low on memory"), "{error}");
    // Beyond the time that a stall would take.
    assert_eq!(proxy.accepted(), 1, "the connection is kept");
    assert_eq!(threads(&gateway), 1);
    counters(&gateway, BRIDGE);
    ctl(&target, "set_vm_memory_high_watermark 0.4");
    eventually_within(Duration::from_secs(60), "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    more_acks(&load, 100);
    let told = load.stop();
    assert!(told.iter().all(|told| !told.cut));
    everything_acked_is_there(&mut target, "t", &told);
}

/// Each connection has a thread of its client, which ends with it: cut, or given up because nobody answers.
#[test]
fn threads_end_with_their_connections() {
    let proxy = Proxy::new();
    let _target = Shared::start_behind(&proxy, &Settings::default(), &["t"]);
    let lines = Shared::bridge(&proxy.addr.to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  heartbeat_seconds: 0", "topics: [t]"]));
    for _ in 0..3 {
        proxy.cut();
        eventually("it is down", || is(&gateway, BRIDGE, "down").then_some(()));
        eventually("it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    }
    eventually("one is left", || (threads(&gateway) == 1).then_some(()));
    proxy.hold();
    let held = proxy.accepted();
    // Each try to log in is given up.
    eventually_within(Duration::from_secs(60), "three tries", || (proxy.accepted() >= held + 3).then_some(()));
    assert!(threads(&gateway) <= 2, "{}", threads(&gateway));
    proxy.release();
    eventually("it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    eventually("one is left", || (threads(&gateway) == 1).then_some(()));
}
