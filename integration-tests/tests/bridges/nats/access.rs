//! Ways to log in.

use std::fs;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::brokers::{Login, Nats, Settings};
use frontier_integration_tests::raw::{Body, Client as Edge};

use super::core::bridge;
use super::keys::{Keys, Kind};
use crate::{BRIDGE, gateway, settings, with};

/// Characters that mean something in URLs, shells and configurations.
const ODD: &str = "p#a$s/%41:w@rd é";

#[track_caller]
fn a_message_passes(gateway: &Gateway) {
    let mut edge = Edge::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
}

/// Bridges with each of `ways`, which are lines of the section, pass a message; the secret is never printed.
#[track_caller]
fn all_get_in(nats: &Nats, ways: &[String], secret: &str) {
    for way in ways {
        let lines = with(bridge(&nats.addr.to_string()), &[way, "topics: [t]"]);
        let mut gateway = gateway(lines);
        a_message_passes(&gateway);
        let said = gateway.last_words().join("\n");
        assert!(!said.contains(secret), "{said}");
    }
}

/// A bridge with this line stays down for want of a login, and says what to look at.
#[track_caller]
fn does_not_get_in(nats: &Nats, way: &str, looked_at: &str) {
    let gateway = settings(&[(BRIDGE, with(bridge(&nats.addr.to_string()), &[way, "topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("authorization violation") && line.contains(looked_at), "{line}");
    assert_eq!(gateway.log.count("ERROR"), 0, "the library's own lines are not shown");
}

#[test]
fn odd_passwords_are_taken_as_they_stand() {
    let login = Login::new("fr@nt", ODD);
    let broker = Settings { login: Some(login.clone()), ..Settings::default() };
    crate::scenarios::odd_passwords_are_taken_as_they_stand::<super::JetStream>(&broker, &login);
}

#[test]
fn a_token_logs_in_as_value_and_from_a_file() {
    let token = format!("authorization {{ token: {ODD:?} }}");
    let nats = Nats::start(&Settings { lines: vec![token], ..Settings::default() });
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("token");
    fs::write(&file, format!("{ODD}\n")).expect("a file can be written");
    let ways = [format!("  token: {{ value: '{ODD}' }}"), format!("  token: {{ file: {} }}", file.display())];
    all_get_in(&nats, &ways, ODD);
    does_not_get_in(&nats, "  token: { value: other }", "`token`");
    does_not_get_in(&nats, "  username: ''", "no login is configured");
}

#[test]
fn an_nkey_logs_in_by_its_seed() {
    let keys = Keys::new(Kind::User);
    let users = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", keys.public());
    let nats = Nats::start(&Settings { lines: vec![users], ..Settings::default() });
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("seed");
    fs::write(&file, format!("{}\n\n", keys.seed())).expect("a file can be written");
    let ways = [format!("  nkey: {{ value: {} }}", keys.seed()), format!("  nkey: {{ file: {} }}", file.display())];
    all_get_in(&nats, &ways, &keys.seed());
    does_not_get_in(&nats, &format!("  nkey: {{ value: {} }}", Keys::new(Kind::User).seed()), "`nkey`");
    let lines = with(bridge(&nats.addr.to_string()), &["  nkey: { value: nonsense-7 }", "topics: [t]"]);
    let gateway = settings(&[(BRIDGE, lines)]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("cannot sign what the server asks") && !line.contains("nonsense-7"), "{line}");
}

#[test]
fn a_credentials_file_logs_in_and_is_read_anew() {
    let (operator, user) = (Keys::new(Kind::Operator), Keys::new(Kind::User));
    let [account, system] = [(); 2].map(|()| Keys::new(Kind::Account));
    let known = [&account, &system].map(|account| format!("{}: {}", account.public(), operator.account_jwt(account)));
    let lines = vec![
        format!("operator: {}", operator.operator_jwt()),
        format!("system_account: {}", system.public()),
        "resolver: MEMORY".to_owned(),
        format!("resolver_preload: {{ {} }}", known.join(", ")),
    ];
    let nats = Nats::start(&Settings { lines, ..Settings::default() });
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("user.creds");
    let way = format!("  creds_file: {}", file.display());
    let lines = with(bridge(&nats.addr.to_string()), &[&way, "topics: [t]"]);
    let gateway = settings(&[(BRIDGE, lines)]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("user.creds: No such file"), "{line}");
    fs::write(&file, account.credentials(&user)).expect("a file can be written");
    a_message_passes(&gateway);
    let said = gateway.log.lines().join("\n");
    assert!(!said.contains(&user.seed()), "{said}");
    let stranger = Keys::new(Kind::Account);
    fs::write(&file, stranger.credentials(&user)).expect("a file can be written");
    does_not_get_in(&nats, &way, "`creds_file`");
}

#[test]
fn a_password_from_the_environment_logs_in() {
    // Everybody has this one, and the gateway inherits it.
    let secret = std::env::var("PATH").expect("there is a path");
    let nats = Nats::start(&Settings { login: Some(Login::new("alice", &secret)), ..Settings::default() });
    let way = "  username: alice\n      password: { environment: PATH }".to_owned();
    all_get_in(&nats, &[way], &secret);
}
