//! Where a connection comes from that proxies pass on.

use std::net::{IpAddr, SocketAddr};

/// Who stands behind `proxy`, by the lines of `X-Forwarded-For`, each of which lists addresses from the client to the last
/// proxy but one. They are read from their end, as far as those are trusted who say so: whoever stands further in front can
/// have been made up. The port is 0 where it is not said.
pub(super) fn client<'a>(
    proxy: SocketAddr,
    lines: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusts: impl Fn(IpAddr) -> bool,
) -> SocketAddr {
    let mut client = proxy;
    let hops = lines.rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for hop in hops {
        if !trusts(client.ip()) {
            break;
        }
        // What is no address comes from nobody who is known.
        let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) else { break };
        client = address;
    }
    client
}

/// `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]` or `[::1]:5`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let known = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0)).or_else(|_| text.parse()).ok()?;
    Some(SocketAddr::new(known.ip().to_canonical(), known.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proxies are all in 10.0.0.0/8.
    fn found(proxy: &str, lines: &[&str]) -> String {
        let trusts = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
        client(proxy.parse().unwrap(), lines.iter().map(|line| line.as_bytes()), trusts).to_string()
    }

    #[test]
    fn the_client_is_the_first_from_the_end_whom_nobody_vouches_for() {
        for (lines, client) in [
            (&["203.0.113.7"][..], "203.0.113.7:0"),
            (&["203.0.113.7, 10.0.0.2"], "203.0.113.7:0"),
            (&["1.1.1.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7:0"),
            (&["1.1.1.1", "203.0.113.7", "10.0.0.2,10.0.0.3"], "203.0.113.7:0"),
            (&["203.0.113.7:4711"], "203.0.113.7:4711"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
            (&["[2001:db8::1]:7"], "[2001:db8::1]:7"),
            (&["::ffff:203.0.113.7"], "203.0.113.7:0"),
            (&["10.0.0.9, 10.0.0.2"], "10.0.0.9:0"),
        ] {
            assert_eq!(found("10.0.0.1:5", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_looked_behind() {
        for (lines, client) in [
            (&[][..], "10.0.0.1:5"),
            (&[""], "10.0.0.1:5"),
            (&["203.0.113.7, unknown"], "10.0.0.1:5"),
            (&["203.0.113.7, , 10.0.0.2"], "10.0.0.2:0"),
            (&["203.0.113.7\n"], "203.0.113.7:0"),
        ] {
            assert_eq!(found("10.0.0.1:5", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(found("203.0.113.9:5", &["203.0.113.7"]), "203.0.113.9:5");
    }
}
