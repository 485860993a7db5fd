//! The gateway of `compose/compose.yaml` and the brokers of `compose/brokers.yaml`, seen from a container beside them:
//! `make test-compose`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{Arrived, Load, Told};
use frontier_integration_tests::brokers::amqp::Client as Amqp;
use frontier_integration_tests::brokers::{KafkaLog, RedisClient};
use frontier_integration_tests::{PATIENCE, eventually};

use crate::{amqp, mqtt, nats, redis};

/// Messages for each broker, from several edges.
const COUNT: usize = 200;

/// The address of a container.
#[track_caller]
fn at(place: &str) -> SocketAddr {
    let found = place.to_socket_addrs().unwrap_or_else(|error| panic!("{place}: {error}")).next();
    found.unwrap_or_else(|| panic!("{place} has no address"))
}

/// Publishes until [`COUNT`] messages were acked; a broker may have become healthy this moment.
#[track_caller]
fn published(topic: &str) -> Vec<Told> {
    let load = Load::start(at("frontier:30012"), 4, topic, Duration::from_millis(1));
    eventually("acks", || (load.acked() >= COUNT).then_some(()));
    load.stop()
}

/// Waits until all of it is stored, in order and with the edge's id beside it.
#[track_caller]
fn arrives(told: &[Told], mut stored: impl FnMut() -> Vec<Arrived>) {
    let until = Instant::now() + PATIENCE;
    loop {
        let stored = stored();
        let missing: Vec<_> = told.iter().flat_map(|told| told.missing(&stored)).collect();
        if missing.is_empty() {
            for told in told {
                told.is_in_order(&stored);
                let own = format!("{}/", told.edge).into_bytes();
                let mut its = stored.iter().filter(|record| record.payload.starts_with(&own));
                assert!(its.all(|record| record.headers["frontier-edge-id"] == told.edge.to_string()));
            }
            return;
        }
        assert!(Instant::now() < until, "acked and not stored: {missing:?}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "runs beside the brokers: make test-compose"]
fn kafka_gets_its_topic() {
    let told = published("to-kafka");
    let mut log = KafkaLog::new(at("kafka:9092"), "to-kafka", 0);
    arrives(&told, || log.read().expect("Kafka tells what it has").to_vec());
}

#[test]
#[ignore = "runs beside the brokers: make test-compose"]
fn rabbitmq_gets_its_topic() {
    let told = published("to-amqp");
    let mut client = Amqp::dial(at("rabbitmq:5672"), &amqp::guest(), "/");
    let mut all = Vec::new();
    arrives(&told, || {
        all.extend(client.all_of("to-amqp").into_iter().map(amqp::arrived));
        all.clone()
    });
}

#[test]
#[ignore = "runs beside the brokers: make test-compose"]
fn nats_gets_its_topic() {
    let told = published("to-nats");
    arrives(&told, || {
        let (messages, _) = nats::Client::connect(at("nats:4222"), None).stored("frontier", 0);
        messages.into_iter().map(|message| message.arrived).collect()
    });
}

#[test]
#[ignore = "runs beside the brokers: make test-compose"]
fn mosquitto_gets_its_topic() {
    let subscriber = mqtt::Subscriber::start(at("mosquitto:1883"), None, "to-mqtt");
    let told = published("to-mqtt");
    arrives(&told, || subscriber.messages().into_iter().map(mqtt::arrived).collect());
}

#[test]
#[ignore = "runs beside the brokers: make test-compose"]
fn redis_gets_its_topic() {
    let told = published("to-redis");
    let mut client = RedisClient::connect(at("redis:6379"), None);
    arrives(&told, || redis::entries(&mut client, "to-redis"));
}
