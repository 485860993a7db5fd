//! What Redis says no to: the publisher hears its words at once, and other messages pass.

use frontier_integration_tests::bridges::{counters, is};
use frontier_integration_tests::brokers::{Login, Settings};
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::{Gateway, eventually};

use super::{Redis, entries};
use crate::{Access, BRIDGE, Target, gateway, scenarios, with};

/// An error that starts like this: the bridge, and the server by its address.
fn from(target: &Redis) -> String {
    format!("bridge \"b\" (redis {}): ", target.addr())
}

/// A message to `topic` that must not be taken; the error behind the bridge's name.
#[track_caller]
pub(super) fn refused(gateway: &Gateway, target: &Redis, topic: &str) -> String {
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic(topic).value(b"x"));
    let error = edge.acked(sent).expect_err("it cannot be stored");
    let error = error.strip_prefix(&from(target)).unwrap_or_else(|| panic!("{error}")).to_owned();
    edge.close();
    error
}

#[track_caller]
pub(super) fn accepted(gateway: &Gateway, topic: &str) {
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic(topic).value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
    edge.close();
}

#[test]
fn a_key_of_another_type_is_told_and_costs_nobody_else() {
    let target = Redis::start(&Settings::default(), &[]);
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t, u]"]));
    target.client().done(&["SET", "t", "no stream"]);
    let error = refused(&gateway, &target, "t");
    assert_eq!(error, "WRONGTYPE Operation against a key holding the wrong kind of value");
    accepted(&gateway, "u");
    gateway.logged("records refused by the broker");
    assert_eq!(target.client().ask(&["DEL", "t"]).number(), 1);
    accepted(&gateway, "t");
    assert!(is(&gateway, BRIDGE, "up") && gateway.log.count("bridge down") == 0);
    assert_eq!((counters(&gateway, BRIDGE)["delivered"], counters(&gateway, BRIDGE)["failed"]), (2, 1));
}

/// What keeps the server from writing anything at all is told at once, and over when it is.
#[test]
fn a_server_that_will_not_write_says_why_and_messages_pass_once_it_will() {
    let target = Redis::start(&Settings::default(), &[]);
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]"]));
    accepted(&gateway, "t");
    for (setting, words) in [
        ("maxmemory", "OOM command not allowed when used memory > 'maxmemory'."),
        ("min-replicas-to-write", "NOREPLICAS Not enough good replicas to write."),
    ] {
        target.client().done(&["CONFIG", "SET", setting, "1"]);
        assert_eq!(refused(&gateway, &target, "t"), words);
        target.client().done(&["CONFIG", "SET", setting, "0"]);
        accepted(&gateway, "t");
    }
    assert_eq!(gateway.log.count("bridge down"), 0);
}

#[test]
fn a_user_writes_where_it_may_and_hears_where_it_may_not() {
    let login = Login::new("alice", "wonder-1");
    // The least that will do, and what the documentation advises.
    let advised = "+xadd +publish +ping +role +config|get +client|setname +select +cluster|slots +cluster|info";
    let user = |name: &str, rights: &str| format!("user {name} on >wonder-2 ~a.* &a.* -@all {rights}");
    let lines = vec![user("least", "+xadd"), user("advised", advised)];
    let target = Redis::start(&Settings { login: Some(login), lines, ..Settings::default() }, &[]);
    for (number, name) in ["least", "advised"].into_iter().enumerate() {
        let access = Access::by(&Login::new(name, "wonder-2"));
        let gateway = gateway(with(Redis::bridge(&target.addr().to_string(), &access), &["topics: [\"*\"]"]));
        accepted(&gateway, "a.1");
        let error = refused(&gateway, &target, "b.1");
        assert!(error.starts_with("NOPERM "), "{error}");
        accepted(&gateway, "a.1");
        assert_eq!(entries(&mut target.client(), "a.1").len(), 2 * (number + 1));
    }
    // Pairs of names and values; the second is the reason, the fifth the user.
    let refusals = target.client().ask(&["ACL", "LOG"]);
    let told = refusals.list().iter().map(|entry| [3, 9, 7].map(|at| entry.list()[at].text()));
    let stray: Vec<_> = told.filter(|[reason, user, _]| (*reason, *user) == ("command", "advised")).collect();
    assert!(stray.is_empty(), "what the documentation advises lacks {stray:?}");
}

#[test]
fn too_large_for_the_server_spoils_no_neighbour() {
    // The least that a server can be told.
    let most = 1024 * 1024;
    let lines = vec![format!("proto-max-bulk-len {most}")];
    scenarios::too_large_spoils_no_neighbour::<Redis>(&Settings { lines, ..Settings::default() }, &[], most, 60);
}

#[test]
fn odd_passwords_are_taken_as_they_stand() {
    let login = Login::new("fr@nt", "p#a$s/%41:w@rd é");
    let settings = Settings { login: Some(login.clone()), ..Settings::default() };
    scenarios::odd_passwords_are_taken_as_they_stand::<Redis>(&settings, &login);
}

#[test]
fn who_is_one_client_too_many_is_told_and_let_in_when_there_is_room() {
    let target = Redis::start(&Settings::default(), &[]);
    let mut client = target.client();
    client.done(&["CONFIG", "SET", "maxclients", "1"]);
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    let gateway = crate::settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
    let mut edge = Client::edge(gateway.edge);
    eventually("it is told why", || {
        let sent = edge.message(&Body::new().topic("t").value(b"x").deadline(&time::from_now_millis(500)));
        let error = edge.acked(sent).expect_err("there is no room for it");
        error.contains("ERR max number of clients reached").then_some(())
    });
    client.done(&["CONFIG", "SET", "maxclients", "100"]);
    accepted(&gateway, "t");
}

#[test]
fn who_does_not_log_in_is_told() {
    let login = Login::new("alice", "wonder-1");
    let target = Redis::start(&Settings { login: Some(login), ..Settings::default() }, &[]);
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    let gateway = crate::settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("NOAUTH Authentication required."), "{line}");
    eventually("it stays down", || is(&gateway, BRIDGE, "down").then_some(()));
}
