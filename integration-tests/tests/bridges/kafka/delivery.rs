//! How records are sent: codecs, acks, keys, and what the client gives up.

use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{Load, counters, is};
use frontier_integration_tests::brokers::{Kafka, KafkaLog, Settings};
use frontier_integration_tests::raw::{Body, Client, Hello, time};
use frontier_integration_tests::{Gateway, eventually};

use super::{Server, TOOL_PATIENCE, publish};
use crate::scenarios::everything_acked_is_there;
use crate::{BRIDGE, Target, settings};

/// The lines of a bridge that takes `topic`, with `kafka` below its kind.
fn bridge(server: &Server, topic: &str, kafka: &str) -> Vec<String> {
    vec![
        format!("topics: [\"{topic}\"]"),
        "kafka:".to_owned(),
        format!("  addrs: [\"{}\"]", server.addr()),
        format!("  {kafka}"),
    ]
}

#[test]
fn every_codec_is_used_and_read_back() {
    let server = Server::start(&Settings::default(), &["z-gzip", "z-snappy", "z-lz4", "z-zstd"]);
    let codecs = [("gzip", 1, 9), ("snappy", 2, -1), ("lz4", 3, 12), ("zstd", 4, 3)];
    let bridges = codecs.map(|(codec, _, level)| {
        (
            codec,
            bridge(&server, &format!("z-{codec}"), &format!("compression: {codec}\n      compression_level: {level}")),
        )
    });
    let gateway = settings(&bridges).start();
    let mut edge = Client::edge(gateway.edge);
    for (codec, number, _) in codecs {
        let topic = format!("z-{codec}");
        assert_eq!(publish(&mut edge, &topic, format!("{codec} {}", "x".repeat(2_000)).as_bytes()), Ok(()), "{codec}");
        let used = KafkaLog::new(server.kafka.inside, &topic, 0).codecs().expect("Kafka tells what it has").to_vec();
        assert_eq!(used, [number], "{codec}");
    }
    let consumer = "--include z-.* --from-beginning --max-messages 4 --timeout-ms 30000";
    let consume = Kafka::tool("org.apache.kafka.tools.consumer.ConsoleConsumer", consumer);
    let read = consume.words(&format!("--bootstrap-server {}", server.kafka.inside)).run_within(TOOL_PATIENCE, b"");
    let mut begun: Vec<&str> =
        read.text().lines().filter_map(|line| line.split_once(' ')).map(|(codec, _)| codec).collect();
    begun.sort_unstable();
    assert_eq!(begun, ["gzip", "lz4", "snappy", "zstd"], "{}", read.err);
}

/// A broker that is not there is no reason to leave those that are.
#[test]
fn the_first_of_several_addresses_may_be_dead() {
    let mut server = Server::start(&Settings::default(), &["t"]);
    let addrs = format!("addrs: [\"127.0.0.1:1\", \"{}\"]", server.addr());
    let lines = ["topics: [t]".to_owned(), "kafka:".to_owned(), format!("  {addrs}")];
    let gateway = settings(&[(BRIDGE, lines.into())]).start();
    let mut edge = Client::edge(gateway.edge);
    assert_eq!(publish(&mut edge, "t", b"x"), Ok(()));
    assert_eq!(server.stored("t").len(), 1);
    assert!(is(&gateway, BRIDGE, "up"));
}

