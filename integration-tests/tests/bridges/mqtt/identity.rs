//! Client ids, and how a connection ends.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use frontier_integration_tests::bridges::{Load, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::{PATIENCE, eventually};

use super::Mqtt;
use super::subscriber::Subscriber;
use crate::{Access, BRIDGE, Target, check, gateway, settings, with};

fn lines(addr: SocketAddr, more: &[&str]) -> Vec<String> {
    with(Mqtt::<5, 1>::bridge(&addr.to_string(), &Access::default()), &[more, &["topics: [t]"]].concat())
}

/// The ids under which bridges came to the broker, in the order of their coming.
fn ids(target: &mut Mqtt<5, 1>) -> Vec<String> {
    let came = target.broker().log.lines().into_iter().filter(|line| line.contains("New client connected"));
    let id = |line: String| line.split(" as ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    came.filter_map(id).filter(|id| id.starts_with("frontier-b-")).collect()
}

#[track_caller]
fn came<const COUNT: usize>(target: &mut Mqtt<5, 1>) -> [String; COUNT] {
    eventually("they came", || ids(target).try_into().ok())
}

/// Two gateways of one file, their ports aside, have two ids, and each has the same after a restart.
#[test]
fn gateways_of_one_file_do_not_throw_each_other_off() {
    let mut target = Mqtt::<5, 1>::start(&Settings::default(), &["t"]);
    let settings = settings(&[(BRIDGE, lines(target.addr(), &["  clean_session: false"]))]);
    let one = settings.start();
    let [first] = came(&mut target);
    let other = settings.start();
    let [_, second] = came(&mut target);
    assert_ne!(first, second);
    for gateway in [&one, &other] {
        let load = Load::start(gateway.edge, 1, "t", Duration::from_millis(20));
        eventually("acks", || (load.acked() > 50).then_some(()));
        assert!(load.stop().iter().all(|told| told.refused.is_empty() && !told.cut));
    }
    let one = one.restart();
    let [_, _, again] = came(&mut target);
    assert_eq!(again, first, "the same after a restart");
    for gateway in [&one, &other] {
        gateway.logged("bridge up");
        assert!(is(gateway, BRIDGE, "up"));
    }
    let said = target.broker().log.lines();
    assert!(!said.iter().any(|line| line.contains("already connected")), "{}", said.join("\n"));
}

/// An id that stands in the file is warned about at the start. Mosquitto says nothing when another client comes with it; the reason
/// names the id all the same.
#[test]
fn a_fixed_id_is_warned_about_and_named_when_it_is_taken_away() {
    let target = Mqtt::<5, 1>::start(&Settings::default(), &[]);
    let one = gateway(lines(target.addr(), &["  client_id: same"]));
    let warned: Vec<_> =
        one.log.lines().into_iter().filter(|line| line.contains("bridges[0].mqtt.client_id")).collect();
    assert!(warned.len() == 1 && warned[0].contains("two gateways with one id throw each other off"), "{warned:?}");
    let _other = gateway(lines(target.addr(), &["  client_id: same"]));
    let line = one.logged("bridge down");
    assert!(line.contains("the broker has closed the connection of client id \"same\", which is ours alone"), "{line}");
}

/// A try of the configuration comes as somebody else, so that it does not throw the gateway off.
#[test]
fn a_check_does_not_throw_the_gateway_off() {
    for more in [&["  client_id: frontier-b-fixed"][..], &[]] {
        let mut target = Mqtt::<5, 1>::start(&Settings::default(), &[]);
        let gateway = gateway(lines(target.addr(), more));
        let (code, said) = check(&gateway.file());
        assert_eq!(code, Some(0), "{said}");
        let [first, second] = came(&mut target);
        assert_ne!(first, second);
        assert!(second.ends_with("-check"), "{second}");
        assert!(is(&gateway, BRIDGE, "up"));
        assert_eq!(gateway.log.count("bridge down"), 0);
    }
}

/// The broker publishes the will of a gateway that was killed, and none of one that took leave.
#[test]
fn a_will_is_published_when_the_gateway_is_killed_and_not_when_it_ends() {
    for version in [3, 5] {
        let target = Mqtt::<5, 1>::start(&Settings::default(), &[]);
        let heir = Subscriber::start(target.addr(), None, "gone");
        let addr = target.addr().to_string();
        let bridge = match version {
            3 => Mqtt::<3, 1>::bridge(&addr, &Access::default()),
            _ => Mqtt::<5, 1>::bridge(&addr, &Access::default()),
        };
        let will = ["  will: { topic: gone, payload: \"gateway 7\", qos: 1 }", "topics: [t]"];
        let mut gateway = gateway(with(bridge, &will));
        gateway.signal(Signal::Term);
        assert!(gateway.exit(PATIENCE).success());
        let mut gateway = gateway.settings_here().start();
        gateway.logged("bridge up");
        gateway.signal(Signal::Kill);
        gateway.exit(PATIENCE);
        let payload = eventually("the will is published", || heir.messages().pop().map(|message| message.payload));
        assert_eq!(payload, b"gateway 7");
        assert_eq!(heir.messages().len(), 1, "the first took leave");
    }
}

/// What is configured of a session stands in the first packet: the version, what is asked for and given, and how long the client may
/// be silent. A session that is kept is begun anew by each gateway, too, and outlives its connections for an hour.
#[test]
fn a_session_is_asked_for_as_it_is_configured() {
    let (user, password, keep_retained, will_of_qos_1, will, clean) = (0x80, 0x40, 0x20, 0x08, 0x04, 0x02);
    let login = ["  username: alice", "  password: { value: wonder-1 }"];
    let last = ["  will: { topic: gone, payload: bye, qos: 1, retain: true }", "  keep_alive_seconds: 77"];
    let full = [login, last].concat();
    let kept = vec!["  clean_session: false", "  keep_alive_seconds: 5"];
    let all = user | password | keep_retained | will_of_qos_1 | will | clean;
    let an_hour = [0x11, 0, 0, 0x0E, 0x10];
    for (level, more, flags, keep_alive) in [(5, &full, all, 77), (4, &full, all, 77), (5, &kept, clean, 5)] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("it is bound").to_string();
        let lines = match level {
            5 => Mqtt::<5, 1>::bridge(&addr, &Access::default()),
            _ => Mqtt::<3, 1>::bridge(&addr, &Access::default()),
        };
        let _gateway = settings(&[(BRIDGE, with(with(lines, more), &["topics: [t]"]))]).start();
        let (mut socket, _) = listener.accept().expect("the bridge comes");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
        let mut head = [0; 2];
        socket.read_exact(&mut head).expect("it says CONNECT");
        assert!(head[0] == 0x10 && head[1] < 0x80, "{head:?}");
        let mut packet = vec![0; usize::from(head[1])];
        socket.read_exact(&mut packet).expect("it says CONNECT");
        assert_eq!(packet[..6], b"\0\x04MQTT"[..]);
        assert_eq!((packet[6], packet[7], &packet[8..10]), (level, flags, &[0, keep_alive][..]), "{more:?}");
        assert_eq!(packet.windows(5).any(|part| part == an_hour), more == &kept, "{more:?}: {packet:?}");
    }
}
