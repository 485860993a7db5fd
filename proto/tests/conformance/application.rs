//! Items 33 to 43: messages, calls, registrations and raw bytes. Items 35 and 37 to 40 have a part in the gateway too.

use std::time::Duration;

use frontier_proto::body::{Body, SessionData};
use frontier_proto::conn::{CloseReason, Event, Failure, Settings};
use frontier_proto::id::{PacketId, SessionId};
use frontier_proto::wire::{CANCELLED, Frame};

use super::end::{ALL_CAPS, End, Happened, NO_CAPS, PEER, Sent, body, text};

const SECOND: Duration = Duration::from_secs(1);

/// The owner's answer to a message or request, as the event asks for it.
fn answer(end: &mut End, happened: &[Happened], error: &str) {
    match happened {
        [Event::Message { session, packet, cost, .. }] => end.conn.ack(*session, *packet, error, *cost),
        [Event::Request { session, packet, cost, .. }] => end.conn.respond(*session, *packet, text(b"result"), *cost),
        other => panic!("nothing to answer: {other:?}"),
    }
}

fn failed(happened: &[Happened]) -> Vec<u32> {
    let failed = happened.iter().filter_map(|event| match event {
        Event::Failed { waiter, .. } => Some(*waiter),
        _ => None,
    });
    failed.collect()
}

#[test]
fn item_33_a_message_gets_one_ack() {
    for error in ["", "refused"] {
        let mut end = End::server();
        let happened = end.receive(PEER, &Frame::Message(SessionId::MAIN, body(b"x")));
        assert!(end.sent().is_empty(), "the owner decides");
        answer(&mut end, &happened, error);
        let sent = end.only_sent();
        assert_eq!(sent.packet, PacketId(PEER));
        assert!(matches!(sent.frame(), Frame::MessageAck(SessionId::MAIN, ack) if ack.error == error));
        assert_eq!(end.conn.unanswered(), 0);
    }
}

#[test]
fn item_33_and_35_what_comes_on_a_session_that_is_gone_is_answered_too() {
    let mut end = End::server();
    end.receive(PEER, &Frame::Message(SessionId(99), body(b"x")));
    end.receive(PEER + 1, &Frame::Request(SessionId(99), body(b"x")));
    let sent = end.sent();
    let frames: Vec<Frame<'_>> = sent.iter().map(Sent::frame).collect();
    let [Frame::MessageAck(_, ack), Frame::Response(_, response)] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!((&*ack.error, &*response.error), ("force closed", "force closed"));
    assert_eq!(end.conn.unanswered(), 0);
}

#[test]
fn item_34_at_most_32_messages_of_a_session_wait_for_their_ack() {
    let mut end = End::server();
    for number in 0..40 {
        end.conn.publish(PacketId(number), SessionId::MAIN, text(b""), end.later(), number as u32);
    }
    let sent = end.sent();
    let packets: Vec<u64> = sent.iter().map(|sent| sent.packet.0).collect();
    assert_eq!(packets, (0..32).collect::<Vec<u64>>(), "in order");
    let happened = end.receive(5, &Frame::MessageAck(SessionId::MAIN, body(b"")));
    assert!(matches!(happened[..], [Event::Acked { waiter: 5, .. }]));
    assert_eq!(end.only_sent().packet, PacketId(32), "each ack makes room for the next");
    end.receive(5, &Frame::MessageAck(SessionId::MAIN, body(b"")));
    assert!(end.sent().is_empty(), "but a second one does not");
}

#[test]
fn item_34_the_window_is_configurable_and_calls_do_not_wait_for_it() {
    let mut end = End::server_of(Settings { unacked_messages: 1, ..Settings::default() }, NO_CAPS);
    for number in 1..=3 {
        end.conn.publish(PacketId(number), SessionId::MAIN, text(b""), end.later(), 1);
    }
    end.conn.call(PacketId(4), SessionId::MAIN, text(b""), end.later(), 2);
    let packets: Vec<u64> = end.sent().iter().map(|sent| sent.packet.0).collect();
    assert_eq!(packets, [1, 4]);
}

#[test]
fn item_34_a_message_that_ran_out_of_time_keeps_its_place_until_its_ack() {
    let mut end = End::server_of(Settings { unacked_messages: 1, ..Settings::default() }, NO_CAPS);
    let soon = end.now + SECOND;
    end.conn.publish(PacketId(1), SessionId::MAIN, text(b""), soon, 1);
    end.conn.publish(PacketId(2), SessionId::MAIN, text(b""), end.later(), 2);
    end.sent();
    assert_eq!(failed(&end.pass(2 * SECOND)), [1]);
    assert!(end.sent().is_empty(), "the peer still holds it");
    assert!(end.receive(1, &Frame::MessageAck(SessionId::MAIN, body(b""))).is_empty());
    assert_eq!(end.only_sent().packet, PacketId(2));
}

