//! The list `bridges`: topics of edges to brokers and files, in full.

mod amqp;
mod file;
mod kafka;
mod mqtt;
mod nats;
mod redis;
mod template;
mod tls;

pub use amqp::{AmqpBridge, AmqpProperties};
pub use file::FileBridge;
pub use kafka::{Acks, KafkaBridge, Partitioner, Sasl, SaslMechanism};
pub use mqtt::{MqttBridge, MqttVersion, MqttWill, mqtt_text_fault, mqtt_topic_fault};
pub use nats::{JetStream, NatsBridge};
pub use redis::{RedisBridge, RedisForm, RedisMode};
pub use template::{BadTemplate, Part, Template};
pub use tls::BridgeTls;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::field::{Within, words};
use crate::section::section;

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

section! {
    /// One way out for topics of edges. It has exactly one of `kafka`, `amqp`, `nats`, `mqtt`, `redis` and `file`.
    pub struct Bridge {
        /// What it is called in logs, metrics and the control plane. Each bridge has its own.
        name: String = String::new(),
        /// Whether it is used.
        enable: bool = true,
        /// Topics that it takes: as they stand, or with `*` for any run of characters.
        topics: Vec<String> = Vec::new(),
        /// Whether it also takes topics that no service and no other bridge takes.
        fallback: bool = false,
        /// Who else gets a message: `all` is a service and every bridge that takes its topic, `one` is one of them.
        delivery: Delivery = Delivery::All,
        /// Where a message goes: the topic of Kafka and MQTT, the routing key of AMQP, the subject of NATS, the channel or
        /// the stream of Redis. May hold `${topic}`, `${edge_id}` and `${meta.KEY}`.
        destination: Template = Template::topic(),
        /// What keeps messages together that must stay in order, and the key of Kafka's record. As `destination`.
        key: Template = Template::edge_id(),
        /// What is sent: the edge's bytes as they are, or a JSON object with what else would be in headers.
        payload: Payload = Payload::Raw,
        /// What is sent beside the payload, where the broker has headers.
        headers: Headers = Headers::default(),
        /// What may wait for the broker, in bytes.
        queue_bytes: NonZeroU32 as Within<{ 64 * KIB }, { 1024 * MIB }> =
            NonZeroU32::new(16 * 1024 * 1024).expect("a bound above zero"),
        /// What happens to a message when no more may wait: its publisher is told `congested`, or waits until its deadline. Those
        /// who wait are bounded by their links' `unanswered_bytes`, and in all by four times `queue_bytes`.
        when_full: WhenFull = WhenFull::Fail,
        /// Whether `/readyz` says that the gateway is not ready while this bridge is not up.
        needed_for_ready: bool = false,
        /// To Kafka.
        #[serde(skip_serializing_if = "Option::is_none")]
        kafka: Option<KafkaBridge> = None,
        /// To AMQP 0-9-1, that is RabbitMQ.
        #[serde(skip_serializing_if = "Option::is_none")]
        amqp: Option<AmqpBridge> = None,
        /// To NATS.
        #[serde(skip_serializing_if = "Option::is_none")]
        nats: Option<NatsBridge> = None,
        /// To MQTT.
        #[serde(skip_serializing_if = "Option::is_none")]
        mqtt: Option<MqttBridge> = None,
        /// To Redis.
        #[serde(skip_serializing_if = "Option::is_none")]
        redis: Option<RedisBridge> = None,
        /// To a file, one JSON object a line.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<FileBridge> = None,
    }
}

impl Bridge {
    /// The kind of its broker, as its key is called; empty if it has none, which no checked configuration does.
    pub fn kind(&self) -> &'static str {
        let kinds = [
            ("kafka", self.kafka.is_some()),
            ("amqp", self.amqp.is_some()),
            ("nats", self.nats.is_some()),
            ("mqtt", self.mqtt.is_some()),
            ("redis", self.redis.is_some()),
            ("file", self.file.is_some()),
        ];
        kinds.into_iter().find(|(_, there)| *there).map_or("", |(kind, _)| kind)
    }
}

words! {
    /// Who gets a message beside this bridge.
    pub enum Delivery {
        /// A service that takes the topic, and every bridge that does.
        #[default]
        All = "all",
        /// Nobody: one is chosen among all that take the topic.
        One = "one",
    }
}

words! {
    /// What is sent.
    pub enum Payload {
        /// The edge's bytes as they are.
        #[default]
        Raw = "raw",
        /// A JSON object with the bytes and what else would be in headers.
        Json = "json",
    }
}

words! {
    /// What happens to a message when no more may wait.
    pub enum WhenFull {
        /// Its publisher is told `congested`.
        #[default]
        Fail = "fail",
        /// Its publisher waits, until its deadline at most.
        Wait = "wait",
    }
}

section! {
    /// What is sent beside the payload.
    pub struct Headers {
        /// Whether `frontier-edge-id`, `frontier-topic`, `frontier-message-id`, `frontier-time` and `frontier-custom` are sent.
        enable: bool = true,
        /// Keys of the edge's meta, if that is a JSON object, that are sent as `frontier-meta-KEY`.
        meta: Vec<String> = Vec::new(),
        /// Further headers, the same for every message.
        fixed: BTreeMap<String, String> = BTreeMap::new(),
    }
}
