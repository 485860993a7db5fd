//! One public port for edges and for another server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::process::{Signal, open_files};
use frontier_integration_tests::raw::{Client, Hello, Pair, TlsClient};
use frontier_integration_tests::{Gateway, PATIENCE, Settings, eventually};

/// The other server: `serve` gets every connection, in a thread of its own.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let addr = listener.local_addr().expect("it has an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// Answers 100 KiB once the client has said all.
fn answers_after_the_end(mut stream: TcpStream) {
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("it can be read");
    stream.write_all(&said).expect("it can be written");
    stream.write_all(&vec![b'x'; 100 * 1024]).expect("it can be written");
}

fn sends_back(mut stream: TcpStream) {
    let mut piece = [0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        if stream.write_all(&piece[..count]).is_err() {
            return;
        }
    }
}

fn settings(servers: &[SocketAddr]) -> Settings {
    let addrs: Vec<String> = servers.iter().map(|addr| format!("\"{addr}\"")).collect();
    let edgebound =
        vec!["bypass_enable: true".to_owned(), format!("bypass: {{ network: tcp, addrs: [{}] }}", addrs.join(", "))];
    Settings { edgebound, ..Settings::default() }
}

fn dial(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
    stream
}

/// Says `text`, closes its direction, and reads to the end.
fn ask(addr: SocketAddr, text: &[u8]) -> Vec<u8> {
    let mut stream = dial(addr);
    stream.write_all(text).expect("it can be written");
    stream.shutdown(Shutdown::Write).expect("it can be half closed");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    answer
}

fn ended(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric("frontier_bypass_ended_total", &[&format!("result=\"{result}\"")])
}

#[test]
fn edges_and_another_protocol_share_a_port() {
    let gateway = settings(&[server(sends_back)]).start();
    let mut pair = Pair::connect(&gateway);
    let mut other = dial(gateway.edge);
    for text in [&b"G"[..], b"ET / HTTP/1.1\r\n", b"\x01\x01\x00"] {
        other.write_all(text).expect("it can be written");
        let mut answer = vec![0; text.len()];
        other.read_exact(&mut answer).expect("it comes back");
        assert_eq!(answer, text);
        pair.works();
    }
    assert_eq!(gateway.metric("frontier_bypass_connections", &[]), 1.0);
    assert_eq!(gateway.metric("frontier_links", &["side=\"edge\""]), 1.0);
    // An edge's first two bytes may come one by one.
    let mut edge = Client::dial(gateway.edge);
    edge.send_bytes(&[1]);
    edge.send_bytes(&[1]);
    let body = Hello::default().body();
    let rest = [&[0, 0, 0, 0, 0, 0, 0, 9][..], &(body.len() as u32).to_be_bytes(), &body].concat();
    edge.send_bytes(&rest);
    assert_eq!(edge.next(frontier_integration_tests::raw::kind::CONN_ACK).id, 9);
    drop(other);
    eventually("it is over", || (ended(&gateway, "done") == 1.0).then_some(()));
}

#[test]
fn the_end_of_one_direction_leaves_the_other_open() {
    let gateway = settings(&[server(answers_after_the_end)]).start();
    thread::scope(|scope| {
        for number in 0..50_u8 {
            let addr = gateway.edge;
            scope.spawn(move || {
                let text = [b'h', number, b'l', b'o'];
                let answer = ask(addr, &text);
                assert_eq!(answer.len(), text.len() + 100 * 1024);
                assert!(answer.starts_with(&text));
            });
        }
    });
    eventually("all are over", || (ended(&gateway, "done") == 50.0).then_some(()));
    assert_eq!(gateway.metric("frontier_bypass_connections", &[]), 0.0);
}

