use std::collections::BTreeMap;

use super::*;
use crate::kafka::limits::Limits;

fn kafka(properties: &[(&str, &str)]) -> KafkaBridge {
    let secret = |text: &str| text.parse().expect("any text is one");
    let properties: BTreeMap<String, Secret> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), secret(value))).collect();
    KafkaBridge { addrs: vec!["k:9092".parse().expect("any text is one")], properties, ..KafkaBridge::default() }
}

fn of(kafka: &KafkaBridge) -> Result<Properties, BadProperty> {
    Properties::new(&Bridge::default(), kafka)
}

/// What a producer is told.
fn told(properties: &Properties, name: &str) -> String {
    let now = properties.now(None, &Limits::new(properties.batch_bytes(), Vec::new()).batches()).unwrap();
    Native::of(&now).unwrap().get(name).unwrap()
}

#[track_caller]
fn refused(kafka: &KafkaBridge) -> String {
    of(kafka).map(|_| "taken").expect_err("it is refused").to_string()
}

#[test]
fn without_idempotence_one_request_at_a_time_keeps_the_order() {
    let several = "1000000";
    for (acks, idempotence, own, expected) in [
        (Acks::All, None, &[][..], ["-1", "true", several]),
        (Acks::All, Some(false), &[], ["-1", "false", "1"]),
        (Acks::Leader, None, &[], ["1", "false", "1"]),
        (Acks::None, None, &[], ["0", "false", "1"]),
        (Acks::All, None, &[("enable.idempotence", "f")], ["-1", "false", "1"]),
        (Acks::All, None, &[("request.required.acks", "1")], ["1", "false", "1"]),
        (Acks::All, None, &[("topic.acks", "1"), ("enable.idempotence", "0")], ["1", "false", "1"]),
        (Acks::Leader, None, &[("acks", "all")], ["-1", "true", several]),
        (Acks::All, Some(false), &[("enable.idempotence", "t")], ["-1", "true", several]),
        (Acks::Leader, None, &[("max.in.flight", "7")], ["1", "false", "7"]),
    ] {
        let properties = of(&KafkaBridge { acks, idempotence, ..kafka(own) }).unwrap();
        let names = ["acks", "enable.idempotence", "max.in.flight"];
        assert_eq!(names.map(|name| told(&properties, name)), expected, "{acks:?} {idempotence:?} {own:?}");
    }
    let torn = refused(&KafkaBridge { idempotence: Some(true), ..kafka(&[("acks", "1")]) });
    assert_eq!(torn, "`acks` must be set to `all` when `enable.idempotence` is true");
}

#[test]
fn what_follows_from_properties_follows_from_those_of_the_operator() {
    let derived = |own: &[(&str, &str)]| {
        let properties = of(&kafka(own)).unwrap();
        (properties.patience().as_millis(), properties.batch_bytes(), properties.batch_records())
    };
    assert_eq!(derived(&[]), (120_000, 1_000_000, 10_000));
    for name in ["message.timeout.ms", "delivery.timeout.ms", "topic.message.timeout.ms"] {
        assert_eq!(derived(&[(name, "7000")]), (7_000, 1_000_000, 10_000), "{name}");
    }
    assert_eq!(derived(&[("batch.size", "2000"), ("batch.num.messages", "3")]), (120_000, 2_000, 3));
}

#[test]
fn names_that_begin_as_those_of_topics_stay_what_they_are() {
    let properties = of(&kafka(&[("topic.metadata.propagation.max.ms", "9000")])).unwrap();
    assert_eq!(told(&properties, "topic.metadata.propagation.max.ms"), "9000");
}

#[test]
fn a_level_of_compression_reaches_the_client() {
    assert_eq!(told(&of(&kafka(&[])).unwrap(), "compression.level"), "-1");
    let properties = of(&KafkaBridge { compression_level: 7, ..kafka(&[]) }).unwrap();
    assert_eq!(told(&properties, "compression.level"), "7");
}

#[test]
fn the_client_has_room_for_all_that_may_wait() {
    let bridge = Bridge { when_full: WhenFull::Wait, ..Bridge::default() };
    let properties = Properties::new(&bridge, &kafka(&[])).unwrap().base;
    let kbytes: u64 = properties.get("queue.buffering.max.kbytes").unwrap().parse().unwrap();
    assert!(kbytes * 1024 >= 5 * 16 * 1024 * 1024 + 1_000_000, "{kbytes}");
}

