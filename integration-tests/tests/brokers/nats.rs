//! NATS, by its own protocol.

use std::io::{Read, Write};
use std::net::SocketAddr;

use frontier_integration_tests::brokers::{Login, Nats, Settings};
use serde_json::{Value, json};

use crate::talk::{answers, dial, line, say};
use crate::{Certificates, KEPT, goes_and_comes_back, message, side_by_side, two_logins};

#[test]
fn nats_passes_messages_on_and_keeps_those_of_a_stream() {
    let mut nats = Nats::start(&Settings::default());
    let mut client = dial(nats.addr);
    assert!(line(&mut client).starts_with("INFO {"));
    answers(&mut client, "CONNECT {\"verbose\":false}\r\nSUB loose 1\r\nPING\r\n", &["PONG"]);
    answers(&mut client, "PUB loose 5\r\nhello\r\n", &["MSG loose 1 5", "hello"]);

    let stream = json!({ "name": "KEPT", "subjects": ["kept.>"], "storage": "file" });
    let created = request(nats.addr, "$JS.API.STREAM.CREATE.KEPT", &stream.to_string());
    assert_eq!(created["error"], Value::Null);
    for number in 0..KEPT {
        let stored = request(nats.addr, "kept.x", &message(number));
        assert_eq!(stored["seq"], number + 1);
    }
    let addr = nats.addr;
    goes_and_comes_back(&mut nats.broker, || {
        let info = request(addr, "$JS.API.STREAM.INFO.KEPT", "");
        assert_eq!(info["state"]["messages"], KEPT);
    });
}

/// Publishes with a subject for the answer, and returns the answer.
#[track_caller]
fn request(addr: SocketAddr, subject: &str, payload: &str) -> Value {
    let mut client = dial(addr);
    assert!(line(&mut client).starts_with("INFO {"));
    say(&mut client, "CONNECT {\"verbose\":false}\r\nSUB answer 1\r\n");
    say(&mut client, &format!("PUB {subject} answer {}\r\n{payload}\r\n", payload.len()));
    let head = line(&mut client);
    assert!(head.starts_with("MSG answer 1 "), "{head}");
    serde_json::from_str(&line(&mut client)).expect("JetStream answers in JSON")
}

#[test]
fn two_nats_with_logins_and_tls() {
    let (certificates, logins) = (Certificates::new(), two_logins());
    let mut settings = logins.each_ref().map(|login| certificates.settings(login));
    settings[1].lines.push("max_payload: 2048".to_owned());
    let both = side_by_side(Nats::start, &settings);
    for (nats, limit) in both.iter().zip([1 << 20, 2048]) {
        let info = line(&mut dial(nats.addr));
        assert!(info.contains(&format!("\"max_payload\":{limit}")), "{info}");
    }
    for (nats, login) in both.iter().zip(&logins) {
        let mut clear = dial(nats.addr);
        line(&mut clear);
        assert_eq!(login_answer(&mut clear, login), "PONG");

        // The server says INFO in clear text, and then waits for the handshake.
        let mut socket = dial(nats.addr);
        let info = line(&mut socket);
        assert!(info.contains("\"tls_available\":true"), "{info}");
        let mut secure = certificates.known().over(socket).expect("a handshake");
        assert_eq!(login_answer(&mut secure, login), "PONG");

        let mut socket = dial(nats.addr);
        line(&mut socket);
        let turned_away = certificates.unknown().over(socket).and_then(|mut stream| stream.read_exact(&mut [0]));
        turned_away.expect_err("a client without a certificate is turned away");
    }
    let [mut first, second] = both;
    let mut clear = dial(second.addr);
    line(&mut clear);
    assert_eq!(login_answer(&mut clear, &logins[0]), "-ERR 'Authorization Violation'");
    first.broker.kill();
    second.broker.ask().expect("the other one is not concerned");
}

fn login_answer(stream: &mut (impl Read + Write), login: &Login) -> String {
    let options = json!({ "verbose": false, "user": login.user, "pass": login.password });
    say(stream, &format!("CONNECT {options}\r\nPING\r\n"));
    line(stream)
}