#[test]
fn a_server_that_ends_first_is_passed_on_too() {
    let gateway = settings(&[server(|mut stream| {
        let mut first = [0; 1];
        stream.read_exact(&mut first).expect("it can be read");
        stream.write_all(b"busy").expect("it can be written");
        stream.shutdown(Shutdown::Write).expect("it can be half closed");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("it can be read");
        assert_eq!(rest, b"ello");
    })])
    .start();
    let mut stream = dial(gateway.edge);
    stream.write_all(b"h").expect("it can be written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    assert_eq!(answer, b"busy");
    stream.write_all(b"ello").expect("the other direction is open");
    drop(stream);
    eventually("it is over", || (ended(&gateway, "done") == 1.0).then_some(()));
}

#[test]
fn every_byte_arrives_once_and_in_order() {
    let gateway = settings(&[server(sends_back)]).start();
    let bytes: Vec<u8> =
        (0..8 * 1024 * 1024_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
    let mut stream = dial(gateway.edge);
    let mut writing = stream.try_clone().expect("a socket can be cloned");
    let sent = bytes.clone();
    let writer = thread::spawn(move || {
        writing.write_all(&sent).expect("it can be written");
        writing.shutdown(Shutdown::Write).expect("it can be half closed");
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    writer.join().expect("all was written");
    assert!(answer == bytes, "{} of {} bytes", answer.len(), bytes.len());
}

#[test]
fn each_of_several_servers_gets_its_share() {
    let counts: Vec<Arc<AtomicUsize>> = (0..3).map(|_| Arc::default()).collect();
    let counting = |count: &Arc<AtomicUsize>| {
        let count = Arc::clone(count);
        server(move |stream| {
            count.fetch_add(1, Ordering::Relaxed);
            sends_back(stream);
        })
    };
    let servers: Vec<SocketAddr> = counts.iter().map(counting).collect();
    let gateway = settings(&servers).start();
    for _ in 0..60 {
        assert_eq!(ask(gateway.edge, b"hello"), b"hello");
    }
    let shares: Vec<usize> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert!(shares.iter().sum::<usize>() == 60 && shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn s05_who_says_too_little_to_be_known_is_closed() {
    let mut settings = settings(&[server(sends_back)]);
    settings.edgebound.push("bypass_sniff_seconds: 1".to_owned());
    let mut gateway = settings.start();
    let mut silent = Client::dial(gateway.edge);
    let mut half = Client::dial(gateway.edge);
    half.send_bytes(&[1]);
    silent.cut_off();
    half.cut_off();
    assert_eq!(ended(&gateway, "silent"), 2.0);
    // Known for an edge, it has the time that every edge has.
    let mut begun = Client::dial(gateway.edge);
    begun.send_bytes(&[1, 1]);
    assert!(begun.try_next(Duration::from_millis(1500)).is_err());
    begun.send_bytes(&[0; 8]);
    let body = Hello::default().body();
    begun.send_bytes(&(body.len() as u32).to_be_bytes());
    begun.send_bytes(&body);
    begun.next(frontier_integration_tests::raw::kind::CONN_ACK);
    drop(begun);
    gateway.ends_without_complaint();
}

#[test]
fn a_server_that_is_down_costs_its_own_clients_alone() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let mut gateway = settings(&[nobody.expect("a port is free")]).start();
    let mut pair = Pair::connect(&gateway);
    let before = open_files(gateway.pid());
    for _ in 0..20 {
        let mut stream = dial(gateway.edge);
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it can be written");
        let ended = stream.read_to_end(&mut Vec::new());
        let reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
        assert!(ended.as_ref().map_or_else(reset, |count| *count == 0), "{ended:?}");
    }
    assert_eq!(ended(&gateway, "unreachable"), 20.0);
    pair.works();
    eventually("nothing is left of them", || (open_files(gateway.pid()) <= before).then_some(()));
    drop(pair);
    let said = gateway.last_words();
    let of_them = said.iter().filter(|line| line.contains("edgebound.bypass: connection closed")).count();
    assert_eq!(of_them, 1, "one line for all of them: {said:?}");
}

#[test]
fn tls_is_taken_off_in_front_and_put_on_behind() {
    let authority = Authority::new("ours");
    let pair = authority.pair("server", "gateway.test");
    // The other server is itself one behind a gateway with TLS in front.
    let hidden = settings(&[server(answers_after_the_end)]);
    let behind = authority.pair("behind", "127.0.0.1");
    let inner = Settings { edge_tls: listener_yaml(&[&behind], None), ..hidden }.start();
    let mut outer = settings(&[]);
    outer.edgebound[1] = format!(
        "bypass: {{ network: tcp, addrs: [\"{}\"], tls: {{ enable: true, mtls: true, ca_certs: [{}] }} }}",
        inner.edge,
        authority.file().display()
    );
    let gateway = Settings { edge_tls: listener_yaml(&[&pair], None), ..outer }.start();
    let client = TlsClient::new(&authority, "gateway.test", None);

    let mut stream = client.connect(gateway.edge).expect("a handshake");
    stream.write_all(b"hello").expect("it can be written");
    stream.conn.send_close_notify();
    stream.flush().expect("it can be written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    assert_eq!(answer.len(), 5 + 100 * 1024);

    let mut edge = Client::dial_tls(gateway.edge, &client);
    edge.say(&Hello::default());
    edge.admitted();
}

#[test]
fn a_drain_waits_for_what_is_passed_on_and_then_ends_it() {
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = server(move |mut stream| {
        let mut first = [0; 5];
        stream.read_exact(&mut first).expect("it can be read");
        tell.lock().expect("no test fails here").send(()).expect("the test listens");
        sends_back(stream);
    });
    let mut gateway = Settings { drain_seconds: 30, ..settings(&[server]) }.start();
    let mut stream = dial(gateway.edge);
    stream.write_all(b"begin").expect("it can be written");
    told.recv_timeout(PATIENCE).expect("it is passed on");
    gateway.signal(Signal::Term);
    gateway.logged("SIGTERM received");
    stream.write_all(b"still here").expect("it can be written");
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).expect("it goes on");
    assert!(gateway.is_running());
    drop(stream);
    assert!(gateway.exit(PATIENCE).success(), "it ends as soon as that is done");

    let mut gateway = Settings { drain_seconds: 0, ..gateway.settings_here() }.start();
    let mut stream = dial(gateway.edge);
    stream.write_all(b"begin").expect("it can be written");
    told.recv_timeout(PATIENCE).expect("it is passed on");
    gateway.signal(Signal::Term);
    assert!(gateway.exit(PATIENCE).success());
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn nowhere_to_go_is_refused_at_start() {
    let (status, said) = settings(&[]).fails_to_start();
    assert!(!status.success());
    assert!(said.contains("edgebound.bypass"), "{said}");
}
