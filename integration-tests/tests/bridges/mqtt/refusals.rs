//! What the broker will not have, and what it says of that.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Proxy, eventually};

use super::Mqtt;
use super::subscriber::Subscriber;
use crate::{Access, BRIDGE, Target, gateway, settings, with};

fn broker(lines: &[&str]) -> Settings {
    Settings { lines: lines.iter().map(|line| (*line).to_owned()).collect(), ..Settings::default() }
}

/// A broker that lets everybody publish to `open` alone. The file lies in the folder that is returned.
fn with_acl() -> (Settings, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("acl");
    std::fs::write(&file, "topic readwrite open\ntopic read closed\n").expect("a file can be written");
    (broker(&[&format!("acl_file {}", file.display())]), folder)
}

/// MQTT 5: whoever publishes where the broker does not let us hears so, and nobody else notices.
#[test]
fn a_topic_that_is_not_allowed_is_told_to_its_publisher_alone() {
    let (settings, _folder) = with_acl();
    let proxy = Proxy::new();
    let mut target = Mqtt::<5, 1>::start_behind(&proxy, &settings, &["open"]);
    let lines = Mqtt::<5, 1>::bridge(&proxy.addr.to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [open, closed]"]));
    let before = proxy.accepted();
    let mut edge = Client::edge(gateway.edge);
    for _ in 0..20 {
        let closed = edge.message(&Body::new().topic("closed").value(b"x"));
        let open = edge.message(&Body::new().topic("open").value(b"x"));
        let error = edge.acked(closed).expect_err("it is not allowed");
        assert!(error.starts_with("bridge \"b\" (mqtt ") && error.ends_with(": refused: not authorized"), "{error}");
        assert_eq!(edge.acked(open), Ok(()));
    }
    assert_eq!(proxy.accepted(), before, "the connection is the same");
    eventually("they are there", || (target.stored("open").len() == 20).then_some(()));
}

/// MQTT 3.1.1: the broker has no way to say so, and its answer is that of success. The page of the bridge warns of it.
#[test]
fn in_3_1_1_a_topic_that_is_not_allowed_is_acked_and_goes_nowhere() {
    let (settings, _folder) = with_acl();
    let mut target = Mqtt::<3, 1>::start(&settings, &["open", "closed"]);
    let lines = Mqtt::<3, 1>::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [open, closed]"]));
    let mut edge = Client::edge(gateway.edge);
    for topic in ["closed", "open"] {
        let sent = edge.message(&Body::new().topic(topic).value(b"x"));
        assert_eq!(edge.acked(sent), Ok(()));
    }
    eventually("what is allowed is there", || (target.stored("open").len() == 1).then_some(()));
    assert_eq!(target.stored("closed"), []);
}

/// Mosquitto's limit for payloads is announced to nobody: it answers with a reason that stands in no list of the protocol for
/// this packet.
#[test]
fn a_limit_that_is_not_announced_costs_no_connection() {
    let proxy = Proxy::new();
    let mut target = Mqtt::<5, 1>::start_behind(&proxy, &broker(&["message_size_limit 1000"]), &["t"]);
    let lines = Mqtt::<5, 1>::bridge(&proxy.addr.to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]"]));
    let before = proxy.accepted();
    let mut edge = Client::edge(gateway.edge);
    let small = edge.message(&Body::new().topic("t").value(b"small"));
    let large = edge.message(&Body::new().topic("t").value(&[b'x'; 1001]));
    let later = edge.message(&Body::new().topic("t").value(b"later"));
    assert_eq!(edge.acked(small), Ok(()));
    let error = edge.acked(large).expect_err("it is too large");
    assert!(error.ends_with(": refused: packet too large"), "{error}");
    assert_eq!(edge.acked(later), Ok(()));
    assert_eq!(proxy.accepted(), before, "the connection is the same");
    eventually("the others are there", || (target.stored("t").len() == 2).then_some(()));
}

/// Large messages reach further than the socket's buffers: a broker that takes no bytes is noticed in the middle of one.
#[test]
fn a_broker_that_takes_no_bytes_is_noticed() {
    let mut target = Mqtt::<5, 1>::start(&Settings::default(), &["t"]);
    let lines = Mqtt::<5, 1>::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]"]));
    target.broker().freeze();
    // More than one edge may have unanswered.
    let mut edges: Vec<Client> = (0..12).map(|_| Client::edge(gateway.edge)).collect();
    let large = [b'x'; 900_000];
    let deadline = time::from_now(60);
    let publish = |edge: &mut Client| edge.message(&Body::new().topic("t").value(&large).deadline(&deadline));
    let sent: Vec<u64> = edges.iter_mut().map(publish).collect();
    eventually_within(Duration::from_secs(60), "it is noticed", || is(&gateway, BRIDGE, "down").then_some(()));
    target.broker().thaw();
    for (edge, packet) in edges.iter_mut().zip(sent) {
        assert_eq!(edge.acked(packet), Ok(()));
    }
}

