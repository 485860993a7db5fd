//! Items 22 to 32: sessions. Item 26 is about our client, which the event of an opening lets use it at once.

use std::time::Duration;

use frontier_proto::body::SessionData;
use frontier_proto::conn::{CloseReason, Event, Failure, Settings};
use frontier_proto::id::{PacketId, SessionId};
use frontier_proto::wire::{Frame, FrameKind, Session, SessionAck};

use super::end::{ALL_CAPS, End, NO_CAPS, PEER, Sent, body, text};

const SECOND: Duration = Duration::from_secs(1);
const SETTLE: Duration = Duration::from_millis(100);

fn nothing() -> SessionData {
    SessionData::default()
}

fn open(acquire_id: bool, negotiate: u64) -> Session {
    Session { acquire_id, negotiate: SessionId(negotiate), data: nothing() }
}

fn session_ack(negotiate: SessionId, session: SessionId) -> Frame<'static> {
    Frame::SessionAck(SessionAck { negotiate, session, data: nothing() })
}

/// The end under test opens a session that its peer confirms; its id.
fn opened(end: &mut End, packet: u64) -> SessionId {
    end.conn.open_session(end.now, PacketId(packet), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    let happened = end.receive(packet, &session_ack(asked.negotiate, asked.negotiate));
    assert!(matches!(happened[..], [Event::Opened { waiter: 1, .. }]), "{happened:?}");
    asked.negotiate
}

fn dismissals(sent: &[Sent]) -> usize {
    sent.iter().filter(|sent| matches!(sent.frame(), Frame::Dismiss(..))).count()
}

#[test]
fn item_22_session_1_is_there_without_being_opened() {
    for mut end in [End::server(), End::client()] {
        let happened = end.receive(PEER, &Frame::Request(SessionId::MAIN, body(b"")));
        assert!(matches!(happened[..], [Event::Request { session: SessionId::MAIN, .. }]));
        end.conn.call(PacketId(1), SessionId::MAIN, text(b""), end.later(), 1);
        assert!(matches!(end.only_sent().frame(), Frame::Request(SessionId::MAIN, _)));
    }
}

#[test]
fn item_22_session_1_is_dismissed_in_four_steps_and_the_link_lives_on() {
    let mut end = End::server();
    end.receive(PEER, &Frame::Dismiss(SessionId::MAIN, nothing()));
    let sent = end.sent();
    let [ack, own] = &sent[..] else { panic!("{sent:?}") };
    assert!(matches!(ack.frame(), Frame::DismissAck(SessionId::MAIN, _)) && ack.packet == PacketId(PEER));
    assert!(matches!(own.frame(), Frame::Dismiss(SessionId::MAIN, _)));
    let happened = end.receive(own.packet.0, &Frame::DismissAck(SessionId::MAIN, nothing()));
    assert!(matches!(happened[..], [Event::Ended { session: SessionId::MAIN, error: None }]), "{happened:?}");
    assert!(end.conn.is_open() && !end.conn.is_usable(SessionId::MAIN));
    end.stream();
}

#[test]
fn item_23_the_server_chooses_the_id_and_echoes_the_negotiate_id() {
    let mut end = End::server();
    let session = end.offer(PEER, open(true, 0x0a01));
    assert!(session != SessionId(0x0a01) && session.0 > 1);
    end.conn.confirm(end.now, session, Vec::new());
    let sent = end.only_sent();
    assert_eq!(sent.packet, PacketId(PEER));
    assert_eq!(sent.frame(), session_ack(SessionId(0x0a01), session));
    assert_ne!(end.offer(PEER + 1, open(true, 0x0a01)), session, "fresh each time");
}

#[test]
fn item_24_a_session_of_the_server_keeps_its_id_and_waits_for_its_ack() {
    let mut end = End::server();
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    assert!(!asked.acquire_id && sent.packet == PacketId(9));
    end.conn.call(PacketId(10), asked.negotiate, text(b""), end.later(), 2);
    assert!(end.sent().is_empty(), "nothing is sent on it before its ack");
    end.events();
    let happened = end.receive(9, &session_ack(asked.negotiate, asked.negotiate));
    assert!(matches!(happened[..], [Event::Opened { waiter: 1, session }] if session == asked.negotiate));
    end.conn.call(PacketId(11), asked.negotiate, text(b""), end.later(), 3);
    assert!(matches!(end.only_sent().frame(), Frame::Request(..)), "and then at once");
}

#[test]
fn item_25_the_ack_is_alone_and_what_follows_waits_for_the_client() {
    let mut end = End::server();
    let session = end.offer(PEER, open(true, 1_000));
    end.conn.confirm(end.now, session, Vec::new());
    let ack = end.only_sent();
    assert!(ack.alone);
    end.conn.call(PacketId(1), session, text(b""), end.later(), 1);
    end.conn.publish(PacketId(2), session, text(b""), end.later(), 2);
    assert!(end.conn.send_data(session, b"raw"[..].into()));
    end.pass(SETTLE - Duration::from_nanos(1));
    assert!(end.sent().is_empty());
    end.receive(PEER + 1, &Frame::Stream(session, b""));
    let sent = end.sent();
    assert!(matches!(
        sent.iter().map(Sent::frame).collect::<Vec<_>>()[..],
        [Frame::Request(..), Frame::Message(..), Frame::Stream(..)]
    ));
}

#[test]
fn item_25_what_follows_waits_for_the_settle_delay_where_the_client_is_silent() {
    for caps in [NO_CAPS, ALL_CAPS] {
        let mut end = End::server_of(Settings::default(), caps);
        let session = end.offer(PEER, open(true, 1_000));
        end.conn.confirm(end.now, session, Vec::new());
        end.only_sent();
        end.conn.call(PacketId(1), session, text(b""), end.later(), 1);
        assert_eq!(end.sent().len(), usize::from(caps == ALL_CAPS), "our own clients need no delay");
        end.pass(SETTLE);
        assert_eq!(end.sent().len(), usize::from(caps == NO_CAPS));
    }
}

#[test]
fn item_26_a_client_takes_what_comes_right_behind_the_ack() {
    let mut end = End::client();
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    assert!(asked.acquire_id);
    let session = SessionId(0x6650_0000_0000_0b04);
    let mut bytes = Vec::new();
    session_ack(asked.negotiate, session).encode(PacketId(9), &mut bytes);
    Frame::Stream(session, b"first").encode(PacketId(PEER), &mut bytes);
    let happened = end.receive_bytes(&bytes);
    assert!(matches!(happened[..], [Event::Opened { .. }, Event::Data { data: b"first", .. }]), "{happened:?}");
}

#[test]
fn item_27_a_refusal_is_an_ack_a_pause_and_a_dismissal() {
    let mut end = End::server();
    let session = end.offer(PEER, open(true, 1_000));
    end.conn.decline(end.now, session, "service not online");
    let ack = end.only_sent();
    assert!(ack.alone && matches!(ack.frame(), Frame::SessionAck(ack) if ack.session == session));
    end.pass(SETTLE - Duration::from_nanos(1));
    assert!(end.sent().is_empty());
    end.pass(Duration::from_nanos(1));
    let dismissal = end.only_sent();
    assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == session));
}

