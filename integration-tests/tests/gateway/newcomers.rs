//! Connections that are no links yet, or never: limits, probes, and a process without descriptors.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::process::{open_files, resident_kib};
use frontier_integration_tests::raw::{Client, Hello, Pair, TlsClient};
use frontier_integration_tests::{Gateway, PATIENCE, Settings, eventually};
use socket2::{Domain, SockRef, Socket, Type};

fn links(gateway: &Gateway) -> f64 {
    gateway.metric("frontier_links", &[])
}

fn refused(gateway: &Gateway, limit: &str) -> f64 {
    gateway.metric("frontier_connections_refused_total", &[&format!("limit=\"{limit}\"")])
}

#[test]
fn links_above_the_limit_are_closed_at_once_and_told_once() {
    let edgebound = vec!["limits: { max_links: 3 }".to_owned()];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let mut edges: Vec<Client> = (0..3).map(|_| Client::edge(gateway.edge)).collect();
    for _ in 0..20 {
        Client::dial(gateway.edge).cut_off();
    }
    assert_eq!(refused(&gateway, "max_links"), 20.0);
    gateway.logged("edgebound.limits.max_links is 3");
    assert_eq!(gateway.log.count("refused"), 1, "one line for all of them");
    // The others are not touched, nor is the other side.
    edges[0].heartbeat();
    let service = Client::service(gateway.service, "svc", &[]);
    drop(service);
    edges.pop().expect("there are three").close();
    let mut newcomer = eventually("there is room again", || admitted(gateway.edge));
    newcomer.heartbeat();
}

/// An edge, if it is let in.
fn admitted(addr: SocketAddr) -> Option<Client> {
    let mut client = Client::dial(addr);
    client.try_send_bytes(&hello()).ok()?;
    let ack = client.try_next(PATIENCE).ok()?;
    assert_eq!(ack.text("error"), "");
    Some(client)
}

#[test]
fn one_address_cannot_take_all_places() {
    let limits = vec!["limits: { max_links_per_address: 2 }".to_owned()];
    let gateway = Settings { edgebound: limits.clone(), servicebound: limits, ..Settings::default() }.start();
    let greedy: Vec<Client> = (0..2).map(|_| Client::edge(gateway.edge)).collect();
    Client::dial(gateway.edge).cut_off();
    assert_eq!(refused(&gateway, "max_links_per_address"), 1.0);
    gateway.logged("edgebound.limits.max_links_per_address is 2");
    let mut other = from([127, 0, 0, 2], gateway.edge);
    other.write_all(&hello()).expect("it is let in");
    let mut ack = [0; 14];
    other.read_exact(&mut ack).expect("an ack comes");
    // A side of its own.
    drop(Client::service(gateway.service, "svc", &[]));
    drop(greedy);
    eventually("the places are free again", || admitted(gateway.edge));
}

/// A connection from another address of this machine.
fn from(host: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    socket.bind(&SocketAddr::from((host, 0)).into()).expect("all of 127/8 is ours");
    socket.connect(&to.into()).expect("the gateway accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
    socket.into()
}

fn hello() -> Vec<u8> {
    let body = Hello::default().body();
    [&[1, 1, 0, 0, 0, 0, 0, 0, 0, 9][..], &(body.len() as u32).to_be_bytes(), &body].concat()
}

/// What load balancers, scanners and mistaken clients do to a port.
const PROBES: [(&str, &[u8]); 5] = [
    ("nothing, then FIN", b""),
    ("nothing, then RST", b""),
    ("HTTP", b"GET / HTTP/1.0\r\n\r\n"),
    ("TLS", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]),
    ("a proxy's line", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
];

fn probe(addr: SocketAddr, (name, bytes): (&str, &[u8])) {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE).expect("the port is open");
    // A port that has seen enough may be faster than this.
    let _ = stream.write_all(bytes);
    if name.ends_with("RST") {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER can be set");
    } else {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let in_time = !ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(in_time, "{addr} keeps a probe open: {name}");
    }
}

#[test]
fn probes_leave_no_line_no_link_and_no_descriptor() {
    let authority = Authority::new("ours");
    let tls = listener_yaml(&[&authority.pair("server", "gateway.test")], None);
    for settings in [Settings::default(), Settings { edge_tls: tls.clone(), service_tls: tls, ..Settings::default() }] {
        let mut gateway = settings.start();
        let ports = [gateway.edge, gateway.service, gateway.observability];
        let round = || ports.iter().for_each(|port| PROBES.iter().for_each(|each| probe(*port, *each)));
        (0..10).for_each(|_| round());
        let before = eventually("probes are over", || quiet(&gateway));
        let memory = resident_kib(gateway.pid());
        (0..60).for_each(|_| round());
        eventually("probes are over", || (quiet(&gateway)? <= before).then_some(()));
        let grown = resident_kib(gateway.pid()).saturating_sub(memory);
        assert!(grown < 4 * 1024, "900 probes took {grown} KiB");
        assert_eq!(gateway.metric("frontier_admissions_total", &["result=\"admitted\""]), 0.0);
        gateway.ends_without_complaint();
    }
}

/// The open files of a gateway on which nothing is left of any peer.
fn quiet(gateway: &Gateway) -> Option<usize> {
    assert_eq!(links(gateway), 0.0);
    let open = open_files(gateway.pid());
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", gateway.pid())).expect("it runs, on Linux");
    let ports = [gateway.edge, gateway.service, gateway.observability].map(|addr| format!(":{:04X}", addr.port()));
    let held = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = ports.iter().any(|port| fields[1].ends_with(port));
        // Established, or closed by the peer alone.
        ours && ["01", "08"].contains(&fields[3])
    };
    (!table.lines().skip(1).any(held)).then_some(open)
}

#[test]
fn w29_without_descriptors_accepting_pauses_is_told_once_and_goes_on() {
    let gateway = Settings { open_files: Some(64), ..Settings::default() }.start();
    let mut pair = Pair::connect(&gateway);
    let crowd: Vec<TcpStream> =
        (0..150).map(|_| TcpStream::connect_timeout(&gateway.edge, PATIENCE).expect("the system takes it")).collect();
    gateway.logged("cannot accept connections for now");
    pair.works();
    // A newcomer waits with the system until there is room.
    let mut patient = Client::dial(gateway.edge);
    patient.say(&Hello::default());
    assert!(patient.try_next(Duration::from_millis(300)).is_err(), "there is no descriptor for it");
    drop(crowd);
    patient.admitted();
    Client::edge(gateway.edge).heartbeat();
    pair.works();
    assert_eq!(gateway.log.count("cannot accept connections"), 1);
}

#[test]
fn limits_hold_over_tls_and_count_unfinished_handshakes() {
    let authority = Authority::new("ours");
    let edge_tls = listener_yaml(&[&authority.pair("server", "gateway.test")], None);
    let edgebound = vec!["limits: { max_links: 2 }".to_owned()];
    let gateway = Settings { edge_tls, edgebound, ..Settings::default() }.start();
    let client = TlsClient::new(&authority, "gateway.test", None);
    let half = Client::dial(gateway.edge);
    let mut edge = Client::dial_tls(gateway.edge, &client);
    edge.say(&Hello::default());
    edge.admitted();
    Client::dial(gateway.edge).cut_off();
    drop(half);
    eventually("there is room again", || client.connect(gateway.edge).ok());
    edge.heartbeat();
}