#[test]
fn item_35_a_request_gets_one_response() {
    let mut end = End::server();
    let happened = end.receive(PEER, &Frame::Request(SessionId::MAIN, body(b"x")));
    answer(&mut end, &happened, "");
    let sent = end.only_sent();
    assert!(matches!(sent.frame(), Frame::Response(SessionId::MAIN, response) if response.value.decode() == b"result"));
}

#[test]
fn item_35_a_response_that_finds_no_room_becomes_a_short_error() {
    let mut end = End::server_of(Settings { reply_bytes: 1_000, ..Settings::default() }, NO_CAPS);
    let requests: Vec<_> =
        (0..2).map(|number| end.receive(PEER + number, &Frame::Request(SessionId::MAIN, body(b"")))).collect();
    for happened in &requests {
        let [Event::Request { session, packet, cost, .. }] = happened[..] else { panic!("{happened:?}") };
        end.conn.respond(session, packet, text(&[7; 900]), cost);
    }
    let sent = end.sent();
    let errors: Vec<String> = sent
        .iter()
        .map(|sent| match sent.frame() {
            Frame::Response(_, body) => body.error.into_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(errors, ["", "congested"]);
}

#[test]
fn item_35_a_peer_that_reads_no_answers_is_cut() {
    let settings = Settings { reply_bytes: 1_000, max_payload: 1_000, ..Settings::default() };
    let mut end = End::server_of(settings, NO_CAPS);
    for number in 0.. {
        assert!(number < 1_000, "answers pile up without a bound");
        let happened = end.receive(PEER + number, &Frame::Request(SessionId::MAIN, body(b"")));
        if end.closed().is_some() {
            break;
        }
        answer(&mut end, &happened, "");
    }
    assert_eq!(end.closed(), Some(&CloseReason::AnswersUnread));
}

#[test]
fn item_45_a_peer_that_reads_no_acks_is_cut() {
    for frame in [
        Frame::Heartbeat,
        Frame::Register(SessionId::MAIN, b"echo"),
        Frame::Dismiss(SessionId(99), SessionData::default()),
    ] {
        let settings = Settings { reply_bytes: 1_000, max_payload: 1_000, ..Settings::default() };
        let mut end = End::server_of(settings, NO_CAPS);
        for number in 0.. {
            assert!(number < 1_000, "{frame:?}: acks pile up without a bound");
            end.receive(PEER + number, &frame);
            if end.closed().is_some() {
                break;
            }
        }
        assert_eq!(end.closed(), Some(&CloseReason::AnswersUnread));
    }
}

#[test]
fn item_37_a_deadline_ends_the_wait_and_a_late_answer_means_nothing() {
    let mut end = End::client();
    let at = end.now + 3 * SECOND;
    end.conn.call(PacketId(1), SessionId::MAIN, text(b""), at, 1);
    end.conn.publish(PacketId(2), SessionId::MAIN, text(b""), at, 2);
    end.sent();
    assert!(end.pass(3 * SECOND - Duration::from_nanos(1)).is_empty());
    let happened = end.pass(Duration::from_nanos(1));
    let expired = |event: &Happened| matches!(event, Event::Failed { failure: Failure::Expired, .. });
    assert!(happened.iter().all(expired) && failed(&happened) == [1, 2], "{happened:?}");
    assert!(end.receive(1, &Frame::Response(SessionId::MAIN, body(b""))).is_empty());
    assert!(end.receive(2, &Frame::MessageAck(SessionId::MAIN, body(b""))).is_empty());
}

#[test]
fn item_38_a_registration_is_acked_at_once_and_again() {
    let mut end = End::server();
    for packet in [PEER, PEER + 1] {
        let happened = end.receive(packet, &Frame::Register(SessionId::MAIN, b"echo"));
        assert!(matches!(happened[..], [Event::Registered { session: SessionId::MAIN, method: b"echo" }]));
        let sent = end.only_sent();
        assert!(sent.packet == PacketId(packet) && matches!(sent.frame(), Frame::RegisterAck(SessionId::MAIN, _)));
    }
}

#[test]
fn item_38_our_registrations_wait_for_their_ack() {
    let mut end = End::client();
    end.conn.register(PacketId(1), SessionId::MAIN, "echo", end.later(), 1);
    assert_eq!(end.only_sent().frame(), Frame::Register(SessionId::MAIN, b"echo"));
    let ack = Frame::RegisterAck(SessionId::MAIN, frontier_proto::body::RegisterAckData::default());
    assert!(matches!(end.receive(1, &ack)[..], [Event::Acked { waiter: 1, .. }]));
}

#[test]
fn item_39_a_cancel_is_always_accepted() {
    for mut end in [End::server(), End::client()] {
        for packet in [PEER, 0, u64::MAX] {
            let happened = end.receive(packet, &Frame::RequestCancel(SessionId::MAIN, 2));
            assert!(matches!(happened[..], [Event::Cancelled { packet: PacketId(asked), .. }] if asked == packet));
        }
        assert!(end.conn.is_open() && end.sent().is_empty());
    }
}

#[test]
fn item_39_a_cancel_is_sent_only_to_peers_that_understand_one() {
    let cancel = |end: &mut End, packet: u64| {
        end.conn.call(PacketId(packet), SessionId::MAIN, text(b""), end.later(), 1);
        end.sent();
        assert_eq!(end.conn.cancel(end.now, PacketId(packet)), Some(1));
        assert!(end.receive(packet, &Frame::Response(SessionId::MAIN, body(b""))).is_empty(), "nobody waits");
        end.sent().iter().any(|sent| sent.frame() == Frame::RequestCancel(SessionId::MAIN, CANCELLED))
    };
    let mut end = End::server();
    assert!(!cancel(&mut end, 1), "it would cut an old peer's link");
    end.receive(PEER, &Frame::RequestCancel(SessionId::MAIN, 1));
    assert!(cancel(&mut end, 2), "this one has proven that it survives one");
    assert!(cancel(&mut End::server_of(Settings::default(), ALL_CAPS), 1));
}

#[test]
fn item_40_answers_come_in_any_order_and_heartbeats_overtake() {
    let mut end = End::server();
    let first = end.receive(PEER, &Frame::Request(SessionId::MAIN, body(b"slow")));
    let second = end.receive(PEER + 1, &Frame::Request(SessionId::MAIN, body(b"fast")));
    answer(&mut end, &second, "");
    end.receive(PEER + 2, &Frame::Heartbeat);
    answer(&mut end, &first, "");
    let packets: Vec<u64> = end.sent().iter().map(|sent| sent.packet.0).collect();
    assert_eq!(packets, [PEER + 2, PEER + 1, PEER]);
}

#[test]
fn item_41_raw_bytes_of_any_size_arrive_in_order() {
    let mut end = End::server();
    let session = end.stream();
    for data in [&b""[..], b"a", b"", &[7; 70_000], b"z"] {
        let happened = end.receive(PEER, &Frame::Stream(session, data));
        assert!(matches!(happened[..], [Event::Data { data: got, .. }] if got == data));
    }
}

#[test]
fn item_41_raw_bytes_leave_in_order_and_paced() {
    let mut end = End::server();
    let session = end.stream();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at ^ (at >> 8)) as u8).collect();
    for part in bytes.chunks(777) {
        assert!(end.conn.send_data(session, part.to_vec().into()));
    }
    let mut got = Vec::new();
    while got.len() < bytes.len() {
        let sent = end.sent();
        assert!((1..=16).contains(&sent.len()), "an old peer drops what it cannot queue");
        for sent in &sent {
            let Frame::Stream(_, data) = sent.frame() else { panic!("{sent:?}") };
            got.extend_from_slice(data);
        }
        end.pass(Duration::from_millis(2));
    }
    assert!(got == bytes);
}

