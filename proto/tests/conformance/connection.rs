//! Items 12 to 21: the connection. Item 16 is the gateway's to decide.

use std::time::Duration;

use frontier_proto::body::{ConnData, SessionData};
use frontier_proto::conn::{CloseReason, Event, Failure, Settings};
use frontier_proto::id::{ClientId, PacketId, SessionId};
use frontier_proto::wire::{Conn, ConnAck, Frame, FrameKind, HeartbeatClass, Session};

use super::end::{ALL_CAPS, End, Happened, NO_CAPS, PEER, body, conn, text};

const SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(5);

fn ack(error: &str) -> Frame<'static> {
    let data = ConnData { error: error.to_owned(), ..ConnData::default() };
    Frame::ConnAck(ConnAck { client: ClientId(6), data })
}

#[test]
fn item_12_conn_must_arrive_within_10_s() {
    let mut end = End::new_server(Settings::default());
    end.pass(10 * SECOND - Duration::from_nanos(1));
    assert_eq!(end.closed(), None);
    end.pass(Duration::from_nanos(1));
    assert_eq!(end.closed(), Some(&CloseReason::HandshakeTimeout));
    assert!(end.sent().is_empty(), "silently");
}

#[test]
fn item_12_a_client_waits_10_s_for_its_ack() {
    let mut end = End::new_client(Settings::default());
    end.sent();
    end.receive(PEER, &ack(""));
    assert_eq!(end.closed(), None, "the ack of something else means nothing");
    end.pass(10 * SECOND);
    assert_eq!(end.closed(), Some(&CloseReason::HandshakeTimeout));
}

#[test]
fn item_13_the_conn_ack_is_the_first_frame_and_answers_the_conn() {
    let mut end = End::new_server(Settings::default());
    end.receive(PEER, &conn(HeartbeatClass::Seconds20, NO_CAPS));
    end.receive(PEER + 1, &Frame::Heartbeat);
    end.receive(PEER + 2, &Frame::Request(SessionId::MAIN, body(b"too early")));
    end.conn.accept(end.now, ClientId(5));
    end.receive(PEER + 3, &Frame::Heartbeat);
    end.receive(PEER + 4, &Frame::Register(SessionId::MAIN, b"echo"));
    end.pass(Duration::from_millis(1));
    let sent = end.sent();
    assert_eq!(sent[0].packet, PacketId(PEER));
    assert!(matches!(sent[0].frame(), Frame::ConnAck(ack) if ack.client == ClientId(5) && ack.data.error.is_empty()));
    let others: Vec<u64> = sent[1..].iter().map(|sent| sent.packet.0).collect();
    assert_eq!(others, [PEER + 3, PEER + 4], "what came before the ack is ignored");
}

#[test]
fn item_13_the_ack_keeps_a_millisecond_away_from_an_old_client_s_conn() {
    let mut end = End::new_server(Settings::default());
    end.receive(PEER, &conn(HeartbeatClass::Seconds20, NO_CAPS));
    end.conn.accept(end.now, ClientId(5));
    assert!(end.sent().is_empty());
    end.pass(Duration::from_millis(1));
    end.only_sent();

    let mut end = End::new_server(Settings::default());
    end.receive(PEER, &conn(HeartbeatClass::Seconds20, ALL_CAPS));
    end.conn.accept(end.now, ClientId(5));
    assert!(matches!(end.only_sent().frame(), Frame::ConnAck(ack) if ack.data.caps == ALL_CAPS));
}

#[test]
fn item_14_a_refusal_is_an_error_with_id_0_and_a_goodbye() {
    let mut end = End::new_server(Settings::default());
    end.receive(PEER, &conn(HeartbeatClass::Seconds20, NO_CAPS));
    end.conn.refuse(end.now, "edge <denied> & \"bad\"");
    end.pass(Duration::from_millis(1));
    let sent = end.sent();
    let [ack, goodbye] = &sent[..] else { panic!("{sent:?}") };
    let Frame::ConnAck(refusal) = ack.frame() else { panic!("{ack:?}") };
    assert_eq!((refusal.client, refusal.data.error.as_str()), (ClientId(0), "edge <denied> & \"bad\""));
    assert!(matches!(goodbye.frame(), Frame::DisConn));
    end.pass(GRACE);
    assert_eq!(end.closed(), Some(&CloseReason::Refused));
}

#[test]
fn item_14_a_refusal_never_has_an_empty_text_and_has_code_1() {
    let mut end = End::new_server(Settings::default());
    end.receive(PEER, &conn(HeartbeatClass::Seconds20, NO_CAPS));
    end.conn.refuse(end.now, "");
    end.pass(Duration::from_millis(1));
    let sent = end.sent();
    assert!(matches!(sent[0].frame(), Frame::ConnAck(ack) if !ack.data.error.is_empty()));
    let mut bytes = Vec::new();
    sent[0].frame().encode(sent[0].packet, &mut bytes);
    assert_eq!(bytes[14], 1);
}