/// The broker says how many it takes at once, and ends the connection of whoever sends more.
#[test]
fn no_more_is_under_way_than_the_broker_wants() {
    let proxy = Proxy::new();
    let mut target = Mqtt::<5, 2>::start_behind(&proxy, &broker(&["max_inflight_messages 3"]), &["t"]);
    let lines = Mqtt::<5, 2>::bridge(&proxy.addr.to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]"]));
    let before = proxy.accepted();
    let load = Load::start(gateway.edge, 4, "t", Duration::ZERO);
    eventually("acks", || (load.acked() > 200).then_some(()));
    let told = load.stop();
    crate::scenarios::everything_acked_is_there(&mut target, "t", &told);
    assert_eq!(proxy.accepted(), before, "the connection is the same");
}

/// What a peer that is not as it should be says first, and what the log says of that.
#[test]
fn whoever_is_no_broker_for_us_is_told_as_what_it_is() {
    let silent: &[u8] = b"";
    for (says, told) in [
        (&b"\x20\x02\0\x01"[..], "the broker does not speak MQTT 5; try `version: \"3.1.1\"`"),
        (b"\x20\x03\0\x87\0", "the broker refuses the connection: not authorized"),
        (b"\x20\x08\0\x97\x05\x1f\0\x02no", "the broker refuses the connection: quota exceeded (no)"),
        (b"\x20\x05\0\0\x02\x24\0", "the broker takes QoS 0 at most; set `qos: 0`"),
        (
            b"\x20\x03\0\0\0\xe0\x01\x8e",
            "the broker has ended the connection: session taken over: another client has connected with this client id",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what comes is no MQTT: a packet that begins with 0x48"),
        (silent, "the broker closes the connection in place of an answer to CONNECT"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let peer = thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("the bridge comes");
            let mut connect = [0; 1024];
            let count = socket.read(&mut connect).expect("it says CONNECT");
            assert_eq!(connect[0], 0x10, "{:?}", &connect[..count]);
            socket.write_all(says).expect("the bridge listens");
            socket.shutdown(Shutdown::Write).expect("it is open");
            // Until the other side has heard it.
            while socket.read(&mut connect).is_ok_and(|count| count > 0) {}
        });
        let lines = Mqtt::<5, 1>::bridge(&addr.to_string(), &Access::default());
        let gateway = settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
        let line = gateway.logged("bridge down");
        assert!(line.contains(told), "{line}");
        peer.join().expect("the peer was spoken to");
    }
}

/// A broker that does not do what the configuration asks for is down, with what to set.
#[test]
fn a_broker_that_retains_nothing_is_told() {
    let target = Mqtt::<5, 1>::start(&broker(&["retain_available false"]), &[]);
    let lines = Mqtt::<5, 1>::bridge(&target.addr().to_string(), &Access::default());
    let gateway = settings(&[(BRIDGE, with(lines, &["  retain: true", "topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("the broker retains no messages; set `retain: false`"), "{line}");
}

#[test]
fn who_subscribes_later_gets_the_last_message_that_was_retained() {
    let target = Mqtt::<5, 1>::start(&Settings::default(), &[]);
    let lines = Mqtt::<5, 1>::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  retain: true", "topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    for value in [b"first", b"last!"] {
        let sent = edge.message(&Body::new().topic("t").value(value));
        assert_eq!(edge.acked(sent), Ok(()));
    }
    let subscriber = Subscriber::start(target.addr(), None, "t");
    let message = eventually("it comes", || subscriber.messages().pop());
    assert_eq!((&*message.payload, message.retained), (&b"last!"[..], true));
}
