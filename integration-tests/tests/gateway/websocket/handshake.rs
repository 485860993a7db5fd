//! What is asked for, and what is answered.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Client, Frame, Hello, TlsClient, kind};
use frontier_integration_tests::websocket::{Ask, WebSocket, first};
use frontier_integration_tests::{Gateway, PATIENCE, eventually};

use super::{dialed, port, settings};

fn status(gateway: &Gateway, ask: &Ask) -> u16 {
    WebSocket::ask(port(gateway), &ask.text()).status
}

fn upgrades(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric("frontier_websocket_upgrades_total", &[&format!("result=\"{result}\"")])
}

#[test]
fn whoever_looks_at_the_port_gets_a_page_that_says_what_it_is() {
    let gateway = settings(&[]).start();
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /index.html HTTP/1.0\r\n\r\n"] {
        let answer = WebSocket::ask(port(&gateway), request);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("WebSocket port of a Frontier gateway"), "{answer:?}");
        assert!(answer.head.contains(&format!("\r\nContent-Length: {}\r\n", answer.body.len())), "{answer:?}");
    }
    eventually("they are counted", || (upgrades(&gateway, "page") == 2.0).then_some(()));
}

#[test]
fn pages_of_other_origins_are_kept_out_and_programs_are_not() {
    let origins = "  allowed_origins: ['https://example.com', 'null', 'http://*.test:8080']";
    let apps = settings(&["  allowed_origins: ['file://']"]).start();
    assert_eq!(status(&apps, &Ask::default().with("Origin: file://")), 101);
    let gateway = settings(&[origins]).start();
    for origin in ["https://example.com", "HTTPS://Example.com:443", "null", "http://a.test:8080"] {
        assert_eq!(status(&gateway, &Ask::default().with(&format!("Origin: {origin}"))), 101, "{origin}");
    }
    assert_eq!(status(&gateway, &Ask::default()), 101, "no origin");
    for origin in ["http://example.com", "https://example.com.evil.org", "file://", "https://evil.org"] {
        let ask = Ask::default().with(&format!("Origin: {origin}"));
        let answer = WebSocket::ask(port(&gateway), &ask.text());
        assert!(answer.status == 403 && answer.body.contains("allowed_origins"), "{answer:?}");
    }
    eventually("they are counted", || (upgrades(&gateway, "forbidden_origin") == 4.0).then_some(()));
}

#[test]
fn without_a_list_no_page_comes_in() {
    let gateway = settings(&[]).start();
    gateway.logged("no page can connect over WebSocket: edgebound.websocket.allowed_origins is empty");
    assert_eq!(status(&gateway, &Ask::default().with("Origin: http://localhost")), 403);
    assert_eq!(status(&gateway, &Ask::default()), 101);
}

#[test]
fn what_real_clients_send_is_taken_and_what_is_wrong_is_told() {
    let gateway = settings(&["  path: /edges"]).start();
    let ask = || Ask::default().under("/edges");
    let cookies = format!("Cookie: {}", "c".repeat(12 * 1024));
    for good in [
        ask(),
        ask().under("/edges?token=x"),
        ask().under("/edges/"),
        ask().with(&cookies),
        ask().with("Connection: keep-alive"),
        ask().with("Sec-WebSocket-Extensions: permessage-deflate"),
        Ask { headers: Vec::new(), ..ask() },
        Ask { headers: vec!["Sec-WebSocket-Protocol: foo, frontier.v1".to_owned()], ..ask() },
        Ask { headers: vec!["Sec-WebSocket-Protocol: foo".to_owned()], ..ask() },
    ]
    .map(|ask| ask.text())
    .into_iter()
    .chain([
        ask().text().replace("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
        ask().text().replace("Upgrade: websocket", "Upgrade: WebSocket"),
        with_lower_case_names(&ask().text()),
    ]) {
        let answer = WebSocket::ask(port(&gateway), &good);
        assert_eq!(answer.status, 101, "{answer:?} to {good}");
        let ours = good.contains("frontier.v1");
        assert_eq!(answer.head.contains("\r\nSec-WebSocket-Protocol: frontier.v1\r\n"), ours, "{answer:?}");
        assert!(!answer.head.contains("Extensions"), "{answer:?}");
    }
    assert_eq!(status(&gateway, &Ask::default()), 404);
    assert_eq!(status(&gateway, &ask().with(&"c".repeat(20 * 1024))), 431);
    for (there, here, expected) in [
        ("Version: 13", "Version: 8", 426),
        ("Upgrade: websocket\r\n", "", 426),
        ("HTTP/1.1", "HTTP/1.0", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400),
        ("GET", "POST", 405),
    ] {
        let answer = WebSocket::ask(port(&gateway), &ask().text().replacen(there, here, 1));
        assert_eq!(answer.status, expected, "{there} as {here}: {answer:?}");
        assert_eq!(answer.head.contains("\r\nSec-WebSocket-Version: 13\r\n"), expected == 426, "{answer:?}");
    }
}

/// A request whose headers are named as HTTP/2 and its proxies write them.
fn with_lower_case_names(request: &str) -> String {
    let (line, headers) = request.split_once("\r\n").expect("a request has a first line");
    let lower = |header: &str| match header.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
        None => header.to_owned(),
    };
    [line.to_owned()].into_iter().chain(headers.split("\r\n").map(lower)).collect::<Vec<_>>().join("\r\n")
}