#[test]
fn what_lingers_for_long_does_so_before_the_client_has_it() {
    let millis =
        |before, client| Linger { before: Duration::from_millis(before), client: Duration::from_millis(client) };
    for (millis_in_all, expected, told) in
        [("0", millis(0, 0), "0"), ("2", millis(0, 2), "2"), ("4", millis(0, 4), "4"), ("50", millis(46, 4), "4")]
    {
        let properties = of(&kafka(&[("linger.ms", millis_in_all)])).unwrap();
        assert_eq!(properties.linger(), expected, "{millis_in_all}");
        assert_eq!(properties.base.get("linger.ms"), Some(told));
    }
}

#[test]
fn properties_of_the_operator_come_last_by_either_of_their_names() {
    let own = kafka(&[("queue.buffering.max.ms", "0"), ("socket.timeout.ms", "20000")]);
    let properties = of(&own).unwrap().base;
    assert_eq!(properties.get("linger.ms"), Some("0"));
    assert_eq!(properties.get("queue.buffering.max.ms"), None);
    assert_eq!(properties.get("socket.timeout.ms"), Some("20000"));
}

#[test]
fn compression_is_known_by_whichever_key_it_comes() {
    let keyed = KafkaBridge { compression: KafkaCompression::Zstd, ..kafka(&[]) };
    assert!(of(&keyed).unwrap().compress());
    assert!(!of(&kafka(&[])).unwrap().compress());
    for name in ["compression.type", "compression.codec", "topic.compression.codec"] {
        assert!(of(&kafka(&[(name, "lz4")])).unwrap().compress(), "{name}");
        assert!(
            !of(&KafkaBridge { compression: KafkaCompression::Zstd, ..kafka(&[(name, "none")]) }).unwrap().compress()
        );
    }
}

#[test]
fn a_property_that_cannot_be_used_is_named_and_its_value_is_not() {
    for (name, value, reason) in [
        ("lingr.ms", "5", "property \"lingr.ms\": librdkafka has no such property"),
        (
            "linger.ms",
            "s3cret",
            "property \"linger.ms\": librdkafka does not take this value; see its list of properties",
        ),
        ("transactional.id", "x", "property \"transactional.id\": cannot be set: nothing is sent in transactions"),
    ] {
        assert_eq!(refused(&kafka(&[(name, value)])), reason);
    }
    let together = refused(&kafka(&[("max.in.flight", "6")]));
    assert!(together.contains("max.in.flight"), "{together}");
}

#[test]
fn a_login_needs_no_password_until_it_connects() {
    let mut kafka = kafka(&[]);
    kafka.sasl.mechanism = SaslMechanism::ScramSha512;
    kafka.sasl.username = "u".to_owned();
    let properties = of(&kafka).unwrap();
    let password = "p#a$s".parse().unwrap();
    let now = properties.now(Some(&password), &Limits::new(1_000, Vec::new()).batches()).unwrap();
    assert_eq!(now.get("sasl.password"), Some("p#a$s"));
    assert_eq!((now.get("security.protocol"), now.get("batch.size")), (Some("sasl_plaintext"), Some("1000")));
    kafka.properties.insert("sasl.password".to_owned(), "of its own".parse().unwrap());
    let now = of(&kafka).unwrap().now(Some(&password), &Limits::new(1_000, Vec::new()).batches()).unwrap();
    assert_eq!(now.get("sasl.password"), Some("of its own"));
}

#[test]
fn authorities_are_read_at_each_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let mut kafka = kafka(&[]);
    kafka.tls = BridgeTls { enable: true, ca_certs: vec![file.clone()], ..BridgeTls::default() };
    let properties = of(&kafka).unwrap();
    let batches = Limits::new(1_000, Vec::new()).batches();
    let error = properties.now(None, &batches).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: No such file or directory (os error 2)", file.display()));
    std::fs::write(&file, "pem").unwrap();
    assert_eq!(properties.now(None, &batches).unwrap().get("ssl.ca.pem"), Some("pem\n"));
}
