//! Sub-section `dial`: where the gateway connects to.

use serde::Deserialize;

use crate::field;
use crate::listen::Network;
use crate::tls::Tls;

/// A far side that the gateway dials.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Dial {
    /// The network; there is one so far.
    pub network: Network,
    /// Addresses, `host:port`; one is picked at random for every dial.
    pub addrs: Vec<String>,
    /// Read and not used, as in the Go gateway.
    pub advertised_addr: Option<String>,
    /// TLS towards the far side; [`Tls::client`].
    pub tls: Tls,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, deserialize_with = "field::word")]
    network: Option<Network>,
    addrs: Option<Vec<String>>,
    #[serde(default, deserialize_with = "field::word")]
    advertised_addr: Option<String>,
    tls: Option<Tls>,
}

impl From<Written> for Dial {
    fn from(written: Written) -> Self {
        Self {
            network: written.network.unwrap_or_default(),
            addrs: written.addrs.unwrap_or_default(),
            advertised_addr: written.advertised_addr,
            tls: written.tls.unwrap_or_default(),
        }
    }
}
