//! The address answers as a replica, or not as before: the publisher hears it, the server is not stormed, and all is well once it is a
//! master again.

use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{Load, counters, is};
use frontier_integration_tests::brokers::{Redis as Server, Settings};
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, eventually};

use super::{Redis, entries};
use crate::{Access, BRIDGE, Target, gateway, with};

/// How long it may take until all is well after a cause has ended, on a busy machine.
const WELL: Duration = Duration::from_secs(60);

fn lines(target: &Redis) -> Vec<String> {
    with(Redis::bridge(&target.addr().to_string(), &Access::default()), &["topics: [t]"])
}

fn connects(target: &Redis) -> u64 {
    target.client().info("total_connections_received").parse().expect("a number")
}

/// The error of a message whose publisher waits for two seconds.
#[track_caller]
fn error(gateway: &Gateway) -> String {
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x").deadline(&time::from_now(2)));
    let error = edge.acked(sent).expect_err("nobody takes it");
    edge.close();
    error
}

/// A master that becomes a replica under load is not written to and not stormed; nothing that was acked is missing.
#[test]
fn a_replica_is_told_as_such_and_taken_up_when_it_leads() {
    let target = Redis::start(&Settings::default(), &[]);
    let gateway = gateway(lines(&target));
    let load = Load::start(gateway.edge, 2, "t", Duration::from_millis(50));
    eventually("some acks", || (load.acked() >= 20).then_some(()));
    // Of a master that nobody can reach, so that it keeps its own data.
    target.client().done(&["REPLICAOF", "127.0.0.1", "1"]);
    eventually("it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    let (before, since) = (connects(&target), Instant::now());
    let told = error(&gateway);
    assert!(told.starts_with("context deadline exceeded: bridge \"b\" (redis "), "{told}");
    assert!(told.contains("READONLY"), "{told}");
    // Something that must not happen is waited for: a storm of connects.
    sleep(Duration::from_secs(8));
    let ours = 1;
    let connected = connects(&target) - before - ours;
    assert!(connected as f64 <= 2.0 * since.elapsed().as_secs_f64(), "{connected} connects in {:?}", since.elapsed());
    counters(&gateway, BRIDGE);
    target.server.lead();
    eventually_within(WELL, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let told = load.stop();
    let stored = entries(&mut target.client(), "t");
    for told in &told {
        assert!(!told.cut && told.refused.is_empty(), "{told:?}");
        assert_eq!(told.missing(&stored), Vec::<usize>::new());
        told.is_in_order(&stored);
    }
}

/// A replica at the start, for channels as well: its listeners are not those of the master.
#[test]
fn a_replica_at_the_start_is_not_written_to() {
    let (master, target) = (Server::start(&Settings::default()), Redis::start(&Settings::default(), &[]));
    target.server.follow(master.addr);
    let lines = with(Redis::bridge(&target.addr().to_string(), &Access::default()), &["  form: pubsub", "topics: [t]"]);
    let gateway = crate::settings(&[(BRIDGE, lines)]).start();
    let line = gateway.logged("bridge down");
    let expected = format!("READONLY: {} is a replica of {}", target.addr(), master.addr);
    assert!(line.contains(&expected), "{line}");
    target.server.lead();
    eventually_within(WELL, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    // And back, while messages go out all the time: a replica takes them without a word.
    let load = Load::start(gateway.edge, 1, "t", Duration::from_millis(20));
    eventually("some acks", || (load.acked() >= 10).then_some(()));
    target.server.follow(master.addr);
    eventually_within(WELL, "it is down", || is(&gateway, BRIDGE, "down").then_some(()));
    target.server.lead();
    eventually_within(WELL, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    assert!(load.stop().iter().all(|told| !told.cut && told.refused.is_empty()));
}

/// Other addresses of the list are tried.
#[test]
fn of_several_addresses_that_of_the_master_is_taken() {
    let (replica, mut target) = (Server::start(&Settings::default()), Redis::start(&Settings::default(), &[]));
    replica.follow(target.addr());
    let addrs = format!("{}\", \"{}", replica.addr, target.addr());
    let gateway = gateway(with(Redis::bridge(&addrs, &Access::default()), &["topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    assert_eq!(target.stored("t").len(), 1);
}

/// A server that still reads its data accepts, and says so: it is waited for.
#[test]
fn a_server_that_loads_its_data_is_waited_for() {
    // While it loads it answers once in a thousand commands; these take a few seconds.
    let settings = Settings { lines: vec!["key-load-delay 200".to_owned()], ..Settings::default() };
    let mut target = Redis::start(&settings, &[]);
    let many = "for i = 1, 20000 do redis.call('XADD', KEYS[1], '*', 'payload', 'x', 'key', '1') end";
    target.client().ask(&["EVAL", many, "1", "t"]);
    target.broker().kill();
    target.broker().launch();
    eventually("it accepts", || TcpStream::connect(target.addr()).is_ok().then_some(()));
    let gateway = crate::settings(&[(BRIDGE, lines(&target))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("LOADING"), "{line}");
    target.broker().becomes_ready();
    eventually_within(WELL, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    assert_eq!(target.client().ask(&["XLEN", "t"]).number(), 20_000);
}

/// The password is changed under the bridge; connections that stand are ended as an operator would.
#[test]
fn a_changed_password_is_told_and_the_old_one_taken_up_again() {
    let target = Redis::start(&Settings::default(), &[]);
    let mut client = target.client();
    client.done(&["CONFIG", "SET", "requirepass", "right-1"]);
    let mut lines = vec!["redis:".to_owned(), format!("  addrs: [\"{}\"]", target.addr())];
    lines.extend(["  password: { value: right-1 }".to_owned(), "topics: [t]".to_owned()]);
    let gateway = gateway(lines);
    client.done(&["CONFIG", "SET", "requirepass", "other-2"]);
    client.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    let line = gateway.logged("bridge down");
    let told = error(&gateway);
    assert!(told.contains("WRONGPASS"), "{line}\n{told}");
    client.done(&["CONFIG", "SET", "requirepass", "right-1"]);
    eventually_within(WELL, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    let said = gateway.log.lines().join("\n");
    assert!(!said.contains("right-1"), "{said}");
}
