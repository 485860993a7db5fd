//! Sub-section `websocket` of `edgebound`: the way in of browsers.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::field::{Seconds, Within, text_form};
use crate::listen::Listen;
use crate::section::section;

section! {
    /// Edges over WebSocket, browsers above all, on a port of their own. The sub-protocol is `frontier.v1`; nothing is compressed.
    pub struct WebSocket {
        /// Whether the port is opened.
        enable: bool = false,
        /// Where browsers connect.
        listen: Listen = Listen::everywhere(30013),
        /// The path of the URL under which edges connect; what stands behind a `?` does not matter.
        path: String = "/".to_owned(),
        /// Which pages may connect, by their origin: `https://app.example.com`, `http://localhost:5173`, all names below one as
        /// `https://*.example.com`, `null` and `file://` for pages without one, or `*` for every page. Clients that send no
        /// origin, which are none of browsers, are let in whatever stands here.
        allowed_origins: Vec<AllowedOrigin> = Vec::new(),
        /// The largest message taken from an edge, in bytes, however many fragments it comes in; a larger one closes the
        /// connection with code 1009. The default has room for the largest packet.
        max_message_bytes: NonZeroU32 as Within<1_024, { 64 * MIB }> = NonZeroU32::new(16 * MIB as u32).expect("not zero"),
        /// How often an edge that sends nothing is pinged, in seconds. One that has shown no sign of life from one ping to the next
        /// is closed with code 1008. The default keeps proxies from cutting that do so after a minute. 0 pings nobody.
        #[serde(rename = "ping_seconds")]
        ping: Duration as Seconds<0, 3_600> = Duration::from_secs(25),
        /// Proxies whose `X-Forwarded-For` tells where an edge comes from, as networks or addresses. From anybody else that
        /// header is ignored.
        trusted_proxies: Vec<ProxyNetwork> = Vec::new(),
    }
}

const MIB: i64 = 1024 * 1024;

impl WebSocket {
    /// Whether a page of this origin, as a browser names it in `Origin`, may connect.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        let normal = normal_origin(origin);
        self.allowed_origins.iter().any(|allowed| allowed.is(normal.as_deref()))
    }

    /// Whether the word of this address is good for where an edge comes from.
    #[must_use]
    pub fn trusts(&self, proxy: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.0.contains(&proxy.to_canonical()))
    }

    /// Why `path` can be no path, if so: what is wrong with it, as the end of a sentence.
    pub(crate) fn path_fault(&self) -> Option<&'static str> {
        let odd = |char: char| !char.is_ascii_graphic() || matches!(char, '?' | '#' | '"' | '<' | '>');
        if !self.path.starts_with('/') {
            return Some("a path begins with `/`");
        }
        self.path
            .contains(odd)
            .then_some("a path has neither blanks nor `?`, `#`, quotes, angle brackets or letters beyond ASCII")
    }
}

/// Pages that may connect: one origin, all below one name, or every one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedOrigin(String);

/// A text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not an origin: write scheme://host or scheme://host:port without a path, as https://app.example.com, \
     or \"*\" for every page"
)]
pub struct BadOrigin {
    /// What was given.
    pub given: String,
}

impl AllowedOrigin {
    /// Whether it stands for the origin of this normal form; an origin without one stands for no page but any.
    fn is(&self, normal: Option<&str>) -> bool {
        match (self.0.split_once("://*."), normal) {
            _ if self.0 == "*" => true,
            (_, None) => false,
            (None, Some(normal)) => self.0 == normal,
            (Some((scheme, below)), Some(normal)) => {
                let host = normal.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
                let name = host.and_then(|host| host.strip_suffix(below));
                name.is_some_and(|name| name.len() > 1 && name.ends_with('.'))
            }
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let bad = || BadOrigin { given: text.to_owned() };
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        // A star stands for the front of a name alone.
        let plain = text.replacen("://*.", "://", 1);
        let normal = normal_origin(&plain).ok_or_else(bad)?;
        if plain.len() == text.len() {
            return Ok(Self(normal));
        }
        match normal.split_once("://") {
            Some((scheme, host)) if host.contains(|char: char| char.is_ascii_alphabetic()) => {
                Ok(Self(format!("{scheme}://*.{host}")))
            }
            _ => Err(bad()),
        }
    }
}

text_form! { AllowedOrigin, |origin| &origin.0, schemars::json_schema!({ "type": "string" }) }

/// The form in which two names of one origin are the same: lower case, without the port that its scheme has anyway.
fn normal_origin(text: &str) -> Option<String> {
    if text == "null" {
        return Some(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let (scheme, host) = lower.split_once("://")?;
    let named = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '+' | '-' | '.');
    if scheme.is_empty() || !scheme.chars().all(named) {
        return None;
    }
    if host.is_empty() {
        // Pages that lie in a file.
        return (scheme == "file").then(|| lower.clone());
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port.parse::<u16>().ok()?)),
        _ => (host, None),
    };
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let good = match bracketed {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.chars().all(|char| named(char) && char != '+' || char == '_'),
    };
    let port = port.filter(|port| !matches!((scheme, port), ("http", 80) | ("https", 443)));
    good.then(|| match port {
        Some(port) => format!("{scheme}://{name}:{port}"),
        None => format!("{scheme}://{name}"),
    })
}

/// The addresses of proxies that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

/// A text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadNetwork {
    /// It is neither an address nor a network.
    #[error("{given:?} is not a network: write an address, as 10.0.0.7, or a network, as 10.0.0.0/8 or fd00::/8")]
    NoNetwork {
        /// What was given.
        given: String,
    },
    /// It has an address in front of its length that is not its first.
    #[error("{given:?} is an address within a network; the network is {network}")]
    NotTheFirst {
        /// What was given.
        given: String,
        /// What was perhaps meant.
        network: String,
    },
}

impl FromStr for ProxyNetwork {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| BadNetwork::NoNetwork { given: text.to_owned() })?;
        if network.trunc() != network {
            return Err(BadNetwork::NotTheFirst { given: text.to_owned(), network: network.trunc().to_string() });
        }
        Ok(Self(network))
    }
}

/// Nobody's address.
impl Default for ProxyNetwork {
    fn default() -> Self {
        Self(IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED).into())
    }
}

impl fmt::Display for ProxyNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

text_form! { ProxyNetwork, |network| &network.to_string(), schemars::json_schema!({ "type": "string" }) }

#[cfg(test)]
mod tests;