/// Sends a request header by header, a short time apart, until the gateway has had enough. Whether it closed without an answer.
fn drip(addr: SocketAddr) -> bool {
    let mut socket = TcpStream::connect(addr).expect("the gateway accepts");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time-out can be set");
    let mut text = "GET / HTTP/1.1\r\n";
    // More of them than that are too many, which is another story.
    for _ in 0..90 {
        let written = socket.write_all(text.as_bytes());
        text = "X-Header: more\r\n";
        match socket.read(&mut [0]) {
            Ok(0) => return true,
            Ok(_) => return false,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && written.is_ok() => {}
            Err(_) => return true,
        }
    }
    false
}

#[test]
fn what_comes_together_with_the_request_is_not_lost() {
    let gateway = settings(&[]).start();
    let conn = Frame::bytes_of(kind::CONN, 7, &Hello::default().body());
    let mut early = WebSocket::dial(port(&gateway));
    early.send_bytes(
        &[Ask::default().text().as_bytes(), &frontier_integration_tests::websocket::frame(0x82, &conn)].concat(),
    );
    assert_eq!(early.answer().status, 101);
    let ack = early.next_frame().expect("the edge is let in");
    assert_eq!((ack.first, &ack.payload[..2]), (first::BINARY, &[1, kind::CONN_ACK][..]));
}

#[test]
fn who_speaks_something_else_or_nothing_is_cut_off() {
    let mut settings = settings(&[]);
    settings.edgebound.push("limits: { handshake_seconds: 3 }".to_owned());
    let mut gateway = settings.start();
    // A request that never ends, one that never begins, and a WebSocket in which nobody says hello.
    let mut slow = WebSocket::dial(port(&gateway));
    slow.send_bytes(b"GET / HTTP/1.1\r\nHost: ");
    let mut silent = WebSocket::dial(port(&gateway));
    assert!(drip(port(&gateway)), "headers that keep coming buy no time");
    let mut mute = WebSocket::connect(port(&gateway), &Ask::default());
    assert_eq!(slow.next_frame(), None);
    assert_eq!(silent.next_frame(), None);
    assert_eq!(mute.closed().0, 1008);
    eventually("they are counted", || (upgrades(&gateway, "timed_out") == 3.0).then_some(()));

    let mut foreign = Client::dial(port(&gateway));
    foreign.say(&Hello::default());
    let answer = WebSocket::ask(port(&gateway), "\u{16}\u{3}\u{1}");
    assert_eq!(answer.status, 400);
    for _ in 0..20 {
        WebSocket::dial(port(&gateway)).reset();
    }
    eventually("they are counted", || (upgrades(&gateway, "refused") == 2.0).then_some(()));
    dialed(&gateway, &Ask::default());
    gateway.ends_without_complaint();
}

#[test]
fn over_tls_it_is_the_same_and_certificates_and_origins_are_read_again() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let pair = old.pair("server", "gateway.test");
    let tls = format!("  listen: {{ addr: 127.0.0.1:0, tls: {} }}", listener_yaml(&[&pair], None));
    let mut settings = settings(&["  allowed_origins: ['https://a.test']"]);
    settings.edgebound[2] = tls;
    let gateway = settings.start();
    let trusting = |authority: &Authority| TlsClient::new(authority, "gateway.test", None);
    let ask = |host: &str| Ask::default().with(&format!("Origin: https://{host}.test"));
    let mut edge = Client::inside(WebSocket::connect_tls(port(&gateway), &trusting(&old), &ask("a")));
    edge.say(&Hello::default());
    edge.admitted();

    pair.replace_with(&new.pair("other", "gateway.test"));
    settings.edgebound[3] = "  allowed_origins: ['https://b.test']".to_owned();
    fs::write(gateway.file(), gateway.yaml_here(&settings)).expect("the file can be written");
    gateway.signal(Signal::Hup);
    gateway.logged("configuration reloaded");
    let mut newcomer = Client::inside(WebSocket::connect_tls(port(&gateway), &trusting(&new), &ask("b")));
    newcomer.say(&Hello::default());
    newcomer.admitted();
    edge.heartbeat();
    assert_eq!(gateway.metric("frontier_links", &["transport=\"wss\""]), 2.0);

    settings.edgebound[1] = "  enable: false".to_owned();
    fs::write(gateway.file(), gateway.yaml_here(&settings)).expect("the file can be written");
    gateway.signal(Signal::Hup);
    let line = gateway.log.wait_for("configuration not reloaded", PATIENCE).expect("a port cannot be closed by that");
    assert!(line.contains("edgebound.websocket.enable"), "{line}");
}
