//! Sub-section `mqm.kafka`.

use crate::field::{Positive, Within, words};
use crate::secret::BrokerAddr;
use crate::section::section;

section! {
    /// Kafka.
    pub struct MqmKafka {
        /// Whether topics go there.
        enable: bool = false,
        /// Brokers to ask first, `host:port`.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// What is published, and how.
        producer: KafkaProducer = KafkaProducer::default(),
    }
}

section! {
    /// What is published to Kafka, and how.
    pub struct KafkaProducer {
        /// Topics.
        topics: Vec<String> = Vec::new(),
        /// Whether records are gathered before they are sent. An edge is told OK once the broker has its record either way.
        #[serde(rename = "async")]
        asynchronous: bool = false,
        /// The largest record, in bytes; 0 and less is the default.
        max_message_bytes: u32 as Positive = 1_000_000,
        /// Who must have a record before it counts: 1 the leader, -1 all replicas that are in step. 0 is the default.
        required_acks: i32 as Within<-1, 1> = 1,
        /// How long the broker may wait for the replicas, in seconds; 0 and less is the default.
        timeout: u32 as Positive = 10,
        /// How records are compressed.
        compression: KafkaCompression = KafkaCompression::None,
        /// How hard it tries; 0 is the codec's own choice.
        compression_level: i64 = 0,
        /// Whether the broker drops what it is sent twice. The Go gateway reads the key without its `m`; both are read.
        #[serde(rename = "idempotent", alias = "idepotent")]
        idempotent: bool = false,
        /// When what was gathered is sent.
        flush: KafkaFlush = KafkaFlush::default(),
        /// When a record is sent again.
        retry: KafkaRetry = KafkaRetry::default(),
    }
}

words! {
    /// How records are compressed.
    pub enum KafkaCompression {
        /// Not.
        #[default]
        None = "none",
        /// gzip.
        Gzip = "gzip",
        /// Snappy.
        Snappy = "snappy",
        /// LZ4.
        Lz4 = "lz4",
        /// Zstandard.
        Zstd = "zstd",
    }
}

section! {
    /// When what was gathered is sent; 0 is no rule.
    pub struct KafkaFlush {
        /// At so many bytes.
        bytes: i64 = 0,
        /// At so many records of a partition.
        messages: i64 = 0,
        /// After so many seconds.
        frequency: i64 = 0,
        /// The most records in one request.
        max_messages: i64 = 0,
    }
}

section! {
    /// When a record is sent again.
    pub struct KafkaRetry {
        /// How often; 0 and less is the default.
        max: u32 as Positive = 3,
        /// How long is waited before, in seconds; 0 is a tenth of one.
        backoff: i64 = 0,
    }
}
