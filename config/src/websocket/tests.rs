use super::*;

fn allowing(origins: &[&str]) -> WebSocket {
    let allowed = origins.iter().map(|text| text.parse().unwrap_or_else(|error| panic!("{error}")));
    WebSocket { allowed_origins: allowed.collect(), ..WebSocket::default() }
}

#[test]
fn an_origin_is_the_same_however_it_is_written() {
    let websocket = allowing(&["https://example.com", "http://localhost:5173", "http://[::1]:80"]);
    for origin in [
        "https://example.com",
        "HTTPS://Example.com:443",
        "https://example.com:443",
        "http://localhost:5173",
        "http://[::1]",
    ] {
        assert!(websocket.allows(origin), "{origin}");
    }
    for origin in [
        "http://example.com",
        "https://example.com:444",
        "https://example.com.evil.org",
        "https://evil.org/https://example.com",
        "https://www.example.com",
        "http://localhost",
        "example.com",
        "null",
        "file://",
        "",
        "https://",
    ] {
        assert!(!websocket.allows(origin), "{origin}");
    }
}

#[test]
fn pages_without_an_origin_come_in_if_they_are_listed() {
    assert!(allowing(&["null"]).allows("null"));
    assert!(!allowing(&["null"]).allows("file://"));
    assert!(allowing(&["file://"]).allows("file://"));
    for origin in ["null", "file://", "https://a.b", "rubbish"] {
        assert!(allowing(&["*"]).allows(origin), "{origin}");
        assert!(!allowing(&[]).allows(origin), "{origin}");
    }
}

#[test]
fn a_star_stands_for_names_below_one() {
    let websocket = allowing(&["https://*.example.com", "http://*.local:8080"]);
    for origin in ["https://a.example.com", "https://a.b.example.com", "http://x.local:8080"] {
        assert!(websocket.allows(origin), "{origin}");
    }
    for origin in [
        "https://example.com",
        "https://.example.com",
        "https://aexample.com",
        "http://a.example.com",
        "http://x.local",
    ] {
        assert!(!websocket.allows(origin), "{origin}");
    }
}

#[test]
fn what_is_no_origin_is_refused() {
    for text in [
        "example.com",
        "https://",
        "https://example.com/",
        "https://example.com/path",
        "https://a b",
        "https://user@example.com",
        "https://example.com:port",
        "https://*",
        "https://a.*.example.com",
        "https://*.127.0.0.1",
        "**",
    ] {
        assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
    }
}

#[test]
fn a_proxy_is_trusted_by_its_network() {
    let networks = ["10.0.0.0/8", "192.168.1.7", "fd00::/8"].map(|text| text.parse().unwrap());
    let websocket = WebSocket { trusted_proxies: networks.to_vec(), ..WebSocket::default() };
    for proxy in ["10.255.0.1", "192.168.1.7", "fd12::1", "::ffff:10.0.0.1"] {
        assert!(websocket.trusts(proxy.parse().unwrap()), "{proxy}");
    }
    for proxy in ["11.0.0.1", "192.168.1.8", "fe80::1", "::"] {
        assert!(!websocket.trusts(proxy.parse().unwrap()), "{proxy}");
    }
    assert_eq!(networks.map(|network| network.to_string()), ["10.0.0.0/8", "192.168.1.7", "fd00::/8"]);
}

#[test]
fn a_network_begins_with_its_first_address() {
    assert_eq!(
        "10.1.2.3/8".parse::<ProxyNetwork>(),
        Err(BadNetwork::NotTheFirst { given: "10.1.2.3/8".to_owned(), network: "10.0.0.0/8".to_owned() })
    );
    for text in ["10.0.0.0/33", "localhost", "10.0.0", "*"] {
        assert!(matches!(text.parse::<ProxyNetwork>(), Err(BadNetwork::NoNetwork { .. })), "{text}");
    }
}

#[test]
fn a_path_is_one_of_a_url() {
    let fault = |path: &str| WebSocket { path: path.to_owned(), ..WebSocket::default() }.path_fault();
    for path in ["/", "/edges", "/a/b-c_d.e~f"] {
        assert_eq!(fault(path), None, "{path}");
    }
    for path in ["edges", "", "/a?b", "/a#b", "/a b", "/ä", "/<a>"] {
        assert!(fault(path).is_some(), "{path}");
    }
}
