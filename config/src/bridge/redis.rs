//! Redis as the target of a bridge.

use crate::bridge::BridgeTls;
use crate::field::{Within, words};
use crate::secret::{BrokerAddr, Credential};
use crate::section::section;

section! {
    /// Redis.
    pub struct RedisBridge {
        /// What stands at the addresses.
        mode: RedisMode = RedisMode::Standalone,
        /// Servers, `host:port`: the one, the sentinels, or some of the cluster.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// The name of the master that sentinels watch.
        master: String = String::new(),
        /// How a message is stored: a channel keeps nothing, a stream does.
        form: RedisForm = RedisForm::Stream,
        /// About how many entries a stream keeps; 0 is all.
        max_len: u32 as Within<0, { u32::MAX as i64 }> = 0,
        /// Whether a message to a channel that nobody listens to is a failure.
        fail_without_listeners: bool = false,
        /// The number of the database.
        db: u32 as Within<0, 65_535> = 0,
        /// The user.
        username: Option<String> = None,
        /// The password.
        password: Credential = Credential::default(),
        /// The user at the sentinels, which have users of their own.
        sentinel_username: Option<String> = None,
        /// The password at the sentinels.
        sentinel_password: Credential = Credential::default(),
        /// TLS towards the servers, and the sentinels.
        tls: BridgeTls = BridgeTls::default(),
    }
}

words! {
    /// What stands at the addresses of Redis.
    pub enum RedisMode {
        /// One server.
        #[default]
        Standalone = "standalone",
        /// Sentinels, which tell where the master is.
        Sentinel = "sentinel",
        /// Members of a cluster.
        Cluster = "cluster",
    }
}

words! {
    /// How Redis stores a message.
    pub enum RedisForm {
        /// Not: who listens to the channel gets it.
        PubSub = "pubsub",
        /// As an entry of a stream.
        #[default]
        Stream = "stream",
    }
}
