//! Addresses as the Go gateway takes them: `[scheme://][user[:password]@]host[:port][/path]`, escaped as in URLs.

use percent_encoding::percent_decode_str;

use crate::secret::BrokerAddr;

/// The parts of an address, unescaped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    /// In lower case; none where there is no `://`.
    pub(crate) scheme: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// The host, with its port if that is given.
    pub(crate) host: &'a str,
    /// What stands behind the first `/`; none where that is nothing.
    pub(crate) path: Option<String>,
}

impl<'a> Url<'a> {
    /// Takes an address apart; the error says what is wrong, without a password.
    pub(crate) fn parse(addr: &'a BrokerAddr) -> Result<Self, &'static str> {
        let text = addr.expose();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        // A password that is not escaped may hold another `@`, and what is behind the last is the host in any case.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (host, path) = place.split_once('/').unwrap_or((place, ""));
        if place.contains('?') {
            return Err("takes nothing behind `?`; write the keys of this section in its place");
        }
        if host.is_empty() || host.starts_with(':') {
            return Err("empty address; write host:port");
        }
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, "")) => (Some(decoded(user)?), None),
            Some((user, password)) => (Some(decoded(user)?), Some(decoded(password)?)),
            None => (None, None),
        };
        let path = if path.is_empty() { None } else { Some(decoded(path)?) };
        Ok(Self { scheme, user, password, host, path })
    }
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| "has an escape, `%` and two digits, that makes no UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<[String; 5], &'static str> {
        let addr: BrokerAddr = text.parse().expect("any text is one");
        let url = Url::parse(&addr)?;
        let or_dash = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        Ok([or_dash(url.scheme), or_dash(url.user), or_dash(url.password), url.host.to_owned(), or_dash(url.path)])
    }

    #[test]
    fn addresses_come_apart() {
        for (text, parts) in [
            ("h", ["-", "-", "-", "h", "-"]),
            ("h:1", ["-", "-", "-", "h:1", "-"]),
            ("h:1/", ["-", "-", "-", "h:1", "-"]),
            ("[::1]:1/v", ["-", "-", "-", "[::1]:1", "v"]),
            ("u@h", ["-", "u", "-", "h", "-"]),
            ("u:p%23w@host:5672/%2f", ["-", "u", "p#w", "host:5672", "/"]),
            ("AMQPS://u:a@b%41:c@h/a%2Fb", ["amqps", "u", "a@bA:c", "h", "a/b"]),
            ("nats://token@h:4222", ["nats", "token", "-", "h:4222", "-"]),
        ] {
            assert_eq!(parsed(text), Ok(parts.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for (text, expected) in [
            ("", "empty address; write host:port"),
            ("u:p@", "empty address; write host:port"),
            (":5672", "empty address; write host:port"),
            ("h:1/?heartbeat=5", "takes nothing behind `?`; write the keys of this section in its place"),
            ("u:%ff@h", "has an escape, `%` and two digits, that makes no UTF-8"),
        ] {
            assert_eq!(parsed(text), Err(expected), "{text}");
        }
    }
}