#[test]
fn item_27_our_own_peers_are_refused_in_the_ack() {
    let mut end = End::server_of(Settings::default(), ALL_CAPS);
    let session = end.offer(PEER, open(true, 1_000));
    end.conn.decline(end.now, session, "service not online");
    let ack = end.only_sent();
    assert!(matches!(ack.frame(), Frame::SessionAck(ack) if ack.data.error == "service not online"));
    assert_eq!(end.conn.session_count(), 0);

    let mut end = End::client_of(Settings::default(), ALL_CAPS);
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    let data = SessionData { error: "service not online".to_owned(), ..nothing() };
    let refusal = SessionAck { negotiate: asked.negotiate, session: SessionId(3_000), data };
    let happened = end.receive(9, &Frame::SessionAck(refusal));
    let [Event::Failed { waiter: 1, failure: Failure::Declined(error) }] = &happened[..] else {
        panic!("{happened:?}")
    };
    assert_eq!(error, "service not online");
    assert_eq!(end.conn.session_count(), 0);
}

#[test]
fn item_28_an_opening_times_out_and_its_late_ack_is_dismissed() {
    let mut end = End::server();
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    end.pass(20 * SECOND);
    end.receive(PEER, &Frame::Heartbeat);
    end.sent();
    let happened = end.pass(5 * SECOND);
    assert!(matches!(happened[..], [Event::Failed { waiter: 1, failure: Failure::Expired }]), "{happened:?}");
    assert!(end.receive(9, &session_ack(asked.negotiate, asked.negotiate)).is_empty());
    let dismissal = end.only_sent();
    assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == asked.negotiate));
    end.receive(dismissal.packet.0, &Frame::DismissAck(asked.negotiate, nothing()));
    end.receive(PEER, &Frame::Dismiss(asked.negotiate, nothing()));
    assert_eq!(end.conn.session_count(), 0);
}

