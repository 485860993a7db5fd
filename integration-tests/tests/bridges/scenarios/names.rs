//! Names of brokers, and their addresses.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, Proxy};
use tempfile::TempDir;

use super::everything_acked_is_there;
use crate::{Access, BRIDGE, Target, gateway, settings, with};

/// How long it may take until a name that has an address again is followed, on a busy machine.
const FOLLOWED: Duration = Duration::from_secs(60);

/// The names of one gateway.
struct Hosts(TempDir);

impl Hosts {
    fn new(lines: &str) -> Self {
        let hosts = Self(tempfile::tempdir().expect("a temporary folder can be made"));
        hosts.say(lines);
        hosts
    }

    /// From now on these. The file stays the same one, since it is mounted.
    fn say(&self, lines: &str) {
        fs::write(self.0.path().join("hosts"), lines).expect("a temporary file can be written");
    }

    /// A gateway with these names, and a bridge of these lines.
    #[track_caller]
    fn gateway(&self, lines: Vec<String>) -> Gateway {
        let hosts = Some(self.0.path().join("hosts"));
        let settings = settings(&[(BRIDGE, lines)]);
        frontier_integration_tests::Settings { hosts, ..settings }.start()
    }
}

fn bridge<T: Target>(addr: &str) -> Vec<String> {
    with(T::bridge(addr, &Access::default()), &["topics: [t]"])
}

/// A message is accepted, and the bridge was not down before.
#[track_caller]
fn works_at_once(gateway: &Gateway) {
    gateway.logged("bridge up");
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    assert_eq!(gateway.log.count("bridge down"), 0);
}

/// A name that nobody knows at the start, then stands for one address and later for another: it is asked for at every connect.
pub(crate) fn a_name_that_moves_is_followed<T: Target>() {
    let here = Proxy::at((Ipv4Addr::new(127, 0, 0, 2), 0).into());
    let port = here.addr.port();
    let there = Proxy::at((Ipv4Addr::new(127, 0, 0, 3), port).into());
    let mut target = T::start_called("b.test", &here, &Settings::default(), &["t"]);
    there.aim(target.addr());
    let hosts = Hosts::new("");
    let gateway = hosts.gateway(bridge::<T>(&format!("b.test:{port}")));
    let line = gateway.logged("bridge down");
    assert!(line.contains("resolve") && line.contains("b.test"), "{line}");
    let load = Load::start(gateway.edge, 1, "t", Duration::from_millis(200));
    let acks = |count: usize| {
        let wanted = load.acked() + count;
        eventually_within(FOLLOWED, "further acks", || (load.acked() >= wanted).then_some(()));
    };
    hosts.say("127.0.0.2 b.test\n");
    acks(1);
    drop(here);
    eventually_within(FOLLOWED, "it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    hosts.say("127.0.0.3 b.test\n");
    acks(10);
    let told = load.stop();
    assert!(told.iter().all(|told| !told.cut && told.refused.is_empty()), "{told:?}");
    everything_acked_is_there(&mut target, "t", &told);
}

/// A name with an address of IPv6, where nobody listens, before that of IPv4.
pub(crate) fn of_several_addresses_of_a_name_any_will_do<T: Target>() {
    let target = T::start(&Settings::default(), &["t"]);
    let hosts = Hosts::new("::1 dual.test\n127.0.0.1 dual.test\n");
    works_at_once(&hosts.gateway(bridge::<T>(&format!("dual.test:{}", target.addr().port()))));
}

/// An address of IPv6, as it stands.
pub(crate) fn an_address_of_ipv6_is_taken<T: Target>() {
    let proxy = Proxy::at(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
    let _target = T::start_behind(&proxy, &Settings::default(), &["t"]);
    works_at_once(&gateway(bridge::<T>(&proxy.addr.to_string())));
}
