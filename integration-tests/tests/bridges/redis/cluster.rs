//! Redis Cluster: each stream is at the server that has its slot.

use std::time::Duration;

use frontier_integration_tests::bridges::{Arrived, Load, Told, counters, is};
use frontier_integration_tests::brokers::{Redis as Server, RedisClient, RedisCluster, Reply, Settings};
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, eventually};

use super::entries;
use crate::{BRIDGE, gateway, settings};

/// How long a cluster with all its servers may take to work, and the bridge with it, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn bridge(cluster: &RedisCluster, servers: &[usize]) -> Vec<String> {
    let addrs: Vec<String> = servers.iter().map(|at| format!("\"{}\"", cluster.servers[*at].addr)).collect();
    vec![
        "topics: [\"*\"]".to_owned(),
        "redis:".to_owned(),
        "  mode: cluster".to_owned(),
        format!("  addrs: [{}]", addrs.join(", ")),
    ]
}

/// Topics of which each server has some.
fn topics() -> Vec<String> {
    (0..9).map(|number| format!("t{number}")).collect()
}

/// Edges that publish each of the topics.
fn loads(gateway: &Gateway, topics: &[String], pause: Duration) -> Vec<Load> {
    topics.iter().map(|topic| Load::start(gateway.edge, 1, topic, pause)).collect()
}

fn acked(loads: &[Load]) -> usize {
    loads.iter().map(Load::acked).sum()
}

#[track_caller]
fn everything_is_there(cluster: &RedisCluster, topics: &[String], told: Vec<Vec<Told>>) {
    for (topic, told) in topics.iter().zip(told) {
        let stored: Vec<Arrived> = entries(&mut cluster.servers[cluster.owner(topic)].client(), topic);
        for told in &told {
            assert!(!told.cut && told.refused.is_empty(), "{topic}: {:?}", told.refused);
            assert_eq!(told.missing(&stored), Vec::<usize>::new(), "{topic}");
            told.is_in_order(&stored);
        }
    }
}

/// Streams of all servers get their records, found from any one of them.
#[test]
fn records_go_where_their_slots_are() {
    let cluster = RedisCluster::start(&Settings::default());
    let gateway = gateway(bridge(&cluster, &[1]));
    let topics = topics();
    let owners: Vec<usize> = topics.iter().map(|topic| cluster.owner(topic)).collect();
    assert!((0..3).all(|server| owners.contains(&server)), "{owners:?}");
    let loads = loads(&gateway, &topics, Duration::ZERO);
    eventually("acks", || (acked(&loads) >= 1_000).then_some(()));
    let told: Vec<Vec<Told>> = loads.into_iter().map(Load::stop).collect();
    let sent: usize = told.iter().flatten().map(|told| told.sent).sum();
    everything_is_there(&cluster, &topics, told);
    assert_eq!(counters(&gateway, BRIDGE)["delivered"], sent as u64);
    assert_eq!(gateway.log.count("bridge down"), 0);
}