#[test]
fn item_28_an_opening_that_is_never_acked_leaves_nothing() {
    let mut end = End::server();
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    for _ in 0..6 {
        end.pass(10 * SECOND);
        end.receive(PEER, &Frame::Heartbeat);
    }
    assert_eq!((end.conn.session_count(), end.conn.is_awaited()), (0, false));
    assert!(end.conn.is_open());
}

#[test]
fn item_28_an_ack_that_comes_when_the_opening_is_forgotten_leaves_no_session_at_the_peer() {
    let mut end = End::server();
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    for _ in 0..6 {
        end.pass(10 * SECOND);
        end.receive(PEER, &Frame::Heartbeat);
    }
    assert_eq!(end.conn.session_count(), 0);
    end.sent();
    assert!(end.receive(9, &session_ack(asked.negotiate, asked.negotiate)).is_empty(), "nobody waits for it");
    let dismissal = end.only_sent();
    assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == asked.negotiate));
    end.receive(dismissal.packet.0, &Frame::DismissAck(asked.negotiate, nothing()));
    end.receive(PEER, &Frame::Dismiss(asked.negotiate, nothing()));
    assert_eq!(end.conn.session_count(), 0);
}

#[test]
fn item_28_acks_of_sessions_that_never_were_take_no_more_room_than_sessions_may() {
    let settings = Settings { max_sessions: 2, ..Settings::default() };
    let mut end = End::server_of(settings, NO_CAPS);
    for id in 100..110 {
        end.receive(PEER, &session_ack(SessionId(id), SessionId(id)));
    }
    assert_eq!((dismissals(&end.sent()), end.conn.session_count()), (4, 4));
}

#[test]
fn item_28_an_opening_that_is_cancelled_is_dismissed_when_it_is_confirmed_all_the_same() {
    let mut end = End::server();
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    assert_eq!(end.conn.cancel(end.now, PacketId(9)), Some(1));
    assert!(end.receive(9, &session_ack(asked.negotiate, asked.negotiate)).is_empty(), "nobody waits for it");
    assert!(!end.conn.is_usable(asked.negotiate));
    let dismissal = end.only_sent();
    assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == asked.negotiate));
    end.receive(dismissal.packet.0, &Frame::DismissAck(asked.negotiate, nothing()));
    end.receive(PEER, &Frame::Dismiss(asked.negotiate, nothing()));
    assert_eq!(end.conn.session_count(), 0);
}

#[test]
fn item_28_an_opening_that_is_cancelled_and_never_confirmed_leaves_nothing() {
    let settings = Settings { silent_sessions: 1, ..Settings::default() };
    let dismiss = settings.dismiss;
    let mut end = End::server_of(settings, NO_CAPS);
    end.conn.open_session(end.now, PacketId(9), nothing(), 1);
    end.conn.open_session(end.now, PacketId(10), nothing(), 2);
    assert!(matches!(end.only_sent().frame(), Frame::Session(_)), "the second waits for the first");
    assert_eq!(end.conn.session_count(), 2);
    assert_eq!(end.conn.cancel(end.now, PacketId(10)), Some(2));
    assert_eq!(end.conn.session_count(), 1, "what was never sent is forgotten at once");
    assert_eq!(end.conn.cancel(end.now, PacketId(9)), Some(1));
    assert!(end.pass(dismiss).is_empty() && end.sent().is_empty());
    assert_eq!((end.conn.session_count(), end.conn.is_awaited()), (0, false));
}

