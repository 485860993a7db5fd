use super::*;

fn addr(text: &str) -> ListenAddr {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_form_of_an_address_is_read_and_printed_alike() {
    for (text, host, port) in [
        ("0.0.0.0:30012", "0.0.0.0", 30012),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:65535", "localhost", 65535),
        ("gateway-1.example.com:80", "gateway-1.example.com", 80),
        ("[::]:30012", "::", 30012),
        ("[2001:db8::1]:1", "2001:db8::1", 1),
        (":30012", "", 30012),
    ] {
        let addr = addr(text);
        assert_eq!((addr.host(), addr.port()), (host, port), "{text}");
        assert_eq!(addr.to_string(), text);
    }
}

#[test]
fn an_address_without_port_is_told_so() {
    for text in ["0.0.0.0", "localhost", "", "[::1]"] {
        let error = text.parse::<ListenAddr>().unwrap_err();
        assert!(matches!(error, BadAddr::NoPort { .. }), "{text}: {error}");
    }
}

#[test]
fn a_port_is_a_number_of_sixteen_bits() {
    for text in ["h:", "h:65536", "h:-1", "h:http", "h:1 "] {
        let error = text.parse::<ListenAddr>().unwrap_err();
        assert!(matches!(error, BadAddr::NoSuchPort { .. }), "{text}: {error}");
    }
}

#[test]
fn an_ipv6_address_needs_its_brackets_and_a_host_no_blanks() {
    for text in ["::1:30012", "[::1:30012", "::1]:30012", "[::g]:1", "[]:1", "tcp://h:1", "a b:1"] {
        let error = text.parse::<ListenAddr>().unwrap_err();
        assert!(matches!(error, BadAddr::NoSuchHost { .. }), "{text}: {error}");
    }
}

#[test]
fn an_empty_host_is_every_interface_of_both_families() {
    let addrs: Vec<_> = addr(":7").to_socket_addrs().unwrap().collect();
    assert_eq!(addrs, ["[::]:7".parse().unwrap(), "0.0.0.0:7".parse().unwrap()]);
}

#[test]
fn a_literal_address_is_bound_as_it_stands() {
    let addrs: Vec<_> = addr("[::1]:7").to_socket_addrs().unwrap().collect();
    assert_eq!(addrs, ["[::1]:7".parse().unwrap()]);
}
