//! TLS towards a broker.

use std::path::PathBuf;

use crate::section::section;

section! {
    /// TLS towards a broker.
    pub struct BridgeTls {
        /// Whether TLS is spoken.
        enable: bool = false,
        /// PEM files with the authorities that are trusted; none are the system's.
        ca_certs: Vec<PathBuf> = Vec::new(),
        /// A PEM file with the certificate that is shown to the broker.
        cert: Option<PathBuf> = None,
        /// A PEM file with its private key.
        key: Option<PathBuf> = None,
        /// Whether any certificate of the broker is taken.
        insecure_skip_verify: bool = false,
    }
}
