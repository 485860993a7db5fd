//! NATS as the target of a bridge.

use std::path::PathBuf;

use crate::bridge::BridgeTls;
use crate::secret::{BrokerAddr, Credential};
use crate::section::section;

section! {
    /// NATS. Without JetStream, OK means that the server has the message, not that anybody got it.
    pub struct NatsBridge {
        /// Servers, `host:port`.
        addrs: Vec<BrokerAddr> = Vec::new(),
        /// Publishing to a stream.
        jetstream: JetStream = JetStream::default(),
        /// The user.
        username: Option<String> = None,
        /// The password of the user.
        password: Credential = Credential::default(),
        /// A token, in place of a user.
        token: Credential = Credential::default(),
        /// The seed of an NKey, in place of a user.
        nkey: Credential = Credential::default(),
        /// A file of credentials, in place of a user.
        creds_file: Option<PathBuf> = None,
        /// What subjects begin with on which the server answers. The user must be allowed to subscribe below it.
        inbox_prefix: String = "_INBOX".to_owned(),
        /// TLS towards the servers.
        tls: BridgeTls = BridgeTls::default(),
    }
}

section! {
    /// Publishing to a stream.
    pub struct JetStream {
        /// Whether messages go to a stream, and OK means that it has them.
        enable: bool = false,
        /// The stream.
        stream: String = String::new(),
        /// Whether the stream is created when it is not there. An existing one is taken as it is.
        create: bool = false,
        /// The subjects of a stream that is created.
        subjects: Vec<String> = Vec::new(),
        /// The JetStream domain in which the stream is; empty is the server's own.
        domain: String = String::new(),
    }
}