#[test]
fn item_42_raw_bytes_behind_a_dismissal_are_delivered_before_its_end() {
    let mut end = End::server();
    let session = end.stream();
    end.receive(PEER, &Frame::Dismiss(session, SessionData::default()));
    let own = end.sent().pop().expect("a Dismiss of ours");
    let happened = end.receive(PEER + 1, &Frame::Stream(session, b"overtaken"));
    assert!(matches!(happened[..], [Event::Data { data: b"overtaken", .. }]), "{happened:?}");
    let happened = end.receive(own.packet.0, &Frame::DismissAck(session, SessionData::default()));
    assert!(matches!(happened[..], [Event::Ended { .. }]));
    assert!(end.receive(PEER + 2, &Frame::Stream(session, b"too late")).is_empty());
}

#[test]
fn item_42_our_last_bytes_leave_some_time_before_our_dismissal() {
    let mut end = End::server();
    let session = end.stream();
    assert!(end.conn.send_data(session, b"last"[..].into()));
    end.conn.dismiss(end.now, session, "");
    assert!(matches!(end.only_sent().frame(), Frame::Stream(..)));
    end.pass(Duration::from_millis(99));
    assert!(end.sent().is_empty());
    end.pass(Duration::from_millis(1));
    assert!(matches!(end.only_sent().frame(), Frame::Dismiss(..)));
}

#[test]
fn item_43_late_and_repeated_answers_are_ignored() {
    let mut end = End::client();
    end.conn.call(PacketId(1), SessionId::MAIN, text(b""), end.later(), 1);
    end.conn.publish(PacketId(2), SessionId::MAIN, text(b""), end.later(), 2);
    end.sent();
    let response = Frame::Response(SessionId::MAIN, Body { error: "no such rpc: echo".into(), ..Body::default() });
    assert!(end.receive(2, &response).is_empty(), "a response does not answer a message");
    assert!(end.receive(1, &Frame::MessageAck(SessionId::MAIN, body(b""))).is_empty(), "nor an ack a call");
    assert!(matches!(&end.receive(1, &response)[..], [Event::Response { waiter: 1, body }] if !body.error.is_empty()));
    assert!(end.receive(1, &response).is_empty());
    assert_eq!(end.receive(2, &Frame::MessageAck(SessionId::MAIN, body(b""))).len(), 1);
    assert!(end.receive(2, &Frame::MessageAck(SessionId::MAIN, body(b""))).is_empty());
}
