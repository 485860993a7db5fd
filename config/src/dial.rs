//! Where the gateway connects to: `edgebound.bypass`, `frontlas.dial`.

use crate::listen::Network;
use crate::section::section;
use crate::tls::Tls;

section! {
    /// A far side that the gateway dials.
    pub struct Dial {
        /// The network; there is one so far.
        network: Network = Network::Tcp,
        /// Addresses, `host:port`; one is picked at random for every dial.
        addrs: Vec<String> = Vec::new(),
        /// Read and not used, as in the Go gateway.
        advertised_addr: Option<String> = None,
        /// TLS towards the far side.
        tls: Tls = Tls::default(),
    }
}
