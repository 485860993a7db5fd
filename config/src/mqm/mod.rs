//! Section `mqm`: brokers as the Go gateway is told of them. The list `bridges` can say more.
//!
//! Keys that the Go gateway spells wrongly are read in both spellings.

mod amqp;
pub(crate) mod convert;
mod kafka;
pub(crate) mod url;

pub use amqp::{AmqpBinding, AmqpExchange, AmqpProducer, AmqpQueue, MqmAmqp};
pub use kafka::{KafkaCompression, KafkaFlush, KafkaProducer, KafkaRetry, MqmKafka};

use crate::secret::{BrokerAddr, Secret};
use crate::section::section;

section! {
    /// Brokers that topics of edges go to, in the form of the Go gateway.
    pub struct Mqm {
        /// Kafka.
        kafka: MqmKafka = MqmKafka::default(),
        /// AMQP 0-9-1, that is RabbitMQ.
        amqp: MqmAmqp = MqmAmqp::default(),
        /// NATS, core and JetStream.
        nats: MqmNats = MqmNats::default(),
        /// NSQ. It is not served.
        nsq: MqmNsq = MqmNsq::default(),
        /// Redis Pub/Sub.
        redis: MqmRedis = MqmRedis::default(),
    }
}

section! {
    /// NATS, core and JetStream.
    pub struct MqmNats {
        /// Whether topics go there.
        enable: bool = false,
        /// Servers, `host:port`, with `user:password@` or a token and `@` in front if a login is wanted, with or without `nats://`;
        /// `tls://` is TLS. All have the same. Passwords and tokens are never printed.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// Publishing to core NATS.
        producer: NatsProducer = NatsProducer::default(),
        /// Publishing to JetStream. When on, its subjects alone are topics.
        jetstream: MqmJetStream = MqmJetStream::default(),
    }
}

section! {
    /// What is published to NATS.
    pub struct NatsProducer {
        /// Topics, which are the subjects too.
        subjects: Vec<String> = Vec::new(),
    }
}

section! {
    /// Publishing to JetStream.
    pub struct MqmJetStream {
        /// Whether it is used in place of core NATS.
        enable: bool = false,
        /// The stream, created at the start with the subjects below if it is not there.
        name: String = String::new(),
        /// What is published.
        producer: NatsProducer = NatsProducer::default(),
    }
}

section! {
    /// NSQ. It is not served.
    pub struct MqmNsq {
        /// Whether topics go there; refused when on.
        enable: bool = false,
        /// Servers, `host:port`.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// What is published.
        producer: NsqProducer = NsqProducer::default(),
    }
}

section! {
    /// What is published to NSQ.
    pub struct NsqProducer {
        /// Topics.
        topics: Vec<String> = Vec::new(),
    }
}

section! {
    /// Redis Pub/Sub.
    pub struct MqmRedis {
        /// Whether topics go there.
        enable: bool = false,
        /// The server, `host:port`; the first of the list is used.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// The number of the database.
        db: i64 = 0,
        /// The password. It is never printed.
        password: Option<Secret> = None,
        /// What is published.
        producer: RedisProducer = RedisProducer::default(),
    }
}

section! {
    /// What is published to Redis.
    pub struct RedisProducer {
        /// Topics, which are the channels too.
        channels: Vec<String> = Vec::new(),
    }
}
