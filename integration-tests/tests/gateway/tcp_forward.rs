//! A TCP port behind an edge: `tcp_forward` carries bytes, ends and cuts as TCP itself would.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use frontier_integration_tests::process::built;
use frontier_integration_tests::tool::Running;
use frontier_integration_tests::{Gateway, PATIENCE, Tool};
use socket2::SockRef;

/// A gateway, and both sides of a tunnel to a target.
struct Tunnel {
    /// Where clients connect.
    addr: SocketAddr,
    service: Running,
    edge: Running,
    _gateway: Gateway,
}

impl Tunnel {
    fn to(target: SocketAddr) -> Self {
        let gateway = Gateway::start();
        let program = built("tcp_forward", "frontier-examples");
        let args = format!("edge --address {} --target {target}", gateway.edge);
        let edge = Tool::new(&program, &gateway, &args).start();
        let line = edge.prints("forwards to");
        let id = line.split_whitespace().nth(1).expect("an id").to_owned();
        let args = format!("service --address {} --edge {id} --listen 127.0.0.1:0", gateway.service);
        let service = Tool::new(&program, &gateway, &args).start();
        let line = service.prints("leads to edge");
        let addr = line.split_whitespace().next().and_then(|addr| addr.parse().ok()).expect("an address");
        Self { addr, service, edge, _gateway: gateway }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("the tunnel listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a limit can be set");
        stream
    }
}

/// A target that serves each connection on a thread of its own, until the test ends.
fn target(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

fn read_all(mut stream: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("an end in order");
    all
}

/// Waits for the end of the input, and answers it with 102 400 bytes.
fn answer_after_the_end(mut stream: TcpStream) {
    let asked = read_all(&mut stream);
    let answer = vec![u8::try_from(asked.len() % 251).expect("small"); 102_400];
    stream.write_all(&answer).expect("the client is still there");
}

#[test]
fn an_answer_that_comes_after_the_end_of_the_question_arrives() {
    let tunnel = Tunnel::to(target(answer_after_the_end));
    let mut client = tunnel.connect();
    client.write_all(b"hello").expect("open");
    client.shutdown(Shutdown::Write).expect("open");
    let answer = read_all(client);
    assert!(answer.len() == 102_400 && answer.iter().all(|byte| *byte == 5), "{} bytes", answer.len());
}

#[test]
fn fifty_questions_at_once_are_answered() {
    let tunnel = Tunnel::to(target(answer_after_the_end));
    let clients: Vec<JoinHandle<usize>> = (0..50)
        .map(|at| {
            let mut client = tunnel.connect();
            thread::spawn(move || {
                client.write_all(&vec![0; 1000 + at]).expect("open");
                client.shutdown(Shutdown::Write).expect("open");
                let answer = read_all(client);
                assert!(answer.iter().all(|byte| usize::from(*byte) == (1000 + at) % 251), "somebody else's answer");
                answer.len()
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().expect("answered"), 102_400);
    }
}

#[test]
fn a_target_that_speaks_first_and_closes_first_is_heard_to_its_end() {
    let tunnel = Tunnel::to(target(|mut stream| {
        stream.write_all(&vec![b'w'; 300_000]).expect("the client is there");
    }));
    let mut client = tunnel.connect();
    let mut greeting = vec![0; 300_000];
    client.read_exact(&mut greeting).expect("all of it");
    assert!(greeting.iter().all(|byte| *byte == b'w'));
    assert_eq!(client.read(&mut [0]).expect("an end in order"), 0);
    client.shutdown(Shutdown::Write).expect("open");
}

#[test]
fn a_target_that_reads_in_small_bites_gets_everything() {
    let tunnel = Tunnel::to(target(|mut stream| {
        SockRef::from(&stream).set_recv_buffer_size(64 * 1024).expect("a small window");
        let (mut all, mut bite) = (0, [0; 1000]);
        loop {
            match stream.read(&mut bite).expect("an end in order") {
                0 => break,
                read => all += read,
            }
        }
        stream.write_all(all.to_string().as_bytes()).expect("the client is there");
    }));
    let mut client = tunnel.connect();
    client.write_all(&vec![0; 10_000_000]).expect("open");
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_all(client), b"10000000");
}

#[test]
fn a_cut_on_one_side_is_a_cut_on_the_other_and_not_an_end() {
    let tunnel = Tunnel::to(target(|mut stream| {
        stream.write_all(b"half of it").expect("the client is there");
        // Its client answers only when that has arrived.
        stream.read_exact(&mut [0]).expect("the client is there");
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a reset");
    }));
    let mut client = tunnel.connect();
    client.read_exact(&mut [0; 10]).expect("what was sent before the cut");
    client.write_all(b"!").expect("open");
    let cut = client.read(&mut [0]).expect_err("no end in order");
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    tunnel.edge.notes("a connection was cut: TCP: ");
}

#[test]
fn a_target_that_cannot_be_reached_is_a_cut_with_a_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let tunnel = Tunnel::to(closed);
    let mut client = tunnel.connect();
    assert_eq!(client.read(&mut [0]).expect_err("nobody answers").kind(), ErrorKind::ConnectionReset);
    tunnel.edge.notes(&format!("cannot connect to {closed}: "));
    tunnel.service.notes(&format!("stream: cannot connect to {closed}: "));
}

/// Bytes of the large transfer.
const LARGE: u64 = 1024 * 1024 * 1024;

/// Bytes of one write or read of it.
const STEP: usize = 1024 * 1024;

/// A running checksum over 64-bit words: it changes with any byte and with their order.
#[derive(Default)]
struct Checksum(u64);

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        for word in bytes.chunks_exact(8) {
            let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

#[test]
fn a_gibibyte_arrives_as_it_was_sent() {
    let tunnel = Tunnel::to(target(|mut stream| {
        let (mut sum, mut step) = (Checksum::default(), vec![0; STEP]);
        for _ in 0..LARGE / STEP as u64 {
            stream.read_exact(&mut step).expect("all of it");
            sum.add(&step);
        }
        assert_eq!(stream.read(&mut step).expect("an end in order"), 0);
        stream.write_all(&sum.0.to_le_bytes()).expect("the client is there");
    }));
    let mut client = tunnel.connect();
    let begun = Instant::now();
    let (mut sum, mut step) = (Checksum::default(), vec![0; STEP]);
    // Words that do not repeat from step to step, or within one.
    let mut word = 1u64;
    for at in 0..LARGE / STEP as u64 {
        if at % 16 == 0 {
            for place in step.chunks_exact_mut(8) {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
        step[..8].copy_from_slice(&at.to_le_bytes());
        sum.add(&step);
        client.write_all(&step).expect("the tunnel takes it");
    }
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_all(client), sum.0.to_le_bytes());
    let seconds = begun.elapsed().as_secs_f64();
    println!("1 GiB in {seconds:.1} s, {:.0} MB/s", LARGE as f64 / 1e6 / seconds);
}
