//! Bytes that no honest peer sends. They cost at most the link on which they come.

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, Frame, Hello, Pair, kind};

/// Sends bytes as the first thing on a new connection to each port; each must be closed without an answer.
#[track_caller]
fn closed_before_the_handshake(gateway: &Gateway, bytes: &[u8]) {
    for addr in [gateway.edge, gateway.service] {
        let mut client = Client::dial(addr);
        // The gateway may close before it has read everything.
        let _ = client.try_send_bytes(bytes);
        client.cut_off();
    }
}

/// Sends bytes on an edge's and on a service's link; each must be closed.
#[track_caller]
fn closed(gateway: &Gateway, bytes: &[u8]) {
    let clients = [Client::edge(gateway.edge), Client::service(gateway.service, "bad", &[])];
    for mut client in clients {
        let _ = client.try_send_bytes(bytes);
        client.ended();
    }
}

/// Sends bytes on an edge's and on a service's link; each must go on.
#[track_caller]
fn survived(gateway: &Gateway, bytes: &[u8]) {
    let clients = [Client::edge(gateway.edge), Client::service(gateway.service, "odd", &[])];
    for mut client in clients {
        client.send_bytes(bytes);
        client.heartbeat();
    }
}

fn conn(body: &[u8]) -> Vec<u8> {
    Frame::bytes_of(kind::CONN, 5, body)
}

#[test]
fn what_is_no_conn_is_closed() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.0\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0],
        &[0xff; 64],
        &[0; 64],
    ];
    for bytes in garbage {
        closed_before_the_handshake(&gateway, bytes);
    }
    for code in [kind::CONN_ACK, kind::DIS_CONN, 0x03, 0x00, 0x99] {
        closed_before_the_handshake(&gateway, &Frame::bytes_of(code, 5, &[0; 30]));
    }
    pair.works();
}

#[test]
fn a_conn_with_a_bad_body_is_closed() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for length in 0..10 {
        closed_before_the_handshake(&gateway, &conn(&vec![0; length]));
    }
    let fixed = [0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for json in ["", "{", "[]", "1", "{}x", r#"{"meta":"Zm9"}"#, r#"{"meta":"Z!9v"}"#, r#"{"meta":1}"#, "{}{}"] {
        closed_before_the_handshake(&gateway, &conn(&[&fixed, json.as_bytes()].concat()));
    }
    closed_before_the_handshake(&gateway, &[1, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff]);
    pair.works();
}

#[test]
fn a_frame_of_unknown_type_or_out_of_place_closes_its_link() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for code in [0x00, 0x03, 0x10, 0x23, 0x33, 0x62, 0x74, 0x83, 0xff] {
        closed(&gateway, &Frame::bytes_of(code, 5, &[0; 8]));
    }
    closed(&gateway, &conn(&Hello::default().body()));
    pair.works();
}

#[test]
fn a_body_that_is_too_short_closes_its_link() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let least = [
        (kind::CONN_ACK, 9),
        (kind::DIS_CONN_ACK, 1),
        (kind::SESSION, 10),
        (kind::SESSION_ACK, 18),
        (kind::DISMISS, 8),
        (kind::DISMISS_ACK, 8),
        (kind::MESSAGE, 8),
        (kind::MESSAGE_ACK, 8),
        (kind::STREAM, 8),
        (kind::REQUEST, 8),
        (kind::RESPONSE, 8),
        (kind::REQUEST_CANCEL, 10),
        (kind::REGISTER, 8),
        (kind::REGISTER_ACK, 8),
    ];
    for (code, length) in least {
        for short in [0, length - 1] {
            closed(&gateway, &Frame::bytes_of(code, 5, &vec![0; short]));
        }
    }
    pair.works();
}

#[test]
fn a_body_where_none_belongs_closes_its_link() {
    let gateway = Gateway::start();
    for code in [kind::DIS_CONN, kind::HEARTBEAT, kind::HEARTBEAT_ACK] {
        closed(&gateway, &Frame::bytes_of(code, 5, b"x"));
    }
    Pair::connect(&gateway).works();
}

#[test]
fn json_that_go_refuses_closes_the_link_of_its_sender_alone() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let bad = [
        "",
        "{",
        "}",
        "[]",
        "1",
        "\"\"",
        "{}x",
        "{}{}",
        "{\"key\":}",
        "{key:1}",
        "{\"value\":1}",
        "{\"value\":{}}",
        "{\"value\":\"a\"}",
        "{\"value\":\"aGk\"}",
        "{\"value\":\"a-_=\"}",
        "{\"value\":\"aG k=\"}",
        "{\"value\":[256]}",
        "{\"value\":[-1]}",
        "{\"value\":[1.5]}",
        "{\"custom\":\"AAAA=\"}",
        "{\"custom\":\"====\"}",
        "{\"topic\":1}",
        "{\"topic\":[]}",
        "{\"error\":{}}",
        "{\"timeout\":1.5}",
        "{\"timeout\":\"1\"}",
        "{\"deadline\":\"\"}",
        "{\"deadline\":\"x\"}",
        "{\"deadline\":1}",
        "{\"deadline\":\"2026-13-01T00:00:00Z\"}",
        "{\"context\":1}",
        "{\"context\":{\"deadline\":\"x\"}}",
        "{\"value\":\"aGk=\",}",
        "{\"a\":01}",
        "{\"a\":\"\u{1}\"}",
        "nul",
        "{\"a\":tru}",
    ];
    for json in bad {
        for code in [kind::MESSAGE, kind::REQUEST, kind::MESSAGE_ACK, kind::RESPONSE] {
            closed(&gateway, &Frame::bytes_of(code, 5, &[&[0, 0, 0, 0, 0, 0, 0, 1], json.as_bytes()].concat()));
        }
    }
    pair.works();
}

