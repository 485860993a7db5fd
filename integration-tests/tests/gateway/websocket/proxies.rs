//! Behind proxies: where an edge comes from, and a real nginx with the configuration that the documentation gives.

use std::fs;
use std::net::SocketAddr;

use frontier_integration_tests::certificates::Authority;
use frontier_integration_tests::containers::root;
use frontier_integration_tests::nginx::Nginx;
use frontier_integration_tests::raw::{Client, HOOKS, Hello, TlsClient, presence_event};
use frontier_integration_tests::websocket::{Ask, WebSocket, first};
use frontier_integration_tests::{Gateway, eventually};

use super::{port, settings};

/// Where the hooks are told that an edge comes from that connects to `addr` in this way.
#[track_caller]
fn origin(hooks: &mut Client, websocket: WebSocket, id: u64) -> (SocketAddr, Client) {
    let mut edge = Client::inside(websocket);
    edge.say(&Hello::default());
    hooks.hand_out(id);
    let online = hooks.called("edge_online");
    let event = presence_event(&online);
    hooks.respond(&online, b"");
    edge.admitted();
    let told = event["Str"].as_str().and_then(|addr| addr.parse().ok());
    (told.unwrap_or_else(|| panic!("no address in {event}")), edge)
}

fn forwarded(list: &str) -> Ask {
    Ask::default().with(&format!("X-Forwarded-For: {list}"))
}

#[test]
fn a_trusted_proxy_says_where_an_edge_comes_from() {
    let gateway = settings(&["  trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]"]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut edges = Vec::new();
    for (list, expected) in [
        ("203.0.113.7", "203.0.113.7:0"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7:0"),
        ("[2001:db8::1]:4711", "[2001:db8::1]:4711"),
    ] {
        let websocket = WebSocket::connect(port(&gateway), &forwarded(list));
        let (told, edge) = origin(&mut hooks, websocket, edges.len() as u64 + 1);
        assert_eq!(told.to_string(), expected, "{list}");
        edges.push(edge);
    }
    let websocket = WebSocket::connect(port(&gateway), &Ask::default());
    let itself = websocket.local_addr();
    assert_eq!(origin(&mut hooks, websocket, 9).0, itself);
}

#[test]
fn nobody_else_is_believed() {
    let gateway = settings(&["  trusted_proxies: [10.0.0.0/8]"]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let websocket = WebSocket::connect(port(&gateway), &forwarded("203.0.113.7"));
    let itself = websocket.local_addr();
    assert_eq!(origin(&mut hooks, websocket, 1).0, itself);
}

#[test]
fn links_are_counted_by_where_they_come_from_and_not_by_the_proxy() {
    let mut settings = settings(&["  trusted_proxies: [127.0.0.1]"]);
    settings.edgebound.push("limits: { max_links_per_address: 1 }".to_owned());
    let gateway = settings.start();
    let first = WebSocket::connect(port(&gateway), &forwarded("203.0.113.7"));
    let _second = WebSocket::connect(port(&gateway), &forwarded("203.0.113.8"));
    let third = WebSocket::ask(port(&gateway), &forwarded("203.0.113.7").text());
    assert!(third.status == 429 && third.body.contains("address"), "{third:?}");
    first.reset();
    eventually("there is a place again", || {
        let answer = WebSocket::ask(port(&gateway), &forwarded("203.0.113.7").text());
        (answer.status == 101).then_some(())
    });
}

/// The block of nginx in the documentation, for this gateway and certificate.
fn documented(gateway: &Gateway, certificate: &frontier_integration_tests::certificates::Pair) -> String {
    let text = fs::read_to_string(root().join("docs/browsers.md")).expect("the documentation is there");
    let (_, block) = text.split_once("```nginx\n").expect("there is a block for nginx");
    let (block, _) = block.split_once("```").expect("it ends");
    let mut site = block.to_owned();
    for (there, here) in [
        ("listen 443 ssl;", "listen LISTEN ssl;".to_owned()),
        ("127.0.0.1:30013", port(gateway).to_string()),
        ("/etc/nginx/edges.pem", certificate.cert.display().to_string()),
        ("/etc/nginx/edges.key", certificate.key.display().to_string()),
    ] {
        assert!(site.contains(there), "{there} is not in {site}");
        site = site.replace(there, &here);
    }
    site
}

#[test]
fn nginx_passes_edges_on_as_documented_and_keeps_idle_ones() {
    let gateway = settings(&["  trusted_proxies: [127.0.0.1]", "  ping_seconds: 2"]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let authority = Authority::new("ours");
    let certificate = authority.pair("edges", "edges.example.com");
    // nginx forgets connections after a minute of silence, here sooner; pings are what keeps them.
    let site = format!("proxy_read_timeout 5s;\n{}", documented(&gateway, &certificate));
    let nginx = Nginx::start(&site);
    let tls = TlsClient::new(&authority, "edges.example.com", None);
    let ask = Ask::default().with("X-Forwarded-For: 203.0.113.99");
    let websocket = WebSocket::connect_tls(nginx.addr, &tls, &ask);
    // nginx appends the address that it sees, here one that is trusted as well: what stands in front of that counts.
    let (told, mut edge) = origin(&mut hooks, websocket, 1);
    assert_eq!(told.to_string(), "203.0.113.99:0");
    edge.heartbeat();
    edge.close();
    assert_eq!(hooks.heard("edge_offline"), 1);

    let mut idle = WebSocket::connect_tls(nginx.addr, &tls, &Ask::default());
    let hello = frontier_integration_tests::raw::Frame::bytes_of(1, 7, &Hello::default().body());
    idle.send(first::BINARY, &hello);
    hooks.hand_out(2);
    assert_eq!(hooks.heard("edge_online"), 2);
    let mut pings = 0;
    while pings < 3 {
        let frame = idle.next_frame().expect("nginx keeps it");
        if frame.first == first::PING {
            idle.send(first::PONG, &frame.payload);
            pings += 1;
        }
    }
    assert_eq!(gateway.metric("frontier_links", &["transport=\"ws\""]), 1.0);
    assert_eq!(idle_page(&nginx, &tls), 200);
}

/// The status of a look at what is behind nginx.
fn idle_page(nginx: &Nginx, tls: &TlsClient) -> u16 {
    WebSocket::ask_tls(nginx.addr, tls, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status
}
