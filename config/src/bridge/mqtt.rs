//! MQTT as the target of a bridge.

use std::time::Duration;

use crate::bridge::BridgeTls;
use crate::field::{Seconds, Within, words};
use crate::secret::{BrokerAddr, Credential};
use crate::section::section;

section! {
    /// MQTT. OK means that the broker has acknowledged the message, as far as its quality of service says.
    pub struct MqttBridge {
        /// The broker, `host:port`.
        addr: BrokerAddr = BrokerAddr::default(),
        /// The version of the protocol, 3.1.1 or 5.
        version: MqttVersion = MqttVersion::V5,
        /// The quality of service: 0 is not acknowledged, 1 is, 2 is and comes once.
        qos: u8 as Within<0, 2> = 1,
        /// Whether the broker keeps the last message of a topic for those who come later.
        retain: bool = false,
        /// The client's id; empty is made of the gateway's name and the bridge's, so that no two gateways share one.
        client_id: String = String::new(),
        /// Whether the broker forgets the session when the connection ends.
        clean_session: bool = true,
        /// How often the connection shows that it is there.
        #[serde(rename = "keep_alive_seconds")]
        keep_alive: Duration as Seconds<5, 3_600> = Duration::from_secs(30),
        /// What the broker publishes when the gateway is lost.
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
    /// What the broker publishes when the gateway is lost.
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
