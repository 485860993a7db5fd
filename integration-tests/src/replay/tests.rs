//! The player finds what it is there to find.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::{Exception, Links, Player, Recording, Way, What};
use crate::raw::{Body, Client, Frame, kind};

/// An edge that calls `echo`.
const CALL: &str = r#"# A call.
0.0 edge1 c2g Conn 01 18000000000000000000 {}
1.0 edge1 g2c ConnAck 01 000000000000000007 {}
2.0 edge1 c2g Request 03 0000000000000001 {"key":"ZWNobw==","value":"eA=="}
3.0 edge1 g2c Response 03 0000000000000001 {"key":"ZWNobw==","value":"eA=="}
"#;

/// Something that lets an edge in, answers its call with `value`, and then may send a message.
struct Gateway {
    listener: TcpListener,
    value: &'static [u8],
    and_a_message: bool,
}

impl Gateway {
    fn answering(value: &'static [u8]) -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), value, and_a_message: false }
    }
}

impl Links for Gateway {
    fn open(&mut self, _link: &str) -> Client {
        let stream = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = self.listener.accept().unwrap();
        let (value, and_a_message) = (self.value, self.and_a_message);
        thread::spawn(move || serve(Client::over(accepted), value, and_a_message));
        Client::over(stream)
    }
}

fn serve(mut edge: Client, value: &[u8], and_a_message: bool) {
    let conn = edge.expect(kind::CONN);
    // Another id than the recorded one: ids are not compared.
    edge.send(kind::CONN_ACK, conn.id, &[&[0][..], &99_u64.to_be_bytes(), b"{}"].concat());
    let request = edge.expect(kind::REQUEST);
    edge.respond(&request, value);
    if and_a_message {
        edge.message(&Body::new().value(b"unasked"));
    }
    let heartbeat = edge.expect(kind::HEARTBEAT);
    edge.send_bytes(&Frame::bytes_of(kind::HEARTBEAT_ACK, heartbeat.id, &[]));
}

fn play(gateway: Gateway, exceptions: &[Exception]) -> Vec<String> {
    let recording = Recording::parse("test/call".to_owned(), CALL);
    let mut player = Player::new(&recording, Way::ToGateway, gateway, exceptions);
    player.patience = Duration::from_millis(200);
    player.play()
}

#[test]
fn the_same_answers_are_no_difference() {
    assert_eq!(play(Gateway::answering(b"x"), &[]), Vec::<String>::new());
}

#[test]
fn another_answer_is_found_unless_an_exception_names_it() {
    let found = play(Gateway::answering(b"y"), &[]);
    assert_eq!(found, [r#"test/call:5 on edge1: Response: value: "y" instead of "x""#]);
    let allowed = Exception { case: "test/call", what: What::Says(&[5], "value", "y"), entry: "" };
    assert_eq!(play(Gateway::answering(b"y"), &[allowed]), Vec::<String>::new());
}

#[test]
fn a_frame_too_many_is_found() {
    let found = play(Gateway { and_a_message: true, ..Gateway::answering(b"x") }, &[]);
    assert!(matches!(&found[..], [one] if one.contains("a Message that was not recorded")), "{found:?}");
}

#[test]
fn an_exception_that_makes_no_difference_is_found() {
    let needless = Exception { case: "test/call", what: What::Says(&[5], "value", "x"), entry: "" };
    let found = play(Gateway::answering(b"x"), &[needless]);
    assert!(matches!(&found[..], [one] if one.contains("makes no difference")), "{found:?}");
    let absent = Exception { case: "test/call", what: What::Absent(&[5]), entry: "" };
    let found = play(Gateway::answering(b"x"), &[absent]);
    assert!(matches!(&found[..], [one] if one.contains("was not recorded")), "{found:?}");
}