#[test]
fn item_14_nobody_is_left_within_1_5_s_of_its_ack() {
    let mut end = End::server();
    end.conn.leave(end.now);
    end.pass(Duration::from_millis(1_498));
    assert!(end.sent().is_empty() && end.conn.is_open());
    end.pass(Duration::from_millis(1));
    assert!(matches!(end.only_sent().frame(), Frame::DisConn));

    let mut end = End::server();
    end.pass(2 * SECOND);
    end.conn.leave(end.now);
    assert!(matches!(end.only_sent().frame(), Frame::DisConn), "an older link is left at once");
}

#[test]
fn item_14_a_refused_client_learns_why() {
    let mut end = End::new_client(Settings::default());
    let packet = end.only_sent().packet;
    let happened = end.receive(packet.0, &ack("no room"));
    assert!(matches!(&happened[..], [Event::Refused(error)] if error == "no room"), "{happened:?}");
    assert_eq!(end.closed(), Some(&CloseReason::Refused));
}

#[test]
fn item_15_a_client_asks_for_an_id_and_takes_the_one_it_gets() {
    let mut end = End::new_client(Settings::default());
    let sent = end.only_sent();
    let Frame::Conn(conn) = sent.frame() else { panic!("{sent:?}") };
    assert!(conn.acquire_id);
    assert_eq!((conn.wanted, &conn.data.meta[..]), (ClientId(42), &b"foo"[..]));
    let happened = end.receive(sent.packet.0, &ack(""));
    assert!(matches!(happened[..], [Event::Connected(ClientId(6))]), "{happened:?}");
}

#[test]
fn item_15_a_client_that_brings_its_id_is_told_apart() {
    let mut end = End::new_server(Settings::default());
    let brings = Conn { acquire_id: false, wanted: ClientId(9), ..Conn::default() };
    let happened = end.receive(PEER, &Frame::Conn(brings));
    assert!(matches!(&happened[..], [Event::Connect(conn)] if !conn.acquire_id && conn.wanted == ClientId(9)));
}

#[test]
fn item_17_heartbeat_codes_mean_5_20_80_and_320_s() {
    let codes = [(0x08, 5), (0x18, 20), (0x28, 80), (0x38, 320)];
    for (flags, seconds) in codes {
        let mut end = End::new_server(Settings::default());
        let payload = [&[flags, 0][..], &[0; 8], b"{}"].concat();
        let header = [&[1, 1][..], &PEER.to_be_bytes(), &(payload.len() as u32).to_be_bytes()].concat();
        end.receive_bytes(&[header, payload].concat());
        end.conn.accept(end.now, ClientId(5));
        end.pass(Duration::from_millis(1));
        end.sent();

        let interval = Duration::from_secs(seconds);
        end.pass(2 * interval);
        assert!(end.conn.is_open(), "patient for two intervals of {interval:?}");
        end.receive(PEER + 1, &Frame::Heartbeat);
        let answer = end.only_sent();
        assert!(matches!(answer.frame(), Frame::HeartbeatAck) && answer.packet == PacketId(PEER + 1));
        end.pass(2 * interval);
        assert!(end.conn.is_open(), "any frame begins the time anew");
        end.pass(interval);
        assert!(!end.conn.is_open());
        end.pass(GRACE);
        assert_eq!(end.closed(), Some(&CloseReason::Idle), "and the socket is closed");
    }
}

#[test]
fn item_17_any_frame_begins_the_idle_time_anew() {
    let mut end = End::server();
    for _ in 0..5 {
        end.pass(44 * SECOND);
        end.receive(PEER, &Frame::Dismiss(SessionId(99), SessionData::default()));
        assert!(end.conn.is_open());
    }
}

#[test]
fn item_17_a_client_sends_heartbeats_in_its_interval_and_misses_the_acks() {
    let mut end = End::client();
    for beat in 1..=3 {
        end.pass(20 * SECOND);
        let sent = end.only_sent();
        assert!(matches!(sent.frame(), Frame::Heartbeat), "beat {beat}: {sent:?}");
        end.receive(sent.packet.0, &Frame::HeartbeatAck);
    }
    end.pass(50 * SECOND);
    assert!(!end.conn.is_open(), "a server that acks nothing any more is dead");
}

#[test]
fn item_18_misplaced_connection_frames_close_or_are_ignored() {
    let misplaced = [
        conn(HeartbeatClass::Seconds20, NO_CAPS),
        ack(""),
        Frame::DisConn,
        Frame::DisConnAck(ConnData::default()),
        Frame::Heartbeat,
        Frame::HeartbeatAck,
    ];
    let closes = |end: &mut End, frame: &Frame<'_>| {
        end.receive(PEER + 9, frame);
        end.closed().is_some()
    };
    let by_kind = |frame: &Frame<'_>, kinds: &[FrameKind]| kinds.contains(&frame.kind());
    use FrameKind as K;
    for frame in &misplaced {
        let mut end = End::new_server(Settings::default());
        let expected = by_kind(frame, &[K::ConnAck, K::DisConn, K::DisConnAck]);
        assert_eq!(closes(&mut end, frame), expected, "{frame:?} to a server in front of the Conn");

        let mut end = End::new_server(Settings::default());
        end.receive(PEER, &conn(HeartbeatClass::Seconds20, NO_CAPS));
        let expected = by_kind(frame, &[K::Conn, K::ConnAck, K::DisConn, K::DisConnAck]);
        assert_eq!(closes(&mut end, frame), expected, "{frame:?} to a server that decides");

        let expected = by_kind(frame, &[K::Conn, K::DisConnAck]);
        assert_eq!(closes(&mut End::server(), frame), expected, "{frame:?} to an open server");

        let mut end = End::new_client(Settings::default());
        let expected = by_kind(frame, &[K::Conn, K::DisConn, K::DisConnAck]);
        assert_eq!(closes(&mut end, frame), expected, "{frame:?} to a client that waits");

        let expected = by_kind(frame, &[K::ConnAck, K::DisConnAck]);
        assert_eq!(closes(&mut End::client(), frame), expected, "{frame:?} to an open client");
    }
}

