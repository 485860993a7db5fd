//! Kafka as the target of a bridge.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bridge::BridgeTls;
use crate::field::{Millis, Within, words};
use crate::mqm::KafkaCompression;
use crate::secret::{BrokerAddr, Credential, Secret};
use crate::section::section;

section! {
    /// Kafka.
    pub struct KafkaBridge {
        /// Brokers to ask first, `host:port`.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// Who must have a record before its publisher is told OK: nobody, the leader, or all replicas that are in step.
        acks: Acks = Acks::All,
        /// Whether the broker drops what the client repeats. Needs `acks: all`, with which it is on unless it says false here.
        #[serde(skip_serializing_if = "Option::is_none")]
        idempotence: Option<bool> = None,
        /// How records are compressed.
        compression: KafkaCompression = KafkaCompression::None,
        /// How hard it tries; -1 is the codec's own choice.
        compression_level: i32 as Within<-1, 12> = -1,
        /// How long a record waits for others to be sent with it.
        #[serde(rename = "linger_ms")]
        linger: Duration as Millis<0, 60_000> = Duration::from_millis(5),
        /// The most bytes that are sent together. Where the broker says that a topic takes less, that counts.
        batch_bytes: u32 as Within<1_024, 104_857_600> = 1_000_000,
        /// The largest record, in bytes.
        max_message_bytes: u32 as Within<1_024, 104_857_600> = 1_000_000,
        /// How long a record is tried from its being handed to the client. What is not confirmed by then is given up, even if
        /// its publisher would still wait.
        #[serde(rename = "delivery_timeout_ms")]
        delivery_timeout: Duration as Millis<100, 3_600_000> = Duration::from_secs(120),
        /// What chooses the partition of a key. The default is that of Kafka's Java client. Where a key is empty it is chance.
        partitioner: Partitioner = Partitioner::Murmur2,
        /// TLS towards the brokers.
        tls: BridgeTls = BridgeTls::default(),
        /// How the gateway names itself to the brokers.
        sasl: Sasl = Sasl::default(),
        /// Any further properties of librdkafka, over all of the above. Some are passwords, so none is printed.
        properties: BTreeMap<String, Secret> = BTreeMap::new(),
    }
}

impl KafkaBridge {
    /// Whether the broker is to drop what the client repeats.
    pub fn is_idempotent(&self) -> bool {
        self.idempotence.unwrap_or(self.acks == Acks::All)
    }
}

words! {
    /// Who must have a record before its publisher is told OK.
    pub enum Acks {
        /// Nobody.
        None = "none",
        /// The leader.
        Leader = "leader",
        /// All replicas that are in step.
        #[default]
        All = "all",
    }
}

words! {
    /// What chooses the partition of a key.
    pub enum Partitioner {
        /// Murmur2, as Kafka's Java client.
        #[default]
        Murmur2 = "murmur2",
        /// CRC32, as librdkafka by default.
        Consistent = "consistent",
        /// FNV-1a, as the Go client Sarama.
        Fnv1a = "fnv1a",
        /// Chance.
        Random = "random",
    }
}

section! {
    /// How the gateway names itself to Kafka.
    pub struct Sasl {
        /// The way; `none` is not at all.
        mechanism: SaslMechanism = SaslMechanism::None,
        /// The user.
        username: String = String::new(),
        /// The password.
        password: Credential = Credential::default(),
    }
}

words! {
    /// A way to name oneself.
    pub enum SaslMechanism {
        /// Not at all.
        #[default]
        None = "none",
        /// User and password as they are.
        Plain = "plain",
        /// Salted challenge and response over SHA-256.
        ScramSha256 = "scram-sha-256",
        /// Salted challenge and response over SHA-512.
        ScramSha512 = "scram-sha-512",
    }
}
