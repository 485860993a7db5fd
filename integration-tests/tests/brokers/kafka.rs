//! Kafka, by its own command line tools.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use frontier_integration_tests::brokers::{Kafka, Login, Settings};
use frontier_integration_tests::tool::Done;

use crate::{Certificates, KEPT, goes_and_comes_back, message, side_by_side, two_logins};

/// A JVM starts for every tool, beside two for the brokers.
const TOOL_PATIENCE: Duration = Duration::from_secs(180);

/// API versions, version 0: the one request that is answered before a login.
const API_VERSIONS: &[u8] = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff";

#[test]
fn kafka_keeps_what_it_acknowledged() {
    let mut kafka = Kafka::start(&Settings::default());
    let addr = kafka.addr;
    let lines: Vec<String> = (0..KEPT).map(message).collect();
    let produce = Kafka::tool("org.apache.kafka.tools.ConsoleProducer", "--topic kept --bootstrap-server");
    let produced = produce.arg(&addr.to_string()).run_within(TOOL_PATIENCE, (lines.join("\n") + "\n").as_bytes());
    assert_eq!(produced.code, 0, "{}", produced.err);
    goes_and_comes_back(&mut kafka.broker, || {
        let which = format!("--topic kept --partition 0 --offset earliest --max-messages {KEPT} --timeout-ms 30000");
        let consume = Kafka::tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &which);
        let read = consume.words(&format!("--bootstrap-server {addr}")).run_within(TOOL_PATIENCE, b"");
        assert_eq!(read.text().lines().collect::<Vec<_>>(), lines, "{}", read.err);
    });
}

#[test]
fn two_kafka_with_logins_and_tls() {
    let (certificates, logins) = (Certificates::new(), two_logins());
    let both = side_by_side(Kafka::start, &logins.each_ref().map(|login| certificates.settings(login)));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (kafka, login) in both.iter().zip(&logins) {
        let secure = client_properties(folder.path(), Some(&certificates), "SCRAM-SHA-512", login);
        let listed = topics(kafka.tls.expect("TLS is on"), &secure);
        assert_eq!(listed.code, 0, "{}", listed.err);
        // Length, correlation, error code.
        let good = |answer: &[u8; 10]| answer[4..] == [0, 0, 0, 7, 0, 0];
        certificates.are_wanted(kafka.tls.expect("TLS is on"), API_VERSIONS, good);
    }
    let [mut first, second] = both;
    let wrong = client_properties(folder.path(), None, "PLAIN", &logins[0]);
    let refused = topics(second.addr, &wrong);
    assert_ne!(refused.code, 0);
    let said = refused.text().to_owned() + &refused.err;
    assert!(said.contains("SaslAuthenticationException"), "{said}");
    first.broker.kill();
    second.broker.ask().expect("the other one is not concerned");
}

fn topics(addr: SocketAddr, properties: &Path) -> Done {
    let list = Kafka::tool("org.apache.kafka.tools.TopicCommand", &format!("--list --bootstrap-server {addr}"));
    list.arg("--command-config").arg(&properties.display().to_string()).run_within(TOOL_PATIENCE, b"")
}

/// A client's configuration: this login, over TLS if there are certificates.
fn client_properties(folder: &Path, tls: Option<&Certificates>, mechanism: &str, login: &Login) -> PathBuf {
    let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
    let Login { user, password } = login;
    let module = format!("org.apache.kafka.common.security.{module} required");
    let mut lines = vec![
        format!("sasl.mechanism={mechanism}"),
        format!("sasl.jaas.config={module} username=\"{user}\" password=\"{password}\";"),
    ];
    if let Some(Certificates { authority, client }) = tls {
        let own = folder.join("client.pem");
        let read = |file: &Path| fs::read_to_string(file).expect("a file of ours can be read");
        fs::write(&own, read(&client.key) + &read(&client.cert)).expect("a temporary file can be written");
        lines.extend([
            "security.protocol=SASL_SSL".to_owned(),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={}", authority.file().display()),
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={}", own.display()),
        ]);
    } else {
        lines.push("security.protocol=SASL_PLAINTEXT".to_owned());
    }
    let file = folder.join(format!("{user}.properties"));
    fs::write(&file, lines.join("\n")).expect("a temporary file can be written");
    file
}
