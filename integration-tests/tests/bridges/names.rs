//! Names of brokers: one that is not known yet, one that moves, one with an address where nobody is, and literals of IPv6.
//! Needs root, for a hosts file of the gateway's own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, Proxy};

use crate::{Access, Target, settings, with};

/// How soon a bridge finds a name that has come or moved, and how soon it gets past an address where nobody is.
const FINDS: Duration = Duration::from_secs(15);

/// Bridges to one kind of broker, by all names.
struct Named {
    kind: &'static str,
    port: u16,
    bridges: Vec<(String, Vec<String>)>,
    /// The broker, and its way in by IPv6.
    _held: (Box<dyn std::any::Any>, Proxy),
}

/// Starts a broker, on 127.0.0.1 as all of them, and says how it is reached by each name.
fn named<T: Target + 'static>(kind: &'static str) -> Named {
    let target = T::start(&Default::default(), &["t"]);
    let port = target.addr().port();
    let six = Proxy::at(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    six.aim(target.addr());
    let bridge = |host: &str| {
        let topic = format!("topics: [{kind}-{}]", host.trim_matches(['[', ']']).replace([':', '.'], ""));
        let lines = T::bridge(&format!("{host}:{port}"), &Access::default());
        // One client takes the addresses of the name one by one; the destination is there for all.
        with(lines, &[&topic, "destination: t"])
    };
    let name = |of: &str| format!("{kind}-{of}");
    let bridges = vec![
        (name("moves"), bridge("moves.test")),
        (name("dual"), bridge("dual.test")),
        (name("six"), bridge("[::1]")),
    ];
    Named { kind, port, bridges, _held: (Box::new(target), six) }
}

/// The hosts file: `dual.test` is IPv6 first, where nobody is behind that name's port only by IPv4.
fn write_hosts(file: &Path, moves: Option<Ipv4Addr>) {
    let mut hosts = "127.0.0.1 localhost\n::2 dual.test\n127.0.0.1 dual.test\n".to_owned();
    hosts.extend(moves.map(|addr| format!("{addr} moves.test\n")));
    // In place: the mount shows this file and no other that gets its name.
    fs::write(file, hosts).expect("the hosts file can be written");
}

#[track_caller]
fn becomes(gateway: &Gateway, bridge: &str, state: &str) {
    eventually_within(FINDS, &format!("{bridge} is {state}"), || is(gateway, bridge, state).then_some(()));
}

#[test]
fn names_that_come_move_or_have_a_dead_address_are_found() {
    let all = [
        named::<crate::kafka::Server>("kafka"),
        named::<crate::amqp::Own>("amqp"),
        named::<crate::nats::JetStream>("nats"),
        named::<crate::mqtt::Mqtt<5, 1>>("mqtt"),
        named::<crate::redis::Redis>("redis"),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let hosts = folder.path().join("hosts");
    write_hosts(&hosts, None);
    let bridges: Vec<(&str, Vec<String>)> =
        all.iter().flat_map(|named| &named.bridges).map(|(name, lines)| (&**name, lines.clone())).collect();
    let settings = frontier_integration_tests::Settings { hosts: Some(hosts.clone()), ..settings(&bridges) };
    let gateway = settings.start();
    for Named { kind, .. } in &all {
        becomes(&gateway, &format!("{kind}-dual"), "up");
        becomes(&gateway, &format!("{kind}-six"), "up");
        becomes(&gateway, &format!("{kind}-moves"), "down");
    }
    let down = gateway.log.lines().into_iter().filter(|line| line.contains("bridge down")).collect::<Vec<_>>();
    let unresolved = down.iter().filter(|line| line.contains("esolve")).count();
    assert_eq!(unresolved, all.len(), "each says that it cannot resolve moves.test: {}", down.join("\n"));

    for last in [2, 3] {
        let addr = Ipv4Addr::new(127, 0, 0, last);
        let ways: Vec<Proxy> = all
            .iter()
            .map(|named| {
                let way = Proxy::at(SocketAddr::from((IpAddr::V4(addr), named.port)));
                way.aim(SocketAddr::from((Ipv4Addr::LOCALHOST, named.port)));
                way
            })
            .collect();
        write_hosts(&hosts, Some(addr));
        for (Named { kind, .. }, way) in all.iter().zip(&ways) {
            becomes(&gateway, &format!("{kind}-moves"), "up");
            // Kafka tells its own address, and is found there from then on.
            assert!(way.accepted() > 0 || *kind == "kafka", "{kind} came to {addr}");
            let mut edge = Client::edge(gateway.edge);
            let sent = edge.message(&Body::new().topic(&format!("{kind}-movestest")).value(b"1/000000"));
            assert_eq!(edge.acked(sent), Ok(()), "{kind}");
        }
    }
}
