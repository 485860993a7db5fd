//! Frames inside the WebSocket, good and bad, and ends of all kinds.

use frontier_integration_tests::process::cpu_ticks;
use frontier_integration_tests::raw::{Body, Client, Frame, HOOKS, Hello, kind};
use frontier_integration_tests::websocket::{Ask, WebSocket, first, frame};
use frontier_integration_tests::{Gateway, eventually};

use super::{edge, port, settings};

fn connected(gateway: &Gateway) -> WebSocket {
    WebSocket::connect(port(gateway), &Ask::default())
}

fn conn() -> Vec<u8> {
    Frame::bytes_of(kind::CONN, 7, &Hello::default().body())
}

/// Takes the ack that lets an edge in.
#[track_caller]
fn admitted(websocket: &mut WebSocket) {
    let ack = websocket.next_frame().expect("the edge is let in");
    assert_eq!((ack.first, &ack.payload[..2]), (first::BINARY, &[1, kind::CONN_ACK][..]));
}

#[test]
fn fragments_are_one_stream_and_pings_between_them_are_answered() {
    let gateway = settings(&[]).start();
    let mut websocket = connected(&gateway);
    let conn = conn();
    websocket.send(first::BINARY, &conn[..3]);
    websocket.send(first::BINARY_BEGUN, &conn[3..7]);
    websocket.send(first::PING, b"in between");
    let pong = websocket.next_frame().expect("a ping is answered");
    assert_eq!((pong.first, &pong.payload[..]), (first::PONG, &b"in between"[..]));
    websocket.send(first::CONTINUED, b"");
    websocket.send(first::PONG, b"nobody has asked");
    websocket.send(first::CONTINUED, &conn[7..8]);
    // Byte by byte on the wire, head and all.
    frame(first::CONTINUED_TO_THE_END, &conn[8..]).chunks(1).for_each(|byte| websocket.send_bytes(byte));
    admitted(&mut websocket);
}

/// The hello of an edge, in one message of so many bytes: two fragments, with the largest ping between them.
fn in_fragments(bytes: usize) -> Vec<u8> {
    let mut body = Hello::default().body();
    body.resize(bytes - 14, b' ');
    let conn = Frame::bytes_of(kind::CONN, 7, &body);
    let (front, rest) = conn.split_at(1000);
    [frame(first::BINARY_BEGUN, front), frame(first::PING, &[0; 125]), frame(first::CONTINUED_TO_THE_END, rest)]
        .concat()
}

#[test]
fn who_breaks_a_rule_is_told_by_a_code() {
    let gateway = settings(&["  max_message_bytes: 1024"]).start();
    let mut unmasked = frame(first::BINARY, b"");
    unmasked.truncate(2);
    unmasked[1] = 0;
    for (sent, code) in [
        (frame(first::TEXT, b"hello"), 1003),
        (unmasked, 1002),
        (frame(0xC2, b"x"), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(first::CONTINUED, b"x"), 1002),
        (frame(first::PING, &[0; 126]), 1002),
        (frame(first::CLOSE, &[3]), 1002),
        (frame(first::CLOSE, &999u16.to_be_bytes()), 1002),
        (frame(first::CLOSE, &1005u16.to_be_bytes()), 1002),
        (frame(first::CLOSE, &1006u16.to_be_bytes()), 1002),
        (frame(first::CLOSE, &5000u16.to_be_bytes()), 1002),
        (frame(first::CLOSE, &[3; 127]), 1002),
        (frame(first::CLOSE, &[3, 0xE8, 0xFF, 0xFF]), 1007),
        (frame(first::BINARY, &[0; 1025]), 1009),
        (in_fragments(1025), 1009),
        (frame(first::BINARY, b"GET / HTTP/1.1\r\n\r\n"), 1002),
        (frame(first::CLOSE, b""), 1005),
        (frame(first::CLOSE, &4711u16.to_be_bytes()), 4711),
    ] {
        let mut websocket = connected(&gateway);
        websocket.send_bytes(&sent);
        let (told, reason) = websocket.closed();
        assert_eq!(told, code, "{reason:?} to {sent:?}");
    }
    let mut exact = connected(&gateway);
    exact.send_bytes(&in_fragments(1024));
    assert_eq!(exact.next_frame().expect("a pong").first, first::PONG);
    admitted(&mut exact);
    let closes = |code: &str| gateway.metric("frontier_websocket_closes_total", &[&format!("code=\"{code}\"")]);
    eventually("they are counted", || (closes("1003") == 1.0 && closes("1009") == 2.0).then_some(()));
}

