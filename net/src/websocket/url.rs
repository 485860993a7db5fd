//! Addresses `ws://` and `wss://`.

use std::str::FromStr;

/// Where a WebSocket is, and under which path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    addr: String,
    host: String,
    target: String,
}

/// A text is no address of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not an address of a WebSocket: write ws://host:port/path or wss://host:port/path")]
pub struct BadUrl {
    /// What was given.
    pub given: String,
}

impl Url {
    /// Whether `text` means to be one: whether its scheme is that of WebSocket.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        scheme(text).is_some()
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// What is dialed: `host:port`.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The same with TLS.
    #[must_use]
    pub fn secured(self) -> Self {
        Self { secure: true, ..self }
    }

    /// What the server is told to be called: host, and port where it is not the usual one.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Path and query.
    pub(super) fn target(&self) -> &str {
        &self.target
    }
}

/// Whether TLS is spoken, and what stands behind the scheme.
fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme {
        _ if scheme.eq_ignore_ascii_case("ws") => Some((false, rest)),
        _ if scheme.eq_ignore_ascii_case("wss") => Some((true, rest)),
        _ => None,
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl { given: text.to_owned() };
        let (secure, rest) = scheme(text).ok_or_else(bad)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let odd = |char: char| !char.is_ascii_graphic() || char == '@';
        if host.contains(odd) || target.contains(|char: char| !char.is_ascii_graphic()) {
            return Err(bad());
        }
        let usual = if secure { 443 } else { 80 };
        let (name, port) = match host.rsplit_once(':') {
            // An address in brackets alone has colons, but no port.
            Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().map_err(|_| bad())?),
            _ => (host, usual),
        };
        let bare = name.strip_prefix('[').map_or(Some(name), |inner| inner.strip_suffix(']'));
        if bare.is_none_or(str::is_empty) || bare == Some(name) && name.contains(':') {
            return Err(bad());
        }
        let host = if port == usual { name.to_owned() } else { format!("{name}:{port}") };
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { secure, addr: format!("{name}:{port}"), host, target: format!("{slash}{target}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in() {
        for (text, secure, addr, host, target) in [
            ("ws://gateway:30013", false, "gateway:30013", "gateway:30013", "/"),
            (
                "wss://gateway.example.com/edges?token=x",
                true,
                "gateway.example.com:443",
                "gateway.example.com",
                "/edges?token=x",
            ),
            ("WS://[::1]/", false, "[::1]:80", "[::1]", "/"),
            ("wss://[::1]:8443?a", true, "[::1]:8443", "[::1]:8443", "/?a"),
            ("ws://h:80/a#b", false, "h:80", "h", "/a"),
        ] {
            let url: Url = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((url.secure, url.addr(), url.host(), url.target()), (secure, addr, host, target), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "ws://",
            "ws:///path",
            "ws://h:port",
            "ws://a b",
            "ws://user@h",
            "http://h",
            "h:1",
            "ws://::1",
            "ws://[::1",
            "ws://h/ä",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
        assert!(Url::is_meant("WSS://x") && !Url::is_meant("host:1") && !Url::is_meant("http://x"));
    }
}