/// One of the masters dies under load and comes back: what was acked is there, whichever server had it.
#[test]
fn a_killed_master_costs_nothing_that_was_acked() {
    let mut cluster = RedisCluster::start(&Settings::default());
    let gateway = gateway(bridge(&cluster, &[0, 1, 2]));
    let topics = topics();
    let loads = loads(&gateway, &topics, Duration::from_millis(5));
    eventually("acks", || (acked(&loads) >= 500).then_some(()));
    cluster.servers[2].broker.kill();
    eventually("it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    counters(&gateway, BRIDGE);
    cluster.servers[2].broker.start();
    eventually_within(SOON, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let before = acked(&loads);
    eventually("further acks", || (acked(&loads) >= before + 500).then_some(()));
    let told = loads.into_iter().map(Load::stop).collect();
    everything_is_there(&cluster, &topics, told);
}

/// A master dies for good and its replica takes over: the bridge follows, and what was acked and replicated is there.
#[test]
fn a_replica_that_takes_over_is_followed() {
    let mut cluster = RedisCluster::start(&Settings::default());
    let old = cluster.owner("t0");
    let new = cluster.join();
    cluster.replicate(new, old);
    let gateway = gateway(bridge(&cluster, &[0, 1, 2]));
    let before = Load::start(gateway.edge, 2, "t0", Duration::from_millis(5));
    eventually("acks", || (before.acked() >= 100).then_some(()));
    let before = before.stop();
    let mut client = cluster.servers[new].client();
    client.done(&["READONLY"]);
    eventually("the replica has everything", || {
        (client.ask(&["XLEN", "t0"]) == cluster.servers[old].client().ask(&["XLEN", "t0"])).then_some(())
    });
    let load = Load::start(gateway.edge, 2, "t0", Duration::from_millis(5));
    cluster.servers[old].broker.kill();
    eventually("it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    let acked = load.acked();
    eventually_within(SOON, "acks at the new master", || (load.acked() >= acked + 100).then_some(()));
    let told = load.stop();
    let stored = entries(&mut cluster.servers[new].client(), "t0");
    for told in &before {
        assert_eq!(told.missing(&stored), Vec::<usize>::new());
    }
    for told in &told {
        assert!(!told.cut && told.refused.is_empty(), "{:?}", told.refused);
        told.is_in_order(&stored);
    }
}

/// The slot of a stream moves to a server that is new, under load: half moved (`ASK`) and then for good (`MOVED`).
#[test]
fn a_slot_that_moves_is_followed_without_a_loss() {
    let mut cluster = RedisCluster::start(&Settings::default());
    let gateway = gateway(bridge(&cluster, &[0]));
    let topics = vec!["t0".to_owned()];
    // Several edges on the one stream: what one learns of the move must not let another overtake itself.
    let loads = vec![Load::start(gateway.edge, 6, "t0", Duration::ZERO)];
    eventually("acks", || (acked(&loads) >= 100).then_some(()));
    let from = cluster.owner("t0");
    let to = cluster.join();
    let slot = cluster.slot("t0").to_string();
    let client = |server: usize| -> RedisClient { cluster.servers[server].client() };
    client(to).done(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &cluster.id(from)]);
    client(from).done(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &cluster.id(to)]);
    let port = cluster.servers[to].addr.port().to_string();
    client(from).done(&["MIGRATE", "127.0.0.1", &port, "t0", "0", "5000"]);
    let before = acked(&loads);
    eventually("acks while the slot is on its way", || (acked(&loads) >= before + 100).then_some(()));
    let new_id = cluster.id(to);
    for server in [to, from].into_iter().chain((0..3).filter(|server| *server != from)) {
        client(server).done(&["CLUSTER", "SETSLOT", &slot, "NODE", &new_id]);
    }
    let before = acked(&loads);
    eventually("acks at the new server", || (acked(&loads) >= before + 100).then_some(()));
    let told = loads.into_iter().map(Load::stop).collect();
    everything_is_there(&cluster, &topics, told);
    assert_eq!(cluster.owner("t0"), to);
    assert_eq!(gateway.log.count("bridge down"), 0, "no connection was given up for that");
    // A stream that is new while its slot is known to have moved goes there at once.
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("{t0}.new").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    assert_eq!(cluster.servers[to].client().ask(&["XLEN", "{t0}.new"]), Reply::Number(1));
}

/// A cluster that lacks slots is down, in words; so is a server that is in none.
#[test]
fn a_cluster_that_does_not_work_is_told() {
    let cluster = RedisCluster::start(&Settings::default());
    let mut client = cluster.servers[1].client();
    client.done(&["CLUSTER", "DELSLOTSRANGE", "5461", "5470"]);
    let gateway = settings(&[(BRIDGE, bridge(&cluster, &[1]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("CLUSTERDOWN"), "{line}");
    client.done(&["CLUSTER", "ADDSLOTSRANGE", "5461", "5470"]);
    eventually_within(SOON, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let alone = Server::start(&Settings::default());
    let lines = vec![
        "topics: [t]".to_owned(),
        "redis:".to_owned(),
        "  mode: cluster".to_owned(),
        format!("  addrs: [\"{}\"]", alone.addr),
    ];
    let gateway = settings(&[(BRIDGE, lines)]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("cluster support disabled"), "{line}");
}

/// A channel of a cluster is heard at every server.
#[test]
fn a_channel_is_heard_everywhere() {
    let cluster = RedisCluster::start(&Settings::default());
    let mut lines = bridge(&cluster, &[0]);
    lines.push("  form: pubsub".to_owned());
    let gateway = gateway(lines);
    let mut listeners: Vec<RedisClient> = cluster.servers.iter().map(|server| server.client()).collect();
    for listener in &mut listeners {
        listener.ask(&["SUBSCRIBE", "t0"]);
    }
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t0").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    for listener in &mut listeners {
        assert_eq!(listener.reply().expect("a message comes").list()[2].bytes(), b"x");
    }
}