#[test]
fn a_packet_above_the_limit_is_told_by_a_code_too() {
    let mut settings = settings(&[]);
    settings.edgebound.push("limits: { max_message_bytes: 2048 }".to_owned());
    let gateway = settings.start();
    let mut websocket = connected(&gateway);
    websocket.send(first::BINARY, &conn());
    admitted(&mut websocket);
    websocket.send(first::BINARY, &Frame::bytes_of(kind::MESSAGE, 9, &[0; 2049]));
    assert_eq!(websocket.closed().0, 1009);
}

#[test]
fn an_end_of_any_kind_is_told_once_and_costs_nothing_afterwards() {
    let gateway = settings(&[]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let ends: [fn(WebSocket); 4] = [
        |websocket| websocket.reset(),
        |websocket| websocket.finish_writing(),
        |mut websocket| {
            websocket.send(first::CLOSE, &1001u16.to_be_bytes());
            websocket.send(first::BINARY, b"after the end");
        },
        |mut websocket| websocket.send_bytes(&frame(first::BINARY, &[0; 500])[..100]),
    ];
    for (id, end) in (1..).zip(ends) {
        let mut websocket = connected(&gateway);
        websocket.send(first::BINARY, &conn());
        hooks.hand_out(id);
        assert_eq!(hooks.heard("edge_online"), id);
        admitted(&mut websocket);
        end(websocket);
        assert_eq!(hooks.heard("edge_offline"), id);
    }
    assert_eq!(hooks.unasked(), []);
    eventually("nothing is left", || (gateway.metric("frontier_links", &["transport=\"ws\""]) == 0.0).then_some(()));
    let ticks = cpu_ticks(gateway.pid());
    for _ in 0..20 {
        hooks.heartbeat();
    }
    assert!(cpu_ticks(gateway.pid()) - ticks < 100, "the gateway spins");
}

#[test]
fn fragments_of_nothing_cost_others_nothing() {
    let gateway = settings(&[]).start();
    let mut flooding = connected(&gateway);
    flooding.send(first::BINARY_BEGUN, b"");
    let many = frame(first::CONTINUED, b"").repeat(10_000);
    for _ in 0..10 {
        flooding.send_bytes(&many);
    }
    edge(&gateway).heartbeat();
    flooding.send(first::CONTINUED_TO_THE_END, &conn());
    admitted(&mut flooding);
}

#[test]
fn who_answers_no_ping_is_closed_and_who_does_stays() {
    let gateway = settings(&["  ping_seconds: 2"]).start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut deaf = connected(&gateway);
    deaf.send(first::BINARY, &conn());
    hooks.hand_out(1);
    assert_eq!(hooks.heard("edge_online"), 1);
    admitted(&mut deaf);
    let mut answering = connected(&gateway);
    answering.send(first::BINARY, &conn());
    hooks.hand_out(2);
    assert_eq!(hooks.heard("edge_online"), 2);
    admitted(&mut answering);
    for _ in 0..2 {
        let ping = answering.next_frame().expect("it stays");
        assert_eq!(ping.first, first::PING);
        answering.send(first::PONG, &ping.payload);
    }
    // By now the other one has been silent over several pings.
    let (code, reason) = deaf.closed();
    assert_eq!((code, reason.as_str()), (1008, "pings are not answered"));
    assert_eq!(hooks.heard("edge_offline"), 1);
}

#[test]
fn who_takes_no_bytes_is_cut() {
    let mut settings = settings(&[]);
    settings.edgebound.push("limits: { stalled_write_seconds: 1 }".to_owned());
    let gateway = settings.start();
    let mut service = Client::hooked(&gateway, &["edge_offline"]);
    let mut deaf = Client::inside(WebSocket::dial_narrow(port(&gateway), 4096).upgrade(&Ask::default()));
    deaf.say(&Hello::default());
    deaf.admitted();
    let flood = Body::new().method("x").value(&[0; 7_000_000]).to_edge(deaf.id);
    let call = service.request(&flood);
    assert_eq!(service.heard("edge_offline"), deaf.id);
    assert_eq!(service.answer(call), Err("force closed".to_owned()));
    let untold = || gateway.metric("frontier_websocket_closes_total", &["code=\"none\""]);
    eventually("it is counted", || (untold() == 1.0).then_some(()));
}
