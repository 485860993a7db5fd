//! Any frame comes back as it was, in however many pieces it travels.

mod pieces;

use frontier_proto::body::{Base64, Body, Caps, ConnData, RegisterAckData, SessionData, Timestamp};
use frontier_proto::id::{ClientId, PacketId, SessionId};
use frontier_proto::wire::{Conn, ConnAck, Cut, Frame, Frames, HeartbeatClass, MAX_PAYLOAD, Session, SessionAck};
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 0..5_000),
    ]
}

/// Bytes that a frame borrows; they live as long as the test.
fn borrowed() -> impl Strategy<Value = &'static [u8]> {
    bytes().prop_map(|bytes| &*bytes.leak())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), ".{0,20}", "[<>&\"\\\\\u{0}-\u{1f}\u{2028}é]{0,20}"]
}

fn session() -> impl Strategy<Value = SessionId> {
    any::<u64>().prop_map(SessionId)
}

fn caps() -> impl Strategy<Value = Caps> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    flags.prop_map(|(cancel, prompt, fin, credit)| Caps { cancel, prompt, fin, credit })
}

fn conn_data() -> impl Strategy<Value = ConnData> {
    (bytes(), text(), caps()).prop_map(|(meta, error, caps)| ConnData { meta, error, caps })
}

fn session_data() -> impl Strategy<Value = SessionData> {
    (bytes(), text(), text()).prop_map(|(meta, error, peer)| SessionData { meta, error, peer })
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    // Go's zero time, in the year 1, means none; what lies before 1970 is not worth drawing.
    let instants = (0..253_402_300_800i64, 0..1_000_000_000u32);
    prop::option::of(instants.prop_map(|(seconds, nanos)| Timestamp::from_unix(seconds, nanos)))
}

fn body() -> impl Strategy<Value = Body<'static>> {
    (bytes(), bytes(), bytes(), text(), text(), time(), time()).prop_map(
        |(key, value, custom, topic, error, deadline, context_deadline)| Body {
            key: Base64::encode(&key),
            value: Base64::encode(&value),
            topic: topic.into(),
            custom: Base64::encode(&custom),
            error: error.into(),
            deadline,
            context_deadline,
        },
    )
}

fn heartbeat() -> impl Strategy<Value = HeartbeatClass> {
    use HeartbeatClass as H;
    prop::sample::select(vec![H::Seconds5, H::Seconds20, H::Seconds80, H::Seconds320])
}

/// Frames of the connection and of sessions.
fn control() -> impl Strategy<Value = Frame<'static>> {
    let id = || any::<u64>().prop_map(ClientId);
    prop_oneof![
        (any::<bool>(), heartbeat(), id(), conn_data()).prop_map(|(acquire_id, heartbeat, wanted, data)| {
            Frame::Conn(Conn { acquire_id, heartbeat, wanted, data })
        }),
        (id(), conn_data()).prop_map(|(client, data)| Frame::ConnAck(ConnAck { client, data })),
        Just(Frame::DisConn),
        conn_data().prop_map(Frame::DisConnAck),
        Just(Frame::Heartbeat),
        Just(Frame::HeartbeatAck),
        (any::<bool>(), session(), session_data()).prop_map(|(acquire_id, negotiate, data)| Frame::Session(Session {
            acquire_id,
            negotiate,
            data
        })),
        (session(), session(), session_data()).prop_map(|(negotiate, session, data)| Frame::SessionAck(SessionAck {
            negotiate,
            session,
            data
        })),
        (session(), session_data()).prop_map(|(session, data)| Frame::Dismiss(session, data)),
        (session(), session_data()).prop_map(|(session, data)| Frame::DismissAck(session, data)),
        (session(), any::<u16>()).prop_map(|(session, reason)| Frame::RequestCancel(session, reason)),
        (session(), borrowed()).prop_map(|(session, method)| Frame::Register(session, method)),
        (session(), text()).prop_map(|(session, error)| Frame::RegisterAck(session, RegisterAckData { error })),
        session().prop_map(Frame::StreamEnd),
        (session(), any::<u32>()).prop_map(|(session, bytes)| Frame::Credit(session, bytes)),
    ]
}

/// Frames of applications.
fn data() -> impl Strategy<Value = Frame<'static>> {
    prop_oneof![
        (session(), body()).prop_map(|(session, body)| Frame::Message(session, body)),
        (session(), body()).prop_map(|(session, body)| Frame::MessageAck(session, body)),
        (session(), body()).prop_map(|(session, body)| Frame::Request(session, body)),
        (session(), body()).prop_map(|(session, body)| Frame::Response(session, body)),
        (session(), borrowed()).prop_map(|(session, data)| Frame::Stream(session, data)),
    ]
}

fn frame() -> impl Strategy<Value = Frame<'static>> {
    prop_oneof![3 => control(), 2 => data()]
}

fn encoded(frame: &Frame<'_>, packet: PacketId) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(packet, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn any_frame_comes_back(frame in frame(), packet in any::<u64>()) {
        let bytes = encoded(&frame, PacketId(packet));
        let mut frames = Frames::new(&bytes, MAX_PAYLOAD);
        let Ok(Cut::Frame(header, payload)) = frames.cut() else { panic!("not a whole frame") };
        prop_assert!(frames.rest().is_empty());
        prop_assert_eq!((header.kind, header.packet), (frame.kind(), PacketId(packet)));
        prop_assert_eq!(Frame::decode(header.kind, payload), Ok(frame));
    }

    #[test]
    fn any_split_gives_the_same_frames(
        frames in prop::collection::vec((frame(), any::<u64>()), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        end in any::<usize>(),
    ) {
        let whole: Vec<Vec<u8>> = frames.iter().map(|(frame, packet)| encoded(frame, PacketId(*packet))).collect();
        let bytes = whole.concat();
        // The stream may end anywhere, also within a frame.
        let bytes = &bytes[..bytes.len() - end % (bytes.len() + 1)];
        let outcome = pieces::take(bytes, &cuts, MAX_PAYLOAD);
        prop_assert_eq!(&outcome, &pieces::take(bytes, &[], MAX_PAYLOAD));
        prop_assert_eq!(&outcome.error, &None);
        let again: Vec<Vec<u8>> =
            outcome.frames.iter().map(|(header, payload)| [&header.encode()[..], payload].concat()).collect();
        prop_assert_eq!(&again[..], &whole[..again.len()]);
        prop_assert_eq!([again.concat(), outcome.left].concat(), bytes);
    }
}
