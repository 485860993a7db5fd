//! Mosquitto, by its own clients.

use std::net::SocketAddr;

use frontier_integration_tests::brokers::{Login, Mosquitto, Settings};
use frontier_integration_tests::tool::{Done, Tool};

use crate::{Certificates, KEPT, goes_and_comes_back, message, side_by_side, two_logins};

#[test]
fn mosquitto_keeps_what_it_acknowledged() {
    let mut mosquitto = Mosquitto::start(&Settings::default());
    let addr = mosquitto.addr;
    // A session per death, since reading from one empties it.
    for session in ["killed", "stopped"] {
        let subscribed = client("mosquitto_sub", addr).words(&format!("-t kept -q 1 -c -E -i {session}")).run(b"");
        assert_eq!(subscribed.code, 0, "{}", subscribed.err);
    }
    let lines: Vec<String> = (0..KEPT).map(message).collect();
    let published = client("mosquitto_pub", addr).words("-t kept -q 1 -l").run((lines.join("\n") + "\n").as_bytes());
    assert_eq!(published.code, 0, "{}", published.err);

    let mut sessions = ["killed", "stopped"].into_iter();
    goes_and_comes_back(&mut mosquitto.broker, || {
        let session = sessions.next().expect("there is one for each look");
        let read = client("mosquitto_sub", addr).words(&format!("-t kept -q 1 -c -C {KEPT} -W 15 -i {session}"));
        let read = read.run(b"");
        assert_eq!(read.text().lines().collect::<Vec<_>>(), lines, "{}", read.err);
    });
}

/// A client that speaks MQTT 3.1.1.
fn client(program: &str, addr: SocketAddr) -> Tool {
    Tool::installed(program, &format!("-h 127.0.0.1 -p {}", addr.port()))
}

#[test]
fn two_mosquitto_with_logins_and_tls() {
    let (certificates, logins) = (Certificates::new(), two_logins());
    let both = side_by_side(Mosquitto::start, &logins.each_ref().map(|login| certificates.settings(login)));
    let files = [
        ("--cafile", certificates.authority.file()),
        ("--cert", certificates.client.cert.clone()),
        ("--key", certificates.client.key.clone()),
    ];
    for (mosquitto, login) in both.iter().zip(&logins) {
        let secure = client("mosquitto_pub", mosquitto.tls.expect("TLS is on"));
        let secure = files.iter().fold(secure, |tool, (name, file)| tool.arg(name).arg(&file.display().to_string()));
        for tool in [client("mosquitto_pub", mosquitto.addr), secure] {
            let published = publish(tool, login);
            assert_eq!(published.code, 0, "{}", published.err);
        }
        certificates.are_wanted(mosquitto.tls.expect("TLS is on"), ANONYMOUS, |answer| *answer == [0x20, 2, 0, 5]);
    }
    let [mut first, second] = both;
    let refused = publish(client("mosquitto_pub", second.addr), &logins[0]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    first.broker.kill();
    second.broker.ask().expect("the other one is not concerned");
}

/// CONNECT of MQTT 3.1.1 without a login: the CONNACK says 5, not authorised.
const ANONYMOUS: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";

fn publish(tool: Tool, login: &Login) -> Done {
    tool.words(&format!("-u {} -P {} -t greeting -q 1 -m hello", login.user, login.password)).run(b"")
}