#[test]
fn item_19_a_goodbye_is_acked_and_returned() {
    for mut end in [End::server(), End::client()] {
        let happened = end.receive(PEER, &Frame::DisConn);
        assert!(matches!(happened[..], [Event::Leaving]), "{happened:?}");
        let sent = end.sent();
        let [first, own] = &sent[..] else { panic!("{sent:?}") };
        assert!(matches!(first.frame(), Frame::DisConnAck(_)) && first.packet == PacketId(PEER));
        assert!(matches!(own.frame(), Frame::DisConn));
        end.receive(own.packet.0, &Frame::DisConnAck(ConnData::default()));
        assert_eq!(end.closed(), Some(&CloseReason::PeerLeft));
    }
}

#[test]
fn item_19_a_goodbye_of_ours_takes_the_four_steps_in_either_order() {
    for ack_first in [true, false] {
        let mut end = End::client();
        end.conn.leave(end.now);
        let own = end.only_sent();
        assert!(matches!(own.frame(), Frame::DisConn));
        let steps = [(own.packet.0, Frame::DisConnAck(ConnData::default())), (PEER, Frame::DisConn)];
        let [first, second] = if ack_first { [0, 1] } else { [1, 0] };
        end.receive(steps[first].0, &steps[first].1);
        assert_eq!(end.closed(), None);
        end.receive(steps[second].0, &steps[second].1);
        assert_eq!(end.closed(), Some(&CloseReason::WeLeft));
        let answer = end.only_sent();
        assert!(matches!(answer.frame(), Frame::DisConnAck(_)) && answer.packet == PacketId(PEER));
    }
}

#[test]
fn item_19_grace_ends_a_goodbye_that_nobody_answers() {
    let mut end = End::client();
    end.conn.leave(end.now);
    end.pass(GRACE - Duration::from_nanos(1));
    assert_eq!(end.closed(), None);
    end.pass(Duration::from_nanos(1));
    assert_eq!(end.closed(), Some(&CloseReason::WeLeft));
}

#[test]
fn item_20_no_heartbeat_is_acked_after_a_goodbye() {
    let mut end = End::server();
    end.receive(PEER, &Frame::DisConn);
    end.sent();
    end.receive(PEER + 1, &Frame::Heartbeat);
    assert!(end.sent().is_empty());
}

#[test]
fn item_21_the_end_of_a_link_ends_every_waiter_and_session_once() {
    type Ending = fn(&mut End) -> Vec<Happened>;
    let endings: [Ending; 4] = [
        |end| {
            end.conn.abort();
            end.events()
        },
        |end| end.receive(PEER, &Frame::DisConn),
        |end| end.receive_bytes(&[0xee; 14]),
        |end| end.pass(60 * SECOND),
    ];
    for ending in endings {
        let mut end = End::server();
        let stream = end.stream();
        let later = end.later();
        end.conn.call(PacketId(1), SessionId::MAIN, text(b""), later, 1);
        end.conn.publish(PacketId(2), stream, text(b""), later, 2);
        end.conn.register(PacketId(3), SessionId::MAIN, "echo", later, 3);
        let failed = |event: &Happened| match event {
            Event::Failed { waiter, .. } => Some(*waiter),
            _ => None,
        };
        let ended = |event: &&Happened| matches!(event, Event::Ended { session, .. } if *session == stream);
        let mut happened = ending(&mut end);
        happened.extend(end.pass(3600 * SECOND));
        let mut waiters: Vec<u32> = happened.iter().filter_map(failed).collect();
        waiters.sort_unstable();
        assert_eq!((waiters, happened.iter().filter(ended).count()), (vec![1, 2, 3], 1), "{happened:?}");
        assert_eq!((end.conn.session_count(), end.conn.is_awaited()), (0, false));

        let open = Session { acquire_id: true, negotiate: SessionId(78), data: SessionData::default() };
        assert!(end.receive(PEER, &Frame::Session(open)).is_empty(), "nothing begins again");
        end.conn.call(PacketId(4), SessionId::MAIN, text(b""), later, 4);
        assert!(matches!(end.events()[..], [Event::Failed { waiter: 4, failure: Failure::SessionEnded }]));
    }
}