#[test]
fn item_28_a_late_ack_cannot_take_another_sessions_id() {
    let mut end = End::server();
    let other = opened(&mut end, 8);
    end.conn.open_session(end.now, PacketId(9), nothing(), 2);
    let sent = end.only_sent();
    let Frame::Session(asked) = sent.frame() else { panic!("{sent:?}") };
    assert_eq!(end.conn.cancel(end.now, PacketId(9)), Some(2));
    end.receive(9, &session_ack(asked.negotiate, other));
    assert_eq!(end.closed(), Some(&CloseReason::Unexpected(FrameKind::SessionAck)));
}

#[test]
fn item_29_a_dismissal_is_answered_with_both_frames() {
    let mut end = End::server();
    let session = end.stream();
    assert!(end.receive(PEER, &Frame::Dismiss(session, nothing())).is_empty());
    let sent = end.sent();
    let [ack, own] = &sent[..] else { panic!("{sent:?}") };
    assert!(matches!(ack.frame(), Frame::DismissAck(id, _) if id == session) && ack.packet == PacketId(PEER));
    assert!(matches!(own.frame(), Frame::Dismiss(id, _) if id == session));
    let happened = end.receive(own.packet.0, &Frame::DismissAck(session, nothing()));
    assert!(matches!(happened[..], [Event::Ended { .. }]), "{happened:?}");
    assert_eq!(end.conn.session_count(), 0);
}

#[test]
fn item_29_our_dismissal_is_over_whichever_frame_comes_first() {
    for ack_first in [true, false] {
        let mut end = End::server();
        let session = end.stream();
        end.conn.dismiss(end.now, session, "");
        let own = end.only_sent();
        assert!(matches!(own.frame(), Frame::Dismiss(..)));
        let frames =
            [(own.packet.0, Frame::DismissAck(session, nothing())), (PEER, Frame::Dismiss(session, nothing()))];
        let [first, second] = if ack_first { [0, 1] } else { [1, 0] };
        assert!(end.receive(frames[first].0, &frames[first].1).is_empty());
        let happened = end.receive(frames[second].0, &frames[second].1);
        assert!(matches!(happened[..], [Event::Ended { .. }]), "{happened:?}");
        assert_eq!(dismissals(&end.sent()), 0, "one Dismiss from each side");
    }
}

#[test]
fn item_29_a_dismissal_ends_by_itself_after_30_s() {
    let mut end = End::server();
    let session = end.stream();
    end.conn.dismiss(end.now, session, "");
    end.pass(29 * SECOND);
    end.receive(PEER, &Frame::Heartbeat);
    assert_eq!(end.conn.session_count(), 1);
    let happened = end.pass(SECOND);
    assert!(matches!(happened[..], [Event::Ended { .. }]), "{happened:?}");
    assert_eq!(end.conn.session_count(), 0);
}

#[test]
fn item_30_no_dismiss_ack_is_sent_unasked() {
    let mut end = End::server();
    let session = end.stream();
    end.conn.dismiss(end.now, session, "");
    end.pass(60 * SECOND);
    let unasked = end.sent().iter().any(|sent| matches!(sent.frame(), Frame::DismissAck(..)));
    assert!(!unasked);
}

#[test]
fn item_30_a_dismiss_ack_that_was_not_asked_for_is_ignored() {
    let mut end = End::server();
    let session = end.stream();
    for id in [SessionId::MAIN, session, SessionId(99)] {
        assert!(end.receive(PEER, &Frame::DismissAck(id, nothing())).is_empty());
    }
    assert!(end.conn.is_usable(SessionId::MAIN) && end.conn.is_usable(session));
}

