use super::*;
use crate::mqm::{AmqpProducer, KafkaFlush, KafkaProducer, KafkaRetry, MqmJetStream, NatsProducer, RedisProducer};

fn addrs(texts: &[&str]) -> Vec<BrokerAddr> {
    texts.iter().map(|text| text.parse().expect("any text is one")).collect()
}

fn names(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn written(addrs: &[BrokerAddr]) -> Vec<&str> {
    addrs.iter().map(BrokerAddr::expose).collect()
}

fn said(password: &Credential) -> Option<&str> {
    password.value.as_ref().map(Secret::expose)
}

#[test]
fn what_is_off_makes_no_bridge() {
    assert_eq!(Mqm::default().bridges(), []);
}

#[test]
fn kafka_keeps_its_meaning() {
    let producer = KafkaProducer {
        topics: names(&["a", "*", "b"]),
        required_acks: -1,
        idempotent: true,
        timeout: 7,
        compression_level: 3,
        flush: KafkaFlush { bytes: 2_000, messages: 10, frequency: 2, max_messages: 20 },
        retry: KafkaRetry { max: 5, backoff: 2 },
        ..KafkaProducer::default()
    };
    let mqm = Mqm { kafka: MqmKafka { enable: true, addrs: addrs(&["k:9092"]), producer }, ..Mqm::default() };
    let [bridge] = &mqm.bridges()[..] else { panic!("one bridge") };
    assert_eq!((&*bridge.name, &bridge.topics[..], bridge.fallback), ("mqm.kafka", &names(&["a", "b"])[..], true));
    assert_eq!((bridge.delivery, bridge.headers.enable), (Delivery::One, true));
    let kafka = bridge.kafka.as_ref().expect("it is Kafka");
    assert_eq!((kafka.acks, kafka.is_idempotent(), kafka.compression_level), (Acks::All, true, 3));
    assert_eq!((kafka.linger, kafka.batch_bytes), (Duration::from_secs(2), 2_000));
    let properties: BTreeMap<&str, &str> =
        kafka.properties.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let expected = [
        ("batch.num.messages", "10"),
        ("message.send.max.retries", "5"),
        ("request.timeout.ms", "7000"),
        ("retry.backoff.max.ms", "2000"),
        ("retry.backoff.ms", "2000"),
    ];
    assert_eq!(properties, BTreeMap::from(expected));
}

#[test]
fn kafka_sends_at_the_lesser_of_two_numbers_of_records() {
    for (messages, max_messages, expected) in [
        (3, 10, Some("3")),
        (10, 3, Some("3")),
        (3, 0, Some("3")),
        (0, 3, Some("3")),
        (-1, 3, Some("3")),
        (0, -1, None),
    ] {
        let flush = KafkaFlush { messages, max_messages, ..KafkaFlush::default() };
        let producer = KafkaProducer { topics: names(&["a"]), flush, ..KafkaProducer::default() };
        let mqm = Mqm { kafka: MqmKafka { enable: true, addrs: addrs(&["k:9092"]), producer }, ..Mqm::default() };
        let kafka = mqm.bridges().remove(0).kafka.expect("it is Kafka");
        assert_eq!(
            kafka.properties.get("batch.num.messages").map(Secret::expose),
            expected,
            "{messages} {max_messages}"
        );
    }
}

#[test]
fn kafka_without_options_is_acked_by_the_leader() {
    let producer = KafkaProducer { topics: names(&["a"]), ..KafkaProducer::default() };
    let mqm = Mqm { kafka: MqmKafka { enable: true, addrs: addrs(&["k:9092"]), producer }, ..Mqm::default() };
    let bridge = mqm.bridges().remove(0);
    let kafka = bridge.kafka.expect("it is Kafka");
    assert_eq!((kafka.acks, kafka.is_idempotent(), kafka.compression_level), (Acks::Leader, false, -1));
    let defaults = KafkaBridge::default();
    assert_eq!((kafka.linger, kafka.batch_bytes), (defaults.linger, defaults.batch_bytes));
    let waits = ["retry.backoff.ms", "retry.backoff.max.ms"].map(|name| kafka.properties[name].expose());
    assert_eq!(waits, ["100", "1000"]);
    assert!(!bridge.fallback && !kafka.properties.contains_key("batch.num.messages"));
}

#[test]
fn amqp_takes_its_address_apart() {
    let producer = AmqpProducer {
        routing_keys: names(&["a"]),
        exchange: "e".to_owned(),
        headers: [("site".to_owned(), "1".to_owned())].into(),
        delivery_mode: 2,
        ..AmqpProducer::default()
    };
    let amqp = MqmAmqp {
        enable: true,
        addrs: addrs(&["u:p%23w@h:5672/a%2Fb", "u:p%23w@i:5672/a%2Fb"]),
        channel_max: 9,
        frame_size: 8_192,
        heartbeat: 5,
        locale: "de_DE".to_owned(),
        producer,
        ..MqmAmqp::default()
    };
    let bridge = Mqm { amqp: amqp.clone(), ..Mqm::default() }.bridges().remove(0);
    assert_eq!(bridge.headers.fixed["site"], "1");
    let made = bridge.amqp.expect("it is AMQP");
    assert_eq!(written(&made.addrs), ["h:5672", "i:5672"]);
    assert_eq!((&*made.vhost, &*made.username, said(&made.password)), ("a/b", "u", Some("p#w")));
    assert_eq!((&*made.exchange, made.mandatory, made.persistent), ("e", false, true));
    assert_eq!((made.heartbeat, made.tls.enable), (Duration::from_secs(5), false));
    assert_eq!((made.channel_max, made.frame_max, &*made.locale), (9, 8_192, "de_DE"));

    let unset = MqmAmqp { channel_max: 0, frame_size: 0, heartbeat: 0, locale: String::new(), ..amqp };
    let amqp = MqmAmqp { addrs: addrs(&["amqps://h/a"]), vhost: "v".to_owned(), ..unset };
    let made = Mqm { amqp, ..Mqm::default() }.bridges().remove(0).amqp.expect("it is AMQP");
    assert_eq!((&*made.vhost, &*made.username, said(&made.password)), ("v", "guest", Some("guest")));
    assert_eq!((written(&made.addrs), made.tls.enable), (vec!["h"], true));
    assert_eq!((made.channel_max, made.frame_max, &*made.locale), (0, 0, ""));
    assert_eq!(made.heartbeat, Duration::from_secs(10), "the bridges' own default");
}

#[test]
fn numbers_of_amqp_become_such_as_a_bridge_can_have() {
    let amqp = MqmAmqp { enable: true, channel_max: 1, frame_size: 4_000_000, ..MqmAmqp::default() };
    let made = Mqm { amqp, ..Mqm::default() }.bridges().remove(0).amqp.expect("it is AMQP");
    assert_eq!((made.channel_max, made.frame_max), (4, 1_048_576), "what a bridge needs, and what it offers");

    let amqp = MqmAmqp { enable: true, channel_max: -1, frame_size: -1, heartbeat: -1, ..MqmAmqp::default() };
    let made = Mqm { amqp, ..Mqm::default() }.bridges().remove(0).amqp.expect("it is AMQP");
    assert_eq!((made.channel_max, made.frame_max, made.heartbeat), (0, 0, Duration::from_secs(10)));
}

/// Each has a value of its own, so that none can stand in another's place.
#[test]
fn every_property_of_amqp_is_carried_over() {
    let producer = AmqpProducer {
        mandatory: true,
        content_type: "a type".to_owned(),
        content_encoding: "an encoding".to_owned(),
        priority: 7,
        reply_to: "a queue".to_owned(),
        expiration: "60000".to_owned(),
        kind: "a kind".to_owned(),
        user_id: "a user".to_owned(),
        app_id: "an application".to_owned(),
        ..AmqpProducer::default()
    };
    let amqp = MqmAmqp { enable: true, addrs: addrs(&["h"]), producer, ..MqmAmqp::default() };
    let made = Mqm { amqp, ..Mqm::default() }.bridges().remove(0).amqp.expect("it is AMQP");
    assert!(made.mandatory && !made.persistent);
    let expected = AmqpProperties {
        content_type: "a type".to_owned(),
        content_encoding: "an encoding".to_owned(),
        priority: 7,
        correlation_id: String::new(),
        reply_to: "a queue".to_owned(),
        expiration: "60000".to_owned(),
        kind: "a kind".to_owned(),
        user_id: "a user".to_owned(),
        app_id: "an application".to_owned(),
    };
    assert_eq!(made.properties, expected);
}

#[test]
fn nats_publishes_to_the_stream_if_that_is_on() {
    let mut nats = MqmNats {
        enable: true,
        addrs: addrs(&["nats://u:p@n:4222", "u:p@m:4222"]),
        producer: NatsProducer { subjects: names(&["core"]) },
        jetstream: MqmJetStream {
            enable: true,
            name: "s".to_owned(),
            producer: NatsProducer { subjects: names(&["kept"]) },
        },
    };
    let bridge = Mqm { nats: nats.clone(), ..Mqm::default() }.bridges().remove(0);
    assert_eq!(bridge.topics, ["kept"]);
    let made = bridge.nats.expect("it is NATS");
    assert_eq!(written(&made.addrs), ["n:4222", "m:4222"]);
    assert_eq!((made.username.as_deref(), said(&made.password)), (Some("u"), Some("p")));
    assert!(made.jetstream.enable && made.jetstream.create && made.jetstream.subjects == ["kept"]);

    nats.jetstream.enable = false;
    nats.addrs = addrs(&["tls://t@n"]);
    let bridge = Mqm { nats, ..Mqm::default() }.bridges().remove(0);
    let made = bridge.nats.expect("it is NATS");
    assert_eq!((&bridge.topics[..], said(&made.token), made.tls.enable), (&names(&["core"])[..], Some("t"), true));
}

#[test]
fn redis_is_the_first_address() {
    let redis = MqmRedis {
        enable: true,
        addrs: addrs(&["r:6379", "other:6379"]),
        db: 3,
        password: Some(secret("pw")),
        producer: RedisProducer { channels: names(&["c"]) },
    };
    let bridge = Mqm { redis, ..Mqm::default() }.bridges().remove(0);
    let made = bridge.redis.expect("it is Redis");
    assert_eq!((written(&made.addrs), made.db, said(&made.password)), (vec!["r:6379"], 3, Some("pw")));
    assert_eq!((made.form, made.fail_without_listeners), (RedisForm::PubSub, false));
}
