//! Logins and certificates.

use std::net::Ipv4Addr;
use std::time::Duration;

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::brokers::{Login, Settings, Tls};
use frontier_integration_tests::certificates::Authority;
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, Proxy, eventually};

use crate::{Access, BRIDGE, Target, check, gateway, settings, with};

#[track_caller]
fn a_message_arrives<T: Target>(gateway: &Gateway, target: &mut T, value: &str) {
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("t").value(value.as_bytes()));
    assert_eq!(edge.acked(sent), Ok(()));
    eventually("it is there", || {
        target.stored("t").iter().any(|record| record.payload == value.as_bytes()).then_some(())
    });
}

/// TLS with a certificate of our own and a login, the address by its name; who does not trust the broker, or has no
/// certificate, stays down and says why; so does who reaches it by a name that it has no certificate for. Who asks no broker
/// for a certificate comes in.
pub(crate) fn tls_and_login_are_wanted_and_given<T: Target>() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let login = Login::new("alice", "wonder-1");
    let tls = Tls::by(&ours, "broker").with_clients();
    let broker = Settings { tls: Some(tls), login: Some(login.clone()), ..Settings::default() };
    let mut target = T::start(&broker, &["t"]);
    let addr = target.tls_addr().expect("it speaks TLS");
    let client = ours.pair("client", "client.test");
    let lines_at = |addr: &str, authority: &Authority, own| {
        let access = Access { tls: Some((authority.file(), own)), ..Access::by(&login) };
        with(T::bridge(addr, &access), &["topics: [t]"])
    };
    let at = format!("localhost:{}", addr.port());
    let lines = |authority: &Authority, own| lines_at(&at, authority, own);
    let gateway = gateway(lines(&ours, Some(client.clone())));
    a_message_arrives(&gateway, &mut target, "over TLS");
    drop(gateway);
    let elsewhere = Proxy::at((Ipv4Addr::new(127, 0, 0, 2), 0).into());
    elsewhere.aim(addr);
    let misnamed = lines_at(&elsewhere.addr.to_string(), &ours, Some(client.clone()));
    for refused in [lines(&others, Some(client.clone())), misnamed] {
        let gateway = settings(&[(BRIDGE, refused)]).start();
        let line = gateway.logged("bridge down");
        assert!(line.contains("certificate"), "{line}");
        assert!(!is(&gateway, BRIDGE, "up"));
    }
    let any = lines(&others, Some(client)).join("\n").replace("  tls:", "  tls:\n    insecure_skip_verify: true");
    let gateway = crate::gateway(any.lines().map(str::to_owned).collect());
    a_message_arrives(&gateway, &mut target, "to whomever");
    drop(gateway);
    let gateway = settings(&[(BRIDGE, lines(&ours, None))]).start();
    let line = gateway.logged("bridge down");
    // Who asks for it says so behind the handshake, and closes at once: that can come first.
    let why = line.to_lowercase();
    assert!(["certificate", "reset by peer", "broken pipe"].iter().any(|word| why.contains(word)), "{line}");
    assert!(!is(&gateway, BRIDGE, "up"));
}

/// A wrong password is told as such, is never printed, and a right one in its file is taken up without a restart.
pub(crate) fn a_wrong_password_is_told_and_a_right_one_taken_up<T: Target>() {
    let login = Login::new("alice", "wonder-1");
    let broker = Settings { login: Some(login.clone()), ..Settings::default() };
    let mut target = T::start(&broker, &["t"]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong-7\n").expect("a file can be written");
    let access = Access { login: Some((login.user, format!("{{ file: {} }}", file.display()))), tls: None };
    let lines = with(T::bridge(&target.addr().to_string(), &access), &["topics: [t]"]);
    let gateway = settings(&[(BRIDGE, lines)]).start();
    let line = gateway.logged("bridge down");
    let is_why = |told: &str| {
        let told = told.to_lowercase();
        ["auth", "refused", "credential", "login", "password"].iter().any(|word| told.contains(word))
    };
    assert!(is_why(&line), "{line}");
    let (code, refused) = check(&gateway.file());
    assert!(code == Some(1) && is_why(&refused), "{refused}");
    let mut edge = Client::edge(gateway.edge);
    let waits = edge.message(&Body::new().topic("t").value(b"waits"));
    std::fs::write(&file, "wonder-1\r\n").expect("a file can be written");
    eventually_within(Duration::from_secs(60), "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
    assert_eq!(edge.acked(waits), Ok(()));
    a_message_arrives(&gateway, &mut target, "later");
    let (code, connected) = check(&gateway.file());
    assert!(code == Some(0) && connected.ends_with(": connected\n"), "{connected}");
    let said = [gateway.log.lines().join("\n"), refused, connected].concat();
    assert!(!said.contains("wrong-7") && !said.contains("wonder-1"), "{said}");
}

/// Users and passwords with characters that mean something in URLs and shells: `login` is set up at the broker as it stands.
pub(crate) fn odd_passwords_are_taken_as_they_stand<T: Target>(settings: &Settings, login: &Login) {
    let mut target = T::start(settings, &["t"]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("password");
    let by_value = format!("{{ value: '{}' }}", login.password.replace('\'', "''"));
    let by_file = format!("{{ file: {} }}", file.display());
    for (password, ending) in [(by_value, ""), (by_file.clone(), ""), (by_file.clone(), "\n"), (by_file, "\r\n")] {
        std::fs::write(&file, format!("{}{ending}", login.password)).expect("a file can be written");
        let access = Access { login: Some((format!("'{}'", login.user), password)), tls: None };
        let gateway = gateway(with(T::bridge(&target.addr().to_string(), &access), &["topics: [t]"]));
        a_message_arrives(&gateway, &mut target, ending);
        assert!(!gateway.log.lines().join("\n").contains(&login.password), "it is never printed");
    }
}
