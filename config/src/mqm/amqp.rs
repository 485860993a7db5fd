//! Sub-section `mqm.amqp`.

use std::collections::BTreeMap;

use crate::field::Within;
use crate::secret::BrokerAddr;
use crate::section::section;

section! {
    /// AMQP 0-9-1, that is RabbitMQ.
    pub struct MqmAmqp {
        /// Whether topics go there.
        enable: bool = false,
        /// Servers, `user:password@host:port/vhost`, escaped as in URLs; all but the host may be left out. They are tried in turn, with
        /// one login. Passwords are never printed.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// The virtual host; empty is that of the address, or `/`.
        vhost: String = String::new(),
        /// The most channels of the connection, from 4 on, or fewer if the server allows fewer; 0 is as many as the server allows.
        channel_max: i64 = 0,
        /// The largest frame in bytes, from 4096 on, or smaller if the server's is smaller; 0 is the server's. RabbitMQ takes 8192 at
        /// least from version 4.1 on.
        frame_size: i64 = 0,
        /// Seconds between heartbeats; 0 is the bridges' own default, 10. The lower of this and the server's counts.
        heartbeat: i64 = 0,
        /// The language that the server is asked to put its messages in; empty is `en_US`, the only one that RabbitMQ has.
        locale: String = String::new(),
        /// Exchanges that are declared at the start.
        exchanges: Vec<AmqpExchange> = Vec::new(),
        /// Queues that are declared at the start.
        queues: Vec<AmqpQueue> = Vec::new(),
        /// Bindings that are made at the start. The Go gateway reads the key in lower case; both spellings are read.
        #[serde(rename = "queuebindings", alias = "queueBindings")]
        queue_bindings: Vec<AmqpBinding> = Vec::new(),
        /// What is published, and how.
        producer: AmqpProducer = AmqpProducer::default(),
    }
}

section! {
    /// An exchange that is declared.
    pub struct AmqpExchange {
        /// Its name.
        name: String = String::new(),
        /// Its kind, as `direct`, `fanout`, `topic` or `headers`.
        kind: String = String::from("direct"),
        /// Whether it outlives a restart of the broker.
        durable: bool = false,
        /// Whether it goes when its last queue is unbound.
        auto_delete: bool = false,
        /// Whether it takes from other exchanges alone.
        internal: bool = false,
        /// Without effect: the server's answer is always waited for, so that a refusal is told.
        nowait: bool = false,
        /// Further arguments, as `alternate-exchange`. What reads as a number or a truth value is one.
        arguments: BTreeMap<String, String> = BTreeMap::new(),
    }
}

section! {
    /// A queue that is declared.
    pub struct AmqpQueue {
        /// Its name.
        name: String = String::new(),
        /// Whether it outlives a restart of the broker.
        durable: bool = false,
        /// Whether it goes with its last consumer.
        auto_delete: bool = false,
        /// Whether it belongs to this connection alone. The Go gateway reads the key with a `t`; both are read.
        #[serde(rename = "exclusive", alias = "exclustive")]
        exclusive: bool = false,
        /// Without effect: the server's answer is always waited for, so that a refusal is told.
        nowait: bool = false,
        /// Further arguments, as `x-queue-type` or `x-max-length`. What reads as a number or a truth value is one.
        arguments: BTreeMap<String, String> = BTreeMap::new(),
    }
}

section! {
    /// A binding of a queue to an exchange.
    pub struct AmqpBinding {
        /// The queue.
        queue_name: String = String::new(),
        /// The exchange.
        exchange_name: String = String::new(),
        /// The key, or its pattern.
        binding_key: String = String::new(),
        /// Without effect: the server's answer is always waited for, so that a refusal is told.
        nowait: bool = false,
    }
}

section! {
    /// What is published to AMQP, and how.
    pub struct AmqpProducer {
        /// Topics, which are the routing keys too.
        routing_keys: Vec<String> = Vec::new(),
        /// The exchange that is published to.
        exchange: String = String::new(),
        /// Whether a message that no queue takes is a failure.
        mandatory: bool = false,
        /// Whether a message that no consumer takes at once is a failure. RabbitMQ knows that no more, so it is refused when on.
        immediate: bool = false,
        /// Headers of every message.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// Property of every message: its media type.
        content_type: String = String::new(),
        /// Property of every message: the encoding of its body.
        content_encoding: String = String::new(),
        /// Property of every message: 2 is written to disk.
        delivery_mode: u8 as Within<0, 255> = 0,
        /// Property of every message: its priority.
        priority: u8 as Within<0, 255> = 0,
        /// Property of every message: where an answer would go.
        reply_to: String = String::new(),
        /// Property of every message: after how many milliseconds it is worth nothing.
        expiration: String = String::new(),
        /// Property of every message: its type.
        #[serde(rename = "type")]
        kind: String = String::new(),
        /// Property of every message: the user.
        user_id: String = String::new(),
        /// Property of every message: the application.
        app_id: String = String::new(),
    }
}