#[test]
fn json_nested_beyond_all_measure_costs_one_link() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for open in ["[", "{\"a\":"] {
        let json = format!("{{\"a\":{}", open.repeat(200_000));
        closed(&gateway, &Frame::bytes_of(kind::REQUEST, 5, &[&[0, 0, 0, 0, 0, 0, 0, 1], json.as_bytes()].concat()));
    }
    pair.works();
}

#[test]
fn frames_that_answer_nothing_or_name_no_session_close_nothing() {
    let gateway = Gateway::start();
    let session = |body: &[u8]| [&[0, 0, 0, 0, 0, 0, 0, 77][..], body].concat();
    survived(&gateway, &Frame::bytes_of(kind::HEARTBEAT_ACK, 5, &[]));
    survived(&gateway, &Frame::bytes_of(kind::REQUEST_CANCEL, 5, &session(&[0, 1])));
    survived(&gateway, &Frame::bytes_of(kind::REQUEST_CANCEL, 5, &session(&[9, 9, 9])));
    survived(&gateway, &Frame::bytes_of(kind::DISMISS_ACK, 5, &session(b"{}")));
    survived(&gateway, &Frame::bytes_of(kind::STREAM, 5, &session(b"")));
    survived(&gateway, &Frame::bytes_of(kind::REGISTER, 5, &session(b"")));
    survived(&gateway, &Frame::bytes_of(kind::RESPONSE, 5, &session(b"null")));
    survived(&gateway, &Frame::bytes_of(kind::MESSAGE_ACK, 5, &session(b" {} \n")));
    survived(&gateway, &Frame::bytes_of(kind::SESSION_ACK, 5, &[&[0; 18][..], b"{}"].concat()));
    Pair::connect(&gateway).works();
}

#[test]
fn the_version_byte_is_ignored() {
    let gateway = Gateway::start();
    for version in [0, 2, 9, 0x7f, 0xff] {
        let mut bytes = Frame::bytes_of(kind::REGISTER, 5, b"\0\0\0\0\0\0\0\x01m");
        bytes[0] = version;
        survived(&gateway, &bytes);
    }
}

#[test]
fn a_bad_answer_of_a_target_is_answered_to_the_caller() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let call = service.request(&Body::new().method("ping").to_edge(edge.id));
    let request = edge.called("ping");
    edge.send(kind::RESPONSE, request.id, b"\0\0\0\0\0\0\0\x01{\"value\":\"not base64\"}");
    edge.ended();
    assert!(service.answer(call).is_err());
    Pair { edge: Client::edge(gateway.edge), service }.works();
}

#[test]
fn fuzz_001_any_meta_lets_an_edge_in_or_refuses_it() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &["edge_online"]);
    for meta in byte_soups() {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::edge(&meta));
        hooks.heard("edge_online");
        edge.admitted();
    }
    for meta in byte_soups() {
        let mut service = Client::dial(gateway.service);
        service.say(&Hello::edge(&meta));
        service.conn_ack();
    }
    hooks.close();
    Pair::connect(&gateway).works();
}

#[test]
fn fuzz_002_and_003_any_payload_is_delivered_unchanged() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for payload in byte_soups() {
        let call = edge.request(&Body::new().method("echo").value(&payload).custom(&payload));
        let request = service.called("echo");
        assert_eq!(request.value(), payload);
        assert_eq!(request.custom()[..payload.len()], payload);
        service.respond(&request, &payload);
        assert_eq!(edge.answer(call), Ok(payload.clone()));
        let message = edge.message(&Body::new().topic("t").value(&payload));
        let received = service.received();
        assert_eq!(received.value(), payload);
        service.ack(&received);
        assert_eq!(edge.acked(message), Ok(()));
    }
}

#[test]
fn random_damage_of_good_frames_never_harms_another_link() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let good: Vec<Vec<u8>> = vec![
        Frame::bytes_of(kind::REQUEST, 7, &Body::new().method("echo").value(b"hello").on(1)),
        Frame::bytes_of(kind::MESSAGE, 7, &Body::new().topic("nobody").custom(b"0123456789").on(1)),
        Frame::bytes_of(kind::SESSION, 7, b"\0\x10\0\0\0\0\0\0\0\x09{\"peer\":\"svc\"}"),
        Frame::bytes_of(kind::REGISTER, 7, b"\0\0\0\0\0\0\0\x01method"),
    ];
    let mut dice = Dice(42);
    for round in 0..200 {
        let mut bytes = good[round % good.len()].clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            bytes[at] = dice.byte();
        }
        let mut client =
            if round % 2 == 0 { Client::edge(gateway.edge) } else { Client::service(gateway.service, "x", &[]) };
        let _ = client.try_send_bytes(&bytes);
    }
    // A damaged message or call may still have reached the service.
    pair.service.unasked();
    pair.works();
}

/// Repeatable random numbers: a linear congruential generator is random enough to damage bytes.
struct Dice(u64);

impl Dice {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }

    fn below(&mut self, bound: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % bound
    }
}

/// Payloads of all lengths and bytes.
fn byte_soups() -> Vec<Vec<u8>> {
    let mut dice = Dice(7);
    let mut soups: Vec<Vec<u8>> = (0..60).map(|length| (0..length).map(|_| dice.byte()).collect()).collect();
    soups.push((0..=255).collect());
    soups.push("\u{0}\u{7f}\u{2028}\u{fffd}😀\"\\</script>".into());
    soups.push(b"{\"service\":\"a\",\"topics\":[\"\\ud800\"]}".to_vec());
    soups
}
