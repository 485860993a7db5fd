//! TLS with servers that are found by others: sentinels name the ports of masters, members of a cluster those of one another.

use std::net::SocketAddr;
use std::time::Duration;

use frontier_integration_tests::brokers::{Redis as Server, RedisCluster, Reply, Sentinel, Settings, Tls};
use frontier_integration_tests::certificates::{Authority, Pair};
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, eventually};

use super::entries;
use crate::{Access, BRIDGE, gateway, settings, with};

/// How long a change of servers may take, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Who signs, and servers that want what he signed and let `alice` in.
struct Guarded {
    ours: Authority,
    settings: Settings,
}

impl Guarded {
    fn new(more: &[&str]) -> Self {
        let ours = Authority::new("ours");
        let tls = Some(Tls::by(&ours, "redis").with_clients());
        let lines = with(vec!["user alice on >wonder-1 ~* &* +@all".to_owned()], more);
        Self { ours, settings: Settings { tls, lines, ..Settings::default() } }
    }

    /// The lines of a bridge that finds its servers by `mode`, which is lines, at `addr`.
    fn bridge(&self, mode: &[&str], addr: SocketAddr, trusted: &Authority, own: Option<Pair>) -> Vec<String> {
        let lines = with(vec!["topics: ['*']".to_owned(), "redis:".to_owned()], mode);
        let access = Access { tls: Some((trusted.file(), own)), ..Access::default() };
        let addr = format!("  addrs: ['localhost:{}']", addr.port());
        let lines = with(lines, &[&addr, "  username: alice", "  password: { value: wonder-1 }"]);
        [lines, access.tls_lines()].concat()
    }

    /// A gateway that is let in; who trusts somebody else, or shows no certificate, was not.
    #[track_caller]
    fn alone_lets_in(&self, mode: &[&str], addr: SocketAddr) -> Gateway {
        let own = || Some(self.ours.pair("client", "client.test"));
        let down = |lines| settings(&[(BRIDGE, lines)]).start().logged("bridge down");
        let line = down(self.bridge(mode, addr, &Authority::new("others"), own()));
        assert!(line.contains("certificate"), "{line}");
        down(self.bridge(mode, addr, &self.ours, None));
        gateway(self.bridge(mode, addr, &self.ours, own()))
    }
}

#[track_caller]
fn passes(edge: &mut Client, topic: &str) {
    let sent = edge.message(&Body::new().topic(topic).value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()), "{topic}");
}

#[test]
fn a_master_that_sentinels_name_is_reached_over_tls_and_so_is_the_next_one() {
    let guarded = Guarded::new(&["tls-replication yes"]);
    let [old, new] = [(); 2].map(|()| Server::start(&guarded.settings));
    let at = |server: &Server| server.tls.expect("it speaks TLS");
    new.follow(at(&old));
    let of_sentinel = Settings { lines: Vec::new(), ..guarded.settings.clone() };
    let sentinel = Sentinel::start("main", at(&old), 1, &of_sentinel);
    let mode = ["  mode: sentinel", "  master: main"];
    let gateway = guarded.alone_lets_in(&mode, sentinel.tls.expect("it speaks TLS"));
    let mut edge = Client::edge(gateway.edge);
    passes(&mut edge, "t");
    assert_eq!(entries(&mut old.client(), "t").len(), 1);
    let ok = Reply::Status("OK".to_owned());
    eventually_within(SOON, "the sentinel knows the replica, and makes it a master", || {
        (sentinel.client().ask(&["SENTINEL", "FAILOVER", "main"]) == ok).then_some(())
    });
    eventually_within(SOON, "the new master is written to", || {
        edge.heartbeat();
        passes(&mut edge, "t");
        (entries(&mut new.client(), "t").len() > 1).then_some(())
    });
}

#[test]
fn a_cluster_is_reached_over_tls_and_so_is_a_server_that_comes_to_it() {
    let guarded = Guarded::new(&[]);
    let mut cluster = RedisCluster::start(&guarded.settings);
    let first = cluster.servers[0].tls.expect("it speaks TLS");
    let gateway = guarded.alone_lets_in(&["  mode: cluster"], first);
    let mut edge = Client::edge(gateway.edge);
    let topics: Vec<String> = (0..9).map(|number| format!("t{number}")).collect();
    for topic in &topics {
        passes(&mut edge, topic);
        assert_eq!(entries(&mut cluster.servers[cluster.owner(topic)].client(), topic).len(), 1, "{topic}");
    }
    // The slot of a stream that does not exist yet.
    let (from, to) = (cluster.owner("new"), cluster.join());
    let (slot, id) = (cluster.slot("new").to_string(), cluster.id(to));
    for server in [to, from] {
        cluster.servers[server].client().done(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
    }
    passes(&mut edge, "new");
    eventually("it is at the new server", || {
        (entries(&mut cluster.servers[to].client(), "new").len() == 1).then_some(())
    });
    assert_eq!(gateway.log.count("bridge down"), 0, "no connection was given up for that");
}
