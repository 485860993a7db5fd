//! AMQP 0-9-1 as the target of a bridge.

use std::time::Duration;

use crate::bridge::BridgeTls;
use crate::field::{Seconds, Within};
use crate::mqm::{AmqpBinding, AmqpExchange, AmqpQueue};
use crate::secret::{BrokerAddr, Credential};
use crate::section::section;

section! {
    /// AMQP 0-9-1, that is RabbitMQ. Every message is confirmed by the server before its publisher is told OK.
    pub struct AmqpBridge {
        /// Servers, `host:port`, tried in turn.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// The virtual host.
        vhost: String = String::from("/"),
        /// The user.
        username: String = String::from("guest"),
        /// The password.
        password: Credential = Credential::default(),
        /// The exchange that is published to; empty is the server's own, where the routing key is the queue.
        exchange: String = String::new(),
        /// Whether a message that no queue takes is a failure.
        mandatory: bool = true,
        /// Whether messages are written to disk.
        persistent: bool = true,
        /// Properties of every message.
        properties: AmqpProperties = AmqpProperties::default(),
        /// Exchanges that are declared when the bridge connects.
        exchanges: Vec<AmqpExchange> = Vec::new(),
        /// Queues that are declared when the bridge connects.
        queues: Vec<AmqpQueue> = Vec::new(),
        /// Bindings that are made when the bridge connects.
        bindings: Vec<AmqpBinding> = Vec::new(),
        /// The largest message that the servers take, in bytes; a larger one is refused here. RabbitMQ 4 takes 16 MiB, older ones
        /// 128 MiB, unless they are told otherwise.
        max_message_bytes: u32 as Within<1_024, 536_870_912> = 16_777_216,
        /// How often both ends show that they are there; 0 is as often as the server wants.
        #[serde(rename = "heartbeat_seconds")]
        heartbeat: Duration as Seconds<0, 3_600> = Duration::from_secs(10),
        /// The most channels of the connection, from 4 on, or fewer if the server allows fewer; 0 is as many as the server allows. A
        /// message that the server refuses uses up one or two; when there is none left, the bridge connects anew.
        channel_max: u16 as Within<0, 65_535> = 0,
        /// The largest frame in bytes, from 4096 on, or smaller if the server's is smaller; 0 is the server's. All headers of a
        /// message must fit in one, and the client holds buffers of 64 frames. RabbitMQ takes 8192 at least from version 4.1 on.
        frame_max: u32 as Within<0, 1_048_576> = 0,
        /// The language that the server is asked to put its messages in; empty is `en_US`, the only one that RabbitMQ has.
        locale: String = String::new(),
        /// TLS towards the servers.
        tls: BridgeTls = BridgeTls::default(),
    }
}

impl AmqpBridge {
    /// The fewest channels that a bridge gets along with: one for questions, one for messages, one for a message that the server may
    /// have refused, and one in place of the first of these that is closed.
    pub const LEAST_CHANNELS: u16 = 4;

    /// The smallest `frame_max` that AMQP knows, in bytes.
    pub const LEAST_FRAME: u32 = 4096;
}

section! {
    /// Properties of every message. What is empty is not sent.
    pub struct AmqpProperties {
        /// Its media type.
        content_type: String = String::new(),
        /// The encoding of its body.
        content_encoding: String = String::new(),
        /// Its priority.
        priority: u8 as Within<0, 255> = 0,
        /// What it belongs to, as the request that it answers.
        correlation_id: String = String::new(),
        /// Where an answer would go.
        reply_to: String = String::new(),
        /// After how many milliseconds it is worth nothing.
        expiration: String = String::new(),
        /// Its type.
        #[serde(rename = "type")]
        kind: String = String::new(),
        /// The user; the server takes only the one that is logged in.
        user_id: String = String::new(),
        /// The application.
        app_id: String = String::new(),
    }
}
