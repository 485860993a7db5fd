//! The section `mqm` of the Go gateway, and `frontier check --connect`.

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::brokers::{Login, Nats, Redis, RedisClient, Settings as BrokerSettings};
use frontier_integration_tests::raw::{Body, Client};
use frontier_integration_tests::{Settings, eventually};

use crate::{Target, amqp, kafka, nats};

/// What the Go gateway's users have in their files, to these brokers.
fn mqm(kafka: &kafka::Server, amqp: &amqp::Own, nats: &nats::JetStream, redis: &Redis) -> String {
    format!(
        "mqm:
  kafka:
    enable: true
    addrs: [\"{kafka}\"]
    producer: {{ topics: [k, shared], async: true, required_acks: -1, idepotent: true }}
  amqp:
    enable: true
    addrs: [\"guest:guest@{amqp}/%2f\"]
    queues: [{{ name: a, durable: true, exclustive: false }}]
    queuebindings: [{{ queue_name: a, exchange_name: amq.topic, binding_key: a }}]
    producer: {{ routing_keys: [a], exchange: amq.topic, delivery_mode: 2, headers: {{ site: lab }} }}
  nats:
    enable: true
    addrs: [\"nats://{nats}\"]
    jetstream: {{ enable: true, name: {stream}, producer: {{ subjects: [n] }} }}
  redis:
    enable: true
    addrs: [\"{redis}\"]
    producer: {{ channels: [r] }}
",
        kafka = kafka.addr(),
        amqp = amqp.addr(),
        nats = nats.addr(),
        stream = nats::STREAM,
        redis = redis.addr,
    )
}

#[test]
fn the_go_gateways_form_works_for_every_broker() {
    let mut kafka = kafka::Server::start(&Default::default(), &["k", "shared"]);
    let mut amqp = amqp::Own::start(&Default::default(), &[]);
    // The stream is there already: the Go gateway fails to start with one.
    let mut nats = nats::JetStream::start(&Default::default(), &["n"]);
    let redis = Redis::start(&Default::default());
    let mut listener = RedisClient::connect(redis.addr, None);
    listener.ask(&["SUBSCRIBE", "r"]);
    let sections = mqm(&kafka, &amqp, &nats, &redis);
    let gateway = Settings { sections, ..Settings::default() }.start();
    for bridge in ["mqm.kafka", "mqm.amqp", "mqm.nats", "mqm.redis"] {
        eventually(bridge, || is(&gateway, bridge, "up").then_some(()));
    }
    let mut edge = Client::edge(gateway.edge);
    for topic in ["k", "a", "n", "r"] {
        let sent = edge.message(&Body::new().topic(topic).value(topic.as_bytes()));
        assert_eq!(edge.acked(sent), Ok(()), "{topic}");
    }
    let id = edge.id.to_string();
    for (stored, payload) in [(kafka.stored("k"), "k"), (amqp.stored("a"), "a"), (nats.stored("n"), "n")] {
        assert_eq!(stored.len(), 1, "{payload}");
        assert_eq!((&*stored[0].payload, &stored[0].headers["frontier-edge-id"]), (payload.as_bytes(), &id));
    }
    assert_eq!(amqp.stored("a")[0].headers["site"], "lab");
    assert_eq!(listener.reply().expect("it is listened to").list()[2].bytes(), b"r");

    // With a service beside it one of the two gets a message, as in the Go gateway.
    let mut service = Client::service(gateway.service, "svc", &["shared"]);
    let sent: Vec<u64> = (0..20)
        .map(|_| {
            let mut edge = Client::edge(gateway.edge);
            let sent = edge.message(&Body::new().topic("shared").value(b"x"));
            eventually("one of them has it", || {
                if let Some(message) = service.unasked().into_iter().next() {
                    service.ack(&message);
                }
                edge.try_next(std::time::Duration::from_millis(5))
                    .ok()
                    .map(|ack| assert_eq!(ack.outcome(), Ok(Vec::new())))
            });
            sent
        })
        .collect();
    let at_kafka = kafka.stored("shared").len();
    assert!((1..20).contains(&at_kafka), "{at_kafka} of {} at Kafka, the others at the service", sent.len());
}

/// Core NATS, and a stream that is not there yet; the login stands in the address.
#[test]
fn nats_in_the_go_gateways_form_is_core_or_a_stream_that_is_made() {
    let login = Login::new("alice", "wonder-1");
    let nats = Nats::start(&BrokerSettings { login: Some(login.clone()), ..BrokerSettings::default() });
    let start = |lines: &str| {
        let addr = format!("nats://alice:wonder-1@{}", nats.addr);
        let sections = format!("mqm:\n  nats:\n    enable: true\n    addrs: [\"{addr}\"]\n    {lines}\n");
        let gateway = Settings { sections, ..Settings::default() }.start();
        eventually("it is up", || is(&gateway, "mqm.nats", "up").then_some(()));
        gateway
    };
    let mut client = nats::Client::connect(nats.addr, Some(&login));
    client.subscribe("core.>");
    let gateway = start("producer: { subjects: [core.a] }");
    let mut edge = Client::edge(gateway.edge);
    let sent = edge.message(&Body::new().topic("core.a").value(b"1"));
    assert_eq!(edge.acked(sent), Ok(()));
    let message = client.next();
    assert_eq!((&*message.subject, &*message.arrived.payload), ("core.a", &b"1"[..]));
    assert_eq!(message.arrived.headers["frontier-edge-id"], edge.id.to_string());
    assert_eq!(gateway.log.count("wonder-1"), 0);

    let gateway = start("jetstream: { enable: true, name: MADE, producer: { subjects: [kept.a, kept.b] } }");
    let mut edge = Client::edge(gateway.edge);
    for topic in ["kept.a", "kept.b"] {
        let sent = edge.message(&Body::new().topic(topic).value(topic.as_bytes()));
        assert_eq!(edge.acked(sent), Ok(()), "{topic}");
    }
    let (stored, _) = nats::Client::connect(nats.addr, Some(&login)).stored("MADE", 0);
    let stored: Vec<_> = stored.iter().map(|message| (&*message.subject, &*message.arrived.payload)).collect();
    assert_eq!(stored, [("kept.a", &b"kept.a"[..]), ("kept.b", b"kept.b")]);
}

#[test]
fn a_check_connects_to_every_broker_and_says_what_is_wrong() {
    let redis = Redis::start(&Default::default());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("frontier.yaml");
    let bridge = |name: &str, lines: &str| format!("  - name: {name}\n    topics: [t]\n    {lines}\n");
    let good = bridge("good", &format!("redis: {{ addrs: [\"{}\"] }}", redis.addr));
    let check = |bridges: &[&str]| {
        std::fs::write(&file, format!("bridges:\n{}", bridges.concat())).expect("a file can be written");
        crate::check(&file)
    };
    let (code, said) = check(&[&good]);
    assert_eq!((code, said), (Some(0), format!("bridge \"good\" (redis {}): connected\n", redis.addr)));

    let lines = [
        "kafka: { addrs: [\"127.0.0.1:1\"] }",
        "amqp: { addrs: [\"127.0.0.1:1\"] }",
        "nats: { addrs: [\"127.0.0.1:1\"] }",
        "mqtt: { addr: \"127.0.0.1:1\" }",
        "redis: { addrs: [\"no-such-host.invalid:1\"] }",
    ];
    let bad: Vec<String> = lines.iter().enumerate().map(|(at, lines)| bridge(&format!("b{at}"), lines)).collect();
    let all: Vec<&str> = [&*good].into_iter().chain(bad.iter().map(|bridge| &**bridge)).collect();
    let (code, said) = check(&all);
    let told: Vec<&str> = said.lines().collect();
    assert_eq!((code, told.len()), (Some(1), 6), "{said}");
    assert!(told[0].ends_with("connected"), "{said}");
    for (at, line) in told[1..5].iter().enumerate() {
        assert!(line.starts_with(&format!("bridge \"b{at}\" (")) && line.contains("refused"), "{line}");
    }
    assert!(told[5].contains("cannot resolve no-such-host.invalid"), "{said}");
}