/// As many records as go together are sent at once, however long they could linger; fewer wait for more.
#[test]
fn a_batch_that_is_full_does_not_linger() {
    let server = Server::start(&Settings::default(), &["own", "mqm"]);
    let own = bridge(&server, "own", "linger_ms: 60000\n      properties: { batch.num.messages: \"3\" }");
    let mut settings = settings(&[("own", own)]);
    settings.sections += &format!(
        "mqm:
  kafka:
    enable: true
    addrs: [\"{}\"]
    producer: {{ topics: [mqm], flush: {{ messages: 3, max_messages: 100, frequency: 60 }} }}
",
        server.addr()
    );
    let gateway = settings.start();
    let mut edge = Client::edge(gateway.edge);
    for (topic, name) in [("own", "own"), ("mqm", "mqm.kafka")] {
        let mut sent: Vec<u64> = (0..4).map(|_| edge.message(&Body::new().topic(topic).value(b"x"))).collect();
        for packet in sent.drain(..3) {
            assert_eq!(edge.acked(packet), Ok(()), "{name}");
        }
        let held = eventually("it has the fourth", || {
            let counters = counters(&gateway, name);
            (counters["matched"] == 4).then_some(counters)
        });
        assert_eq!((held["delivered"], held["queued"]), (3, 1), "{name}");
        sent.extend((0..2).map(|_| edge.message(&Body::new().topic(topic).value(b"x"))));
        for packet in sent {
            assert_eq!(edge.acked(packet), Ok(()), "{name}");
        }
    }
}

/// With any number of acks, with and without idempotence, everything arrives in the order of its edge; the key decides the
/// partition, or chance.
#[test]
fn acks_and_keys_are_as_configured() {
    let mut server = Server::start(&Settings::default(), &["all", "leader", "none"]);
    server.make(&["murmur2", "consistent", "fnv1a", "random"], 4, &[]);
    let gateway = settings(&[
        ("all", bridge(&server, "all", "idempotence: false")),
        ("leader", bridge(&server, "leader", "acks: leader")),
        ("none", bridge(&server, "none", "acks: none")),
        ("murmur2", by_site(bridge(&server, "murmur2", "linger_ms: 0"))),
        ("random", bridge(&server, "random", "partitioner: random")),
        ("consistent", by_site(bridge(&server, "consistent", "partitioner: consistent"))),
        ("fnv1a", by_site(bridge(&server, "fnv1a", "partitioner: fnv1a"))),
    ])
    .start();
    for topic in ["all", "leader", "none"] {
        eventually("it is up", || is(&gateway, topic, "up").then_some(()));
        let load = Load::start(gateway.edge, 4, topic, Duration::ZERO);
        eventually("acks", || (load.acked() >= 400).then_some(()));
        let told = load.stop();
        assert!(told.iter().all(|told| told.refused.is_empty()), "{topic}: {told:?}");
        everything_acked_is_there(&mut server, topic, &told);
    }
    spread(&gateway, &server);
}

/// Where these keys belong among four partitions: as Java's client puts them, by their CRC32, and as Sarama puts them.
const PLACES: [(&str, [(&str, i32); 3]); 4] = [
    ("north", [("murmur2", 2), ("consistent", 2), ("fnv1a", 0)]),
    ("south", [("murmur2", 3), ("consistent", 0), ("fnv1a", 2)]),
    ("east", [("murmur2", 2), ("consistent", 2), ("fnv1a", 0)]),
    ("west", [("murmur2", 1), ("consistent", 2), ("fnv1a", 2)]),
];

/// A bridge whose key is the edge's site.
fn by_site(bridge: Vec<String>) -> Vec<String> {
    [bridge, vec!["key: ${meta.site}".to_owned()]].concat()
}

#[track_caller]
fn spread(gateway: &Gateway, server: &Server) {
    let read = |topic: &str, partition| {
        let mut log = KafkaLog::new(server.kafka.inside, topic, partition);
        log.read().expect("Kafka tells what it has").to_vec()
    };
    for (site, places) in PLACES {
        let mut edge = Client::connect(gateway.edge, &Hello::edge(format!("{{\"site\":\"{site}\"}}").as_bytes()));
        for (topic, partition) in places {
            assert_eq!(publish(&mut edge, topic, site.as_bytes()), Ok(()));
            let there = read(topic, partition).iter().any(|record| record.key.as_deref() == Some(site));
            assert!(there, "{topic}: {site} is not in partition {partition}");
        }
        for number in 0..16 {
            assert_eq!(publish(&mut edge, "random", format!("{number}").as_bytes()), Ok(()));
        }
    }
    let used = (0..4).filter(|partition| !read("random", *partition).is_empty()).count();
    assert!(used > 1, "chance has chosen one partition 64 times");
}

/// A topic that is not there and is not made is an error within seconds, and holds up nobody else.
#[test]
fn an_unknown_topic_is_refused_and_others_pass() {
    let broker = Settings { lines: vec!["auto.create.topics.enable=false".to_owned()], ..Settings::default() };
    let server = Server::start(&broker, &["t"]);
    let gateway = settings(&[(BRIDGE, bridge(&server, "*", "linger_ms: 0"))]).start();
    gateway.logged("bridge up");
    let (mut lost, mut other) = (Client::edge(gateway.edge), Client::edge(gateway.edge));
    let begun = Instant::now();
    let sent = lost.message(&Body::new().topic("nowhere").value(b"x").deadline(&time::from_now(30)));
    assert_eq!(publish(&mut other, "t", b"1"), Ok(()));
    let error = lost.acked(sent).expect_err("it goes nowhere");
    assert!(error.starts_with("bridge \"b\" (kafka 127.0.0.1:") && error.contains("Unknown topic"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(publish(&mut other, "t", b"2"), Ok(()));
    assert!(is(&gateway, BRIDGE, "up"));
    assert_eq!(gateway.log.count("bridge down"), 0);
}

/// What is not confirmed within `delivery_timeout_ms` is given up, though its publisher would wait.
#[test]
fn a_delivery_that_takes_too_long_is_given_up() {
    let mut server = Server::start(&Settings::default(), &["t"]);
    let gateway = settings(&[(BRIDGE, bridge(&server, "t", "delivery_timeout_ms: 1000"))]).start();
    let mut edge = Client::edge(gateway.edge);
    // On a busy machine the broker itself may take longer at first, and when it has stood still.
    let passes = |edge: &mut Client, value| eventually("it is taken", || publish(edge, "t", value).ok());
    passes(&mut edge, b"1");
    server.broker().freeze();
    let sent = edge.message(&Body::new().topic("t").value(b"2").deadline(&time::from_now(300)));
    let error = edge.acked(sent).expect_err("it stands still");
    assert!(error.ends_with("not confirmed within 1000 ms, which is delivery_timeout_ms"), "{error}");
    server.broker().thaw();
    passes(&mut edge, b"3");
}