#[test]
fn item_30_frames_of_unknown_sessions_never_close_the_link() {
    let unknown = SessionId(99);
    let frames = [
        Frame::Message(unknown, body(b"")),
        Frame::MessageAck(unknown, body(b"")),
        Frame::Request(unknown, body(b"")),
        Frame::Response(unknown, body(b"")),
        Frame::Stream(unknown, b"x"),
        Frame::RequestCancel(unknown, 1),
        Frame::Register(unknown, b"echo"),
        Frame::RegisterAck(unknown, frontier_proto::body::RegisterAckData::default()),
        Frame::Dismiss(unknown, nothing()),
        Frame::DismissAck(unknown, nothing()),
        session_ack(unknown, unknown),
    ];
    for mut end in [End::server(), End::client()] {
        for frame in &frames {
            let happened = end.receive(PEER, frame);
            let nothing = matches!(happened[..], [] | [Event::Cancelled { .. }]);
            assert!(nothing && end.conn.is_open(), "{frame:?}: {happened:?}");
        }
    }
}

#[test]
fn item_30_a_dismissal_of_an_unknown_session_is_completed() {
    let mut end = End::server();
    end.receive(PEER, &Frame::Dismiss(SessionId(99), nothing()));
    let sent = end.sent();
    let frames: Vec<Frame<'_>> = sent.iter().map(Sent::frame).collect();
    assert!(matches!(frames[..], [Frame::DismissAck(SessionId(99), _), Frame::Dismiss(SessionId(99), _)]));
}

#[test]
fn item_31_at_most_32_silent_sessions_are_open_at_a_go_client() {
    let mut end = End::server();
    for packet in 0..40 {
        end.conn.open_session(end.now, PacketId(1_000 + packet), nothing(), 1);
    }
    let sent = end.sent();
    assert_eq!(sent.len(), 32);
    let asked = |sent: &Sent| match sent.frame() {
        Frame::Session(asked) => asked.negotiate,
        other => panic!("{other:?}"),
    };
    let first = asked(&sent[0]);
    end.receive(1_000, &session_ack(first, first));
    assert!(end.sent().is_empty(), "an ack says only that it is queued");
    end.receive(PEER, &Frame::Stream(first, b""));
    assert_eq!(end.sent().len(), 1, "a frame of the application frees a place");
    let second = asked(&sent[1]);
    end.receive(1_001, &session_ack(second, second));
    end.conn.dismiss(end.now, second, "");
    let dismissal = end.only_sent();
    end.receive(dismissal.packet.0, &Frame::DismissAck(second, nothing()));
    end.receive(PEER + 1, &Frame::Dismiss(second, nothing()));
    let opened = end.sent().iter().filter(|sent| matches!(sent.frame(), Frame::Session(_))).count();
    assert_eq!(opened, 1, "so does the end of one");
}

#[test]
fn item_27_a_peer_with_too_many_sessions_is_refused_and_then_cut() {
    let mut end = End::server_of(Settings { max_sessions: 4, ..Settings::default() }, NO_CAPS);
    for number in 0..4 {
        end.offer(PEER + number, open(true, 1_000 + number));
    }
    end.sent();
    for number in 4..8 {
        let events = end.receive(PEER + number, &Frame::Session(open(true, 1_000 + number)));
        assert!(matches!(events[..], [Event::Overfull { .. }]), "{events:?}");
        assert!(matches!(end.only_sent().frame(), Frame::SessionAck(ack) if !ack.data.error.is_empty()));
    }
    assert_eq!(end.conn.session_count(), 8, "those that are refused are still to be dismissed");
    end.receive(PEER + 8, &Frame::Session(open(true, 1_008)));
    assert_eq!(end.closed(), Some(&CloseReason::Unexpected(FrameKind::Session)));
}

#[test]
fn item_32_an_ack_carries_the_meta_it_is_given() {
    for meta in [Vec::new(), b"m".to_vec()] {
        let mut end = End::server();
        let session = end.offer(PEER, open(true, 1_000));
        end.conn.confirm(end.now, session, meta.clone());
        let ack = end.only_sent();
        assert!(matches!(ack.frame(), Frame::SessionAck(ack) if ack.data.meta == meta && ack.data.peer.is_empty()));
    }
}

#[test]
fn item_24_an_opened_session_is_dismissed_like_any_other() {
    for mut end in [End::server(), End::client()] {
        let session = opened(&mut end, 500);
        end.conn.dismiss(end.now, session, "");
        assert_eq!(dismissals(&end.sent()), 1);
    }
}
