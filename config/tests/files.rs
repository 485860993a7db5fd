//! Files that are accepted, and files that are refused with their message.
//!
//! `invalid/NAME.yaml` is refused with the one line in `invalid/NAME.txt`.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use frontier_config::{
    Acks, Backend, CertKey, Config, Delivery, Format, HashBy, Level, Limits, MqttVersion, Output, RedisForm,
    SaslMechanism, Secret, TlsClient, TlsServer, Verify, WhenFull,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no files in {}", folder.display());
    files
}

fn load(name: &str) -> Config {
    Config::load(&folder(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_valid_file_loads() {
    for file in yaml_files(&folder("tests/valid")) {
        if let Err(error) = Config::load(&file) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_invalid_file_is_refused_with_its_message() {
    let folder = folder("tests/invalid");
    for file in yaml_files(&folder) {
        let expected = fs::read_to_string(file.with_extension("txt"))
            .unwrap_or_else(|error| panic!("the message for {}: {error}", file.display()));
        let error = Config::load(&file).expect_err(&format!("{} is refused", file.display())).to_string();
        let prefix = format!("{}/", folder.display());
        assert_eq!(error.strip_prefix(&prefix), Some(expected.trim_end_matches('\n')), "{}", file.display());
    }
}

#[test]
fn every_key_reaches_its_field() {
    let config = load("tests/valid/every_key.yaml");

    let log = &config.log;
    assert_eq!(log.level, Level::Debug);
    assert_eq!(log.output, Output::Both);
    assert_eq!(log.format, Format::Json);
    assert_eq!(log.file.path, Path::new("/tmp/frontier.log"));
    let file = &log.file;
    assert_eq!((file.max_size, file.max_backups, file.max_age, file.compress), (7, 8, 9, true));
    assert_eq!(config.daemon.frontier_id, "gateway-1");
    assert_eq!(config.exchange.hash_by, HashBy::SrcIp);
    assert!(!config.observability.enable);
    assert_eq!(config.observability.addr.to_string(), "localhost:3");

    let listen = &config.servicebound.listen;
    assert_eq!(listen.addr.to_string(), "127.0.0.1:1");
    assert_eq!(listen.advertised_addr.as_deref(), Some("services.example.com:1"));
    let listen = &config.edgebound.listen;
    assert_eq!(listen.addr.to_string(), "[::1]:2");
    assert_eq!(listen.advertised_addr.as_deref(), Some("edges.example.com:2"));
    assert!(config.edgebound.allocate_edge_ids);
    assert!(config.edgebound.honour_wanted_id);
}

#[test]
fn every_limit_reaches_its_field() {
    let limits = load("tests/valid/every_key.yaml").servicebound.limits;
    assert_eq!(limits.max_message_bytes.get(), 1024);
    assert_eq!(limits.queue_bytes.get(), 67_108_864);
    assert_eq!(limits.unanswered_bytes.get(), 2048);
    assert_eq!(limits.stream_bytes.get(), 4096);
    assert_eq!(limits.unacked_messages.get(), 65_535);
    assert_eq!(limits.handshake, Duration::from_secs(600));
    assert_eq!(limits.stalled_write, Duration::from_secs(3600));
    assert_eq!(limits.settle, Duration::ZERO);
    assert_eq!(limits.max_links.map(NonZeroU32::get), Some(u32::MAX));
    assert_eq!(limits.max_links_per_address.map(NonZeroU32::get), Some(7));
    assert_eq!((limits.max_streams.get(), limits.max_registrations.get()), (1, 2));
}

fn pair(name: &str) -> CertKey {
    CertKey { cert: format!("{name}.pem").into(), key: format!("{name}.key").into() }
}

#[test]
fn tls_means_something_else_for_a_listener_and_for_a_dialer() {
    let config = load("tests/valid/every_key.yaml");
    let cas = vec![PathBuf::from("ca-1.pem"), PathBuf::from("ca-2.pem")];
    let server = TlsServer { certs: vec![pair("a"), pair("b")], client_cas: Some(cas.clone()) };
    assert_eq!(config.servicebound.listen.tls.server(), Some(server));
    assert_eq!(config.edgebound.listen.tls.server(), None);

    let mut tls = config.edgebound.bypass.tls;
    assert_eq!(tls.client(), Some(TlsClient { certs: vec![pair("c")], verify: Verify::SystemRoots }));
    tls.mtls = true;
    tls.ca_certs.clone_from(&cas);
    assert_eq!(tls.client().map(|client| client.verify), Some(Verify::Roots(cas)));
    tls.insecure_skip_verify = true;
    assert_eq!(tls.client().map(|client| client.verify), Some(Verify::Skip));
    tls.enable = false;
    assert_eq!(tls.client(), None);
}

#[test]
fn keys_of_the_ways_in_reach_their_fields() {
    let edgebound = load("tests/valid/every_key.yaml").edgebound;
    assert_eq!(edgebound.hook_grace, Duration::from_secs(600));
    assert!(edgebound.bypass_enable);
    assert_eq!(edgebound.bypass.addrs, ["127.0.0.1:80", "[::1]:80"]);
    assert_eq!(edgebound.bypass_sniff, Duration::from_secs(1));
}

#[test]
fn keys_of_what_is_not_served_yet_reach_their_fields() {
    let config = load("tests/valid/every_key.yaml");
    assert_eq!(config.controlplane.listen.addr.to_string(), "127.0.0.1:4");
    assert_eq!(config.dao.backend, Backend::Memory);
    assert_eq!(config.dao.sqlite.path.as_deref(), Some(Path::new("/tmp/frontier.db")));
    assert_eq!(config.frontlas.dial.addrs, ["127.0.0.1:5"]);
    assert_eq!((config.frontlas.metrics.enable, config.frontlas.metrics.interval), (true, 9));
}

#[test]
fn brokers_are_read_as_the_go_gateway_spells_them_and_as_it_should() {
    let mqm = load("tests/valid/every_key_of_the_go_gateway.yaml").mqm;
    assert_eq!(mqm.kafka.producer.topics, ["a", "b"]);
    // What the Go gateway takes as not set keeps its default.
    let producer = &mqm.kafka.producer;
    assert_eq!((producer.max_message_bytes, producer.timeout, producer.retry.max), (1_000_000, 10, 3));
    assert!(mqm.amqp.queues[0].exclusive);
    assert_eq!(mqm.amqp.queue_bindings[0].binding_key, "#");
    assert_eq!(mqm.amqp.producer.headers["site"], "1");
    assert_eq!((mqm.amqp.producer.delivery_mode, mqm.amqp.producer.priority), (2, 255));
    assert_eq!(mqm.nats.jetstream.producer.subjects, ["b"]);
    assert_eq!(mqm.redis.password.as_ref().map(Secret::expose), Some("secret"));

    let mqm = load("tests/valid/misspelt_keys_of_the_go_gateway_put_right.yaml").mqm;
    assert!(mqm.kafka.producer.idempotent);
    assert!(mqm.amqp.queues[0].exclusive);
    assert_eq!(mqm.amqp.queue_bindings[0].queue_name, "q");
}

#[test]
fn bridges_are_read_with_their_kinds() {
    let bridges = load("tests/valid/bridges.yaml").bridges;
    let kafka = bridges[0].kafka.as_ref().unwrap();
    assert_eq!(bridges[0].destination.to_string(), "sensors.${topic}");
    assert_eq!((bridges[0].delivery, bridges[0].when_full), (Delivery::One, WhenFull::Wait));
    assert_eq!((kafka.acks, kafka.sasl.mechanism), (Acks::Leader, SaslMechanism::ScramSha512));
    assert_eq!(kafka.sasl.password.file.as_deref(), Some(Path::new("/run/secrets/kafka")));
    let amqp = bridges[1].amqp.as_ref().unwrap();
    assert_eq!(
        (amqp.vhost.as_str(), amqp.heartbeat, amqp.exchanges[0].kind.as_str()),
        ("a/b", Duration::ZERO, "direct")
    );
    let nats = bridges[2].nats.as_ref().unwrap();
    let password = nats.password.secret(|_| None).unwrap().unwrap();
    assert_eq!(password.expose(), "p#a$s/%41:w@rd é");
    let mqtt = bridges[4].mqtt.as_ref().unwrap();
    assert_eq!((mqtt.version, mqtt.qos), (MqttVersion::V3, 2));
    assert_eq!(bridges[5].redis.as_ref().unwrap().form, RedisForm::PubSub);
    assert_eq!(bridges[6].file.as_ref().unwrap().path, Path::new("/var/lib/frontier/topics.jsonl"));
}

#[test]
fn empty_sections_are_as_if_absent() {
    let mut expected = Config::default();
    expected.edgebound.allocate_edge_ids = false;
    assert_eq!(load("tests/valid/empty_sections.yaml"), expected);
}

#[test]
fn zero_and_less_mean_the_default_of_log_files() {
    assert_eq!(load("tests/valid/go_reads_zero_as_unset.yaml").log, Config::default().log);
}

#[test]
fn merged_keys_yield_to_written_ones() {
    let config = load("tests/valid/aliases_and_merge_keys.yaml");
    assert_eq!(config.servicebound.listen.addr.to_string(), "127.0.0.1:1");
    assert_eq!(config.edgebound.listen.addr.to_string(), "127.0.0.1:2");
    assert_eq!(config.edgebound.limits.queue_bytes, config.servicebound.limits.queue_bytes);
}

#[test]
fn without_a_file_the_conventional_ports_and_local_edge_ids_are_used() {
    let config = Config::default();
    assert_eq!(config.servicebound.listen.addr.to_string(), "0.0.0.0:30011");
    assert_eq!(config.edgebound.listen.addr.to_string(), "0.0.0.0:30012");
    assert!(config.observability.enable);
    assert_eq!(config.observability.addr.to_string(), "0.0.0.0:9091");
    assert!(config.edgebound.allocate_edge_ids);
    assert!(!config.edgebound.honour_wanted_id);
    assert_eq!(config.exchange.hash_by, HashBy::EdgeId);
    assert_eq!(config.servicebound.limits, Limits::service());
    assert_eq!(config.edgebound.limits, Limits::edge());
}

#[test]
fn the_sample_file_says_what_the_embedded_defaults_are() {
    assert_eq!(load("../etc/frontier.yaml"), Config::default());
}
