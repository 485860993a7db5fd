//! Sub-section `listen` of `servicebound` and `edgebound`, and addresses.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::vec;

use crate::field::{text_form, words};
use crate::section::section;
use crate::tls::Tls;

section! {
    /// A listening port.
    pub struct Listen {
        /// The network; there is one so far.
        network: Network = Network::Tcp,
        /// Where to listen, `host:port`. The host is an IPv4 address, an IPv6 address in brackets, a name, or empty for every
        /// interface. Port 0 lets the system choose.
        addr: ListenAddr = ListenAddr::everywhere(0),
        /// The address that peers are told to dial, where it is not `addr`.
        advertised_addr: Option<String> = None,
        /// TLS towards those who dial.
        tls: Tls = Tls::default(),
    }
}

impl Listen {
    /// Plain TCP on `0.0.0.0:port`.
    pub(crate) fn everywhere(port: u16) -> Self {
        Self { addr: ListenAddr::everywhere(port), ..Self::default() }
    }
}

words! {
    /// A kind of network.
    pub enum Network {
        /// TCP over IPv4 and IPv6.
        #[default]
        Tcp = "tcp",
    }
}

/// Where to listen, written `host:port`.
///
/// The host is an IPv4 address, an IPv6 address in brackets, a name, or empty
/// for every interface. Port 0 lets the system choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddr {
    host: String,
    port: u16,
}

/// Why a text is no [`ListenAddr`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddr {
    /// There is no `:port` at the end.
    #[error("missing port in address {given:?}; write host:port, for example 0.0.0.0:30012")]
    NoPort {
        /// What was given.
        given: String,
    },
    /// What stands behind the last colon is no port.
    #[error("{port:?} in address {given:?} is not a port: a number from 0 to 65535")]
    NoSuchPort {
        /// What was given.
        given: String,
        /// What stands where the port should.
        port: String,
    },
    /// The host is neither an address nor a name.
    #[error("{host:?} in address {given:?} is not a host: a name, an IPv4 address, or an IPv6 address in brackets")]
    NoSuchHost {
        /// What was given.
        given: String,
        /// What stands where the host should.
        host: String,
    },
}

impl ListenAddr {
    /// `0.0.0.0:port`: every interface.
    pub fn everywhere(port: u16) -> Self {
        Self { host: Ipv4Addr::UNSPECIFIED.to_string(), port }
    }

    /// The host without brackets; empty for every interface.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 lets the system choose.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes another port, keeping the host.
    pub fn set_port(&mut self, port: u16) {
        self.port = port;
    }
}

impl FromStr for ListenAddr {
    type Err = BadAddr;

    fn from_str(text: &str) -> Result<Self, BadAddr> {
        let given = || text.to_owned();
        // An address in brackets alone has colons, but no port.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => return Err(BadAddr::NoPort { given: given() }),
        };
        let host = bare_host(host).ok_or_else(|| BadAddr::NoSuchHost { given: given(), host: host.to_owned() })?;
        let port = port.parse().map_err(|_| BadAddr::NoSuchPort { given: given(), port: port.to_owned() })?;
        Ok(Self { host, port })
    }
}

/// The host without brackets, if it is one.
fn bare_host(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string());
    }
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    host.chars().all(named).then(|| host.to_owned())
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The socket addresses to try in turn until one can be bound. Looks a name up,
/// which blocks: meant for the start of the program.
impl ToSocketAddrs for ListenAddr {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let addrs = if self.host.is_empty() {
            // Without IPv6 the first cannot be bound; with it, it takes IPv4 too.
            vec![(Ipv6Addr::UNSPECIFIED, self.port).into(), (Ipv4Addr::UNSPECIFIED, self.port).into()]
        } else {
            (self.host.as_str(), self.port).to_socket_addrs()?.collect()
        };
        Ok(addrs.into_iter())
    }
}

text_form! { ListenAddr, |addr| &addr.to_string(), schemars::json_schema!({ "type": "string" }) }

#[cfg(test)]
mod tests;
