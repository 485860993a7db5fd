//! Logins and rights.

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::brokers::{Login, Settings};
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::{Body, Client, time};

use super::{Server, publish};
use crate::scenarios::odd_passwords_are_taken_as_they_stand as odd_passwords;
use crate::{Target, settings};

#[test]
fn odd_passwords_are_taken_as_they_stand() {
    let login = Login::new("fr@nt", "p#a$s/%41:w@rd é");
    odd_passwords::<Server>(&Settings { login: Some(login.clone()), ..Settings::default() }, &login);
}

/// Every mechanism lets its user in, and nobody with another password; a topic that the user has no right to is refused at once, and costs no other.
#[test]
fn each_mechanism_logs_in_and_a_missing_right_is_told() {
    let lines = [
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:alice",
    ];
    let login = Login::new("alice", "wonder-1");
    let broker = Settings { login: Some(login), lines: lines.map(str::to_owned).into(), ..Settings::default() };
    let mut server = Server::start(&broker, &["t"]);
    for user in ["bob", "carol"] {
        server.make_user(user, "builder-2");
    }
    server.allow("bob", "--operation Write --topic another");
    let bridge = |topic: &str, mechanism: &str, user: &str, password: &str| {
        vec![
            format!("topics: [{topic}]"),
            "destination: t".to_owned(),
            "kafka:".to_owned(),
            format!("  addrs: [\"{}\"]", server.addr()),
            format!("  sasl: {{ mechanism: {mechanism}, username: {user}, password: {{ value: {password} }} }}"),
            "  properties: { debug: \"conf,security,broker\" }".to_owned(),
        ]
    };
    let bridges = settings(&[
        ("plain", bridge("1", "plain", "alice", "wonder-1")),
        ("scram-256", bridge("2", "scram-sha-256", "alice", "wonder-1")),
        ("scram-512", bridge("3", "scram-sha-512", "alice", "wonder-1")),
        ("bob", bridge("4", "scram-sha-256", "bob", "builder-2")),
        ("carol", bridge("5", "scram-sha-256", "carol", "builder-2")),
        ("wrong-plain", bridge("6", "plain", "alice", "wonder-7")),
        ("wrong-256", bridge("7", "scram-sha-256", "alice", "wonder-7")),
        ("wrong-512", bridge("8", "scram-sha-512", "alice", "wonder-7")),
    ]);
    let sections = bridges.sections + "log: { level: debug }\n";
    let gateway = frontier_integration_tests::Settings { sections, ..Default::default() }.start();
    let mut edge = Client::edge(gateway.edge);
    for topic in ["1", "2", "3"] {
        assert_eq!(publish(&mut edge, topic, topic.as_bytes()), Ok(()), "{topic}");
    }
    for name in ["wrong-plain", "wrong-256", "wrong-512"] {
        let its = |line: &&String| line.contains("bridge down") && line.contains(&format!("bridge=\"{name}\""));
        let line = eventually("it is down", || gateway.log.lines().iter().find(its).cloned());
        assert!(line.contains("SASL") && line.to_lowercase().contains("authentication failed"), "{line}");
        assert!(!is(&gateway, name, "up"));
    }
    let error = publish(&mut edge, "4", b"4").expect_err("he may not write");
    assert!(error.starts_with("bridge \"bob\" (kafka 127.0.0.1:") && error.contains("authorization"), "{error}");
    assert_eq!(publish(&mut edge, "1", b"later"), Ok(()));
    // Who may write nowhere at all gets no producer.
    let sent = edge.message(&Body::new().topic("5").value(b"5").deadline(&time::from_now(8)));
    let error = edge.acked(sent).expect_err("she may not write");
    assert!(error.contains("AuthorizationFailed"), "{error}");
    let ups = || gateway.log.lines().iter().filter(|line| line.contains("bridge up") && line.contains("carol")).count();
    assert!(ups() <= 2, "it does not come up again and again: {}", ups());
    let said = gateway.log.lines();
    assert!(said.iter().any(|line| line.contains("librdkafka") && line.contains("SASL")), "it says all it can");
    assert!(!said.iter().any(|line| line.contains("wonder-") || line.contains("builder-2")), "but for passwords");
    eventually("all are there", || {
        let payloads: Vec<_> = server.stored("t").into_iter().map(|record| record.payload).collect();
        (payloads == [&b"1"[..], b"2", b"3", b"later"]).then_some(())
    });
}
