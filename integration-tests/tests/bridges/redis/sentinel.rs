//! Sentinels say where the master is, at every connect anew.

use std::net::SocketAddr;
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, counters, is};
use frontier_integration_tests::brokers::{Redis as Server, Sentinel, Settings};
use frontier_integration_tests::eventually;
use frontier_integration_tests::wait::eventually_within;

use super::entries;
use crate::{BRIDGE, gateway, settings, with};

/// How long it may take until messages pass after the master has died: the sentinels need a second to believe it, some to
/// agree, and a busy machine many more.
const SOON: Duration = Duration::from_secs(60);

fn bridge(sentinels: &[SocketAddr], more: &[&str]) -> Vec<String> {
    let addrs: Vec<String> = sentinels.iter().map(|addr| format!("\"{addr}\"")).collect();
    let lines = vec![
        "topics: [t]".to_owned(),
        "redis:".to_owned(),
        "  mode: sentinel".to_owned(),
        "  master: main".to_owned(),
        format!("  addrs: [{}]", addrs.join(", ")),
    ];
    with(lines, more)
}

/// Waits until a sentinel knows of a replica and of so many other sentinels: before that none leads a change of masters.
#[track_caller]
fn knows(sentinel: &Sentinel, others: usize) {
    eventually("the sentinel knows everybody", || {
        let about = sentinel.client().ask(&["SENTINEL", "MASTER", "main"]);
        let value = |name: &str| {
            let pair = about.list().chunks(2).find(|pair| pair[0].text() == name).expect("it says so");
            pair[1].text().to_owned()
        };
        (value("num-slaves") == "1" && value("num-other-sentinels") == others.to_string()).then_some(())
    });
}

/// The master dies under load, the sentinels name its replica, and the bridge follows. What it acked before is there as far as it
/// had been replicated, which all of it was: the load paused.
#[test]
fn a_new_master_is_followed() {
    let (mut old, new) = (Server::start(&Settings::default()), Server::start(&Settings::default()));
    new.follow(old.addr);
    let sentinels: Vec<Sentinel> = (0..3).map(|_| Sentinel::start("main", old.addr, 2, &Settings::default())).collect();
    sentinels.iter().for_each(|sentinel| knows(sentinel, 2));
    let addrs: Vec<SocketAddr> = sentinels.iter().map(|sentinel| sentinel.addr).collect();
    let gateway = gateway(bridge(&addrs, &[]));
    let before = Load::start(gateway.edge, 2, "t", Duration::from_millis(5));
    eventually("some acks", || (before.acked() >= 100).then_some(()));
    let before = before.stop();
    eventually("the replica has everything", || {
        (entries(&mut new.client(), "t").len() == entries(&mut old.client(), "t").len()).then_some(())
    });
    let load = Load::start(gateway.edge, 2, "t", Duration::from_millis(5));
    old.broker.kill();
    eventually_within(SOON, "it is down", || is(&gateway, BRIDGE, "down").then_some(()));
    let acked = load.acked();
    eventually_within(SOON, "further acks", || (load.acked() >= acked + 100).then_some(()));
    assert!(is(&gateway, BRIDGE, "up"));
    let told = load.stop();
    let stored = entries(&mut new.client(), "t");
    for told in &before {
        assert_eq!(told.missing(&stored), Vec::<usize>::new());
    }
    for told in &told {
        assert!(!told.cut && told.refused.is_empty(), "{told:?}");
        told.is_in_order(&stored);
    }
    counters(&gateway, BRIDGE);
    // The old one comes back, is made a replica, and the bridge does not mind.
    old.broker.start();
    eventually_within(SOON, "the old one follows", || {
        (old.client().info("role") == "slave" && is(&gateway, BRIDGE, "up")).then_some(())
    });
}

/// A master that its sentinels have given up, and that goes on alone, is left although it takes everything.
#[test]
fn a_master_that_the_sentinels_have_left_is_left() {
    let (old, new) = (Server::start(&Settings::default()), Server::start(&Settings::default()));
    let mut sentinel = Sentinel::start("main", old.addr, 1, &Settings::default());
    let gateway = gateway(bridge(&[sentinel.addr], &[]));
    let load = Load::start(gateway.edge, 1, "t", Duration::from_millis(20));
    eventually("some acks", || (load.acked() >= 10).then_some(()));
    // As a sentinel on the other side of a cut network: it watches another server from now on, and nobody tells the old master.
    let mut client = sentinel.client();
    client.done(&["SENTINEL", "REMOVE", "main"]);
    client.done(&["SENTINEL", "MONITOR", "main", "127.0.0.1", &new.addr.port().to_string(), "1"]);
    eventually_within(SOON, "the new one is written to", || {
        (!entries(&mut new.client(), "t").is_empty()).then_some(())
    });
    assert!(load.stop().iter().all(|told| !told.cut && told.refused.is_empty()));
    // Without its sentinel the bridge stays with the master that it has.
    sentinel.broker.kill();
    let load = Load::start(gateway.edge, 1, "t", Duration::from_millis(100));
    eventually_within(SOON, "acks over several looks at the sentinel", || (load.acked() >= 70).then_some(()));
    assert!(load.stop().iter().all(|told| told.refused.is_empty()));
    assert_eq!(gateway.log.count("bridge down"), 1, "the change alone");
}

#[test]
fn a_sentinel_that_wants_a_login_or_knows_no_such_master_says_so() {
    let redis = Server::start(&Settings::default());
    let lines = vec!["requirepass wonder-1".to_owned()];
    let guarded = Sentinel::start("main", redis.addr, 1, &Settings { lines, ..Settings::default() });
    let log_in = ["  sentinel_password: { value: wonder-1 }"];
    let gateway_of = |lines| settings(&[(BRIDGE, lines)]).start();
    let gateway = gateway_of(bridge(&[guarded.addr], &[]));
    let line = gateway.logged("bridge down");
    assert!(line.contains("NOAUTH"), "{line}");
    let gateway = gateway_of(bridge(&[guarded.addr], &log_in));
    gateway.logged("bridge up");
    // By a user of its own, with the right password and with another.
    let lines = vec!["user watcher on >wonder-2 ~* &* +@all".to_owned(), "user default off".to_owned()];
    let personal = Sentinel::start("main", redis.addr, 1, &Settings { lines, ..Settings::default() });
    let by = |password: &str| {
        let password = format!("  sentinel_password: {{ value: {password} }}");
        gateway_of(bridge(&[personal.addr], &["  sentinel_username: watcher", &password]))
    };
    by("wonder-2").logged("bridge up");
    let line = by("wonder-3").logged("bridge down");
    assert!(line.contains("WRONGPASS") && !line.contains("wonder-3"), "{line}");
    let open = Sentinel::start("other", redis.addr, 1, &Settings::default());
    let gateway = gateway_of(bridge(&[open.addr], &[]));
    let line = gateway.logged("bridge down");
    assert!(
        line.contains("the sentinel knows no master \\\"main\\\"") || line.contains("no master \"main\""),
        "{line}"
    );
    // The first that knows is believed.
    let gateway = gateway_of(bridge(&[open.addr, guarded.addr], &log_in));
    gateway.logged("bridge up");
}
