//! Section `observability`.

use crate::listen::ListenAddr;
use crate::section::section;

section! {
    /// The HTTP port that serves `/healthz`, `/readyz` and `/metrics`.
    pub struct Observability {
        /// Whether the port is served at all.
        enable: bool = true,
        /// Where to listen.
        addr: ListenAddr = ListenAddr::everywhere(9091),
    }
}
