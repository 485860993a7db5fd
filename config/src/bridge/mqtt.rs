//! MQTT as the target of a bridge.

use std::time::Duration;

use crate::bridge::BridgeTls;
use crate::field::{Seconds, Within, words};
use crate::secret::{BrokerAddr, Credential};
use crate::section::section;

section! {
    /// MQTT. OK means that the broker has answered the message (QoS 1: PUBACK, QoS 2: PUBCOMP), or with QoS 0 a ping behind it.
    pub struct MqttBridge {
        /// The broker, `host:port`; the port may be left out (1883, with TLS 8883).
        addr: BrokerAddr = BrokerAddr::default(),
        /// The version of the protocol. With 3.1.1 there are no headers, and a broker that refuses a message cannot say so.
        version: MqttVersion = MqttVersion::V5,
        /// The quality of service between gateway and broker: 0 is not answered, 1 is, 2 is and does not double a message.
        qos: u8 as Within<0, 2> = 1,
        /// Whether the broker keeps the last message of a topic for those who come later.
        retain: bool = false,
        /// The client's id. Empty makes one of the bridge's name, the machine, `daemon.frontier_id` and the ports, which no other
        /// gateway has, and which stays over a restart. Two gateways with one id throw each other off.
        client_id: String = String::new(),
        /// Whether the broker forgets the session when the connection ends. If not, QoS 2 doubles nothing over a lost connection
        /// either.
        clean_session: bool = true,
        /// How often the connection shows the broker at least that it is there.
        #[serde(rename = "keep_alive_seconds")]
        keep_alive: Duration as Seconds<5, 3_600> = Duration::from_secs(30),
        /// What the broker publishes when the connection is lost, as by the end of a gateway that did not take leave.
        will: Option<MqttWill> = None,
        /// The user.
        username: Option<String> = None,
        /// The password.
        password: Credential = Credential::default(),
        /// TLS towards the broker.
        tls: BridgeTls = BridgeTls::default(),
    }
}

words! {
    /// A version of the protocol.
    pub enum MqttVersion {
        /// 3.1.1, which has no headers.
        V3 = "3.1.1" | "3" | "v3",
        /// 5.
        #[default]
        V5 = "5" | "v5",
    }
}

section! {
    /// What the broker publishes when the connection is lost.
    pub struct MqttWill {
        /// Where.
        topic: String = String::new(),
        /// What.
        payload: String = String::new(),
        /// Its quality of service.
        qos: u8 as Within<0, 2> = 0,
        /// Whether it is kept for those who come later.
        retain: bool = false,
    }
}

/// The longest text of the protocol, in bytes.
const LONGEST: usize = u16::MAX as usize;

/// Why `text` can be no text of MQTT, if so: what is wrong with it, as the end of a sentence. Brokers end the connection of whoever
/// sends such a text.
pub fn mqtt_text_fault(text: &str) -> Option<&'static str> {
    let forbidden = |char: char| {
        let code = u32::from(char);
        char.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
    };
    if text.len() > LONGEST {
        return Some("is longer than 65535 bytes");
    }
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (!plain && text.contains(forbidden)).then_some("holds a control character or one that is none")
}

/// Why nothing can be published to `topic`, if so: what is wrong with it, as the end of a sentence.
pub fn mqtt_topic_fault(topic: &str) -> Option<&'static str> {
    if topic.is_empty() {
        return Some("is empty");
    }
    if topic.contains(['+', '#']) {
        return Some("holds `+` or `#`, which stand for other topics");
    }
    if topic.starts_with('$') {
        return Some("begins with `$`, as those of the broker itself");
    }
    mqtt_text_fault(topic)
}

impl MqttBridge {
    /// What of it cannot be: the key in this section, and why.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let addr = self.addr.expose();
        if addr.is_empty() {
            return Some(("addr", "empty address; write host:port"));
        }
        if addr.contains("://") || addr.contains('@') {
            let reason = "write host:port; TLS, user and password have keys of their own";
            return Some(("addr", reason));
        }
        if let Some(will) = &self.will {
            if will.topic.is_empty() {
                return Some(("will.topic", "a will needs its topic"));
            }
            if let Some(fault) = mqtt_topic_fault(&will.topic) {
                return Some(("will.topic", fault));
            }
            if will.payload.len() > LONGEST {
                return Some(("will.payload", "is longer than 65535 bytes"));
            }
        }
        for (key, text) in [("client_id", Some(&self.client_id)), ("username", self.username.as_ref())] {
            if let Some(fault) = text.and_then(|text| mqtt_text_fault(text)) {
                return Some((key, fault));
            }
        }
        let without_user = self.username.as_ref().is_none_or(String::is_empty) && !self.password.is_empty();
        let reason = "MQTT 3.1.1 has no password without a user; set `username`";
        (self.version == MqttVersion::V3 && without_user).then_some(("username", reason))
    }
}
