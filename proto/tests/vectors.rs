//! Golden frames (`vectors/README.md`): each decodes, encodes, and decodes to the same.

mod golden;

use std::borrow::Cow;
use std::collections::BTreeSet;

use frontier_integration_tests::raw::Frame as RecordedFrame;
use frontier_integration_tests::replay::{Entry, Recording};
use frontier_proto::body::{Base64, Body, ConnData, RegisterAckData, SessionData, Timestamp};
use frontier_proto::id::{ClientId, PacketId, SessionId};
use frontier_proto::wire::{
    Conn, ConnAck, Cut, Frame, FrameKind, Frames, Header, HeartbeatClass, MAX_PAYLOAD, Session, SessionAck,
};

/// The one frame that `bytes` are.
fn decode(bytes: &[u8]) -> (Header, Frame<'_>) {
    let mut frames = Frames::new(bytes, MAX_PAYLOAD);
    let Ok(Cut::Frame(header, payload)) = frames.cut() else { panic!("not a whole frame: {bytes:02x?}") };
    assert!(frames.rest().is_empty(), "{} bytes behind the frame", frames.rest().len());
    (header, Frame::decode(header.kind, payload).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}")))
}

fn is_refused(bytes: &[u8]) -> bool {
    match Frames::new(bytes, MAX_PAYLOAD).cut() {
        Ok(Cut::Frame(header, payload)) => Frame::decode(header.kind, payload).is_err(),
        Ok(Cut::Partial { .. }) => false,
        Err(_) => true,
    }
}

/// What is encoded decodes to the same.
fn check_comes_back(bytes: &[u8]) -> FrameKind {
    let (header, frame) = decode(bytes);
    let mut encoded = Vec::new();
    frame.encode(header.packet, &mut encoded);
    let (again, frame_again) = decode(&encoded);
    assert_eq!((again.kind, again.packet), (header.kind, header.packet));
    assert_eq!(frame_again, frame);
    header.kind
}

/// What the description says that the examples mean.
fn meanings() -> Vec<(&'static str, u64, Frame<'static>)> {
    let b64 = |bytes: &[u8]| Base64::encode(bytes);
    let error = |text: &str| Cow::Owned(text.to_owned());
    let conn = |wanted, meta: &[u8]| {
        let data = ConnData { meta: meta.to_vec(), ..ConnData::default() };
        Frame::Conn(Conn { acquire_id: true, heartbeat: HeartbeatClass::Seconds20, wanted: ClientId(wanted), data })
    };
    let conn_ack = |client, error: &str| {
        let data = ConnData { error: error.to_owned(), ..ConnData::default() };
        Frame::ConnAck(ConnAck { client: ClientId(client), data })
    };
    let session = |acquire_id, negotiate, meta: &[u8], peer: &str| {
        let data = SessionData { meta: meta.to_vec(), peer: peer.to_owned(), ..SessionData::default() };
        Frame::Session(Session { acquire_id, negotiate: SessionId(negotiate), data })
    };
    let session_ack = |negotiate, session| {
        let (negotiate, session) = (SessionId(negotiate), SessionId(session));
        Frame::SessionAck(SessionAck { negotiate, session, data: SessionData::default() })
    };
    let message = |body| Frame::Message(SessionId::MAIN, body);
    let ack = |body| Frame::MessageAck(SessionId::MAIN, body);
    let hello = || Body { value: b64(b"hello"), ..Body::default() };
    let echo = || Body { key: b64(b"echo"), ..Body::default() };
    let custom = b64(&[0, 0, 0, 0, 0, 0, 0, 7]);
    // 2026-04-25T01:13:13.12+08:00
    let deadline = Some(Timestamp::from_unix(1_777_050_793, 120_000_000));
    let stream = SessionId(0x6650_0000_0000_0b02);
    let none = SessionData::default;
    vec![
        ("conn-with-meta", 0x01, conn(0, b"foo")),
        ("conn-with-wanted-id", 0x01, conn(42, b"")),
        ("connack-ok", 0x01, conn_ack(0x6650_0000_0000_0102, "")),
        ("connack-error", 0x01, conn_ack(0, "edge <denied> & \"bad\"")),
        ("disconn", 0x03, Frame::DisConn),
        ("disconnack", 0x03, Frame::DisConnAck(ConnData::default())),
        ("heartbeat", 0x05, Frame::Heartbeat),
        ("heartbeatack", 0x05, Frame::HeartbeatAck),
        ("session-of-client", 0x07, session(true, 0x6650_0000_0000_0a01, b"m", "svc")),
        ("session-of-server", 0x08, session(false, 0x6650_0000_0000_0b02, b"", "")),
        ("sessionack-to-client", 0x07, session_ack(0x6650_0000_0000_0a01, 0x6650_0000_0000_0b04)),
        ("sessionack-to-server", 0x08, session_ack(0x6650_0000_0000_0b02, 0x6650_0000_0000_0b02)),
        ("dismiss", 0x09, Frame::Dismiss(stream, none())),
        ("dismissack", 0x09, Frame::DismissAck(stream, none())),
        ("message", 0x0b, message(Body { topic: "t<1>".into(), custom, ..hello() })),
        ("message-with-deadline", 0x0b, message(Body { deadline, ..hello() })),
        ("messageack-ok", 0x0b, ack(Body::default())),
        ("messageack-error", 0x0b, ack(Body { error: error("edge not online"), ..Body::default() })),
        ("messageack-smallest", 0x0b, ack(Body::default())),
        ("request", 0x0d, Frame::Request(SessionId::MAIN, Body { value: b64(b"hello"), ..echo() })),
        ("response-ok", 0x0d, Frame::Response(SessionId::MAIN, Body { value: b64(b"hello"), ..echo() })),
        (
            "response-error",
            0x0d,
            Frame::Response(SessionId::MAIN, Body { error: error("no such rpc: echo"), ..echo() }),
        ),
        ("requestcancel", 0x0d, Frame::RequestCancel(SessionId::MAIN, 1)),
        ("stream", 0x0f, Frame::Stream(stream, b"raw")),
        ("register", 0x11, Frame::Register(SessionId::MAIN, b"echo")),
        ("registerack", 0x11, Frame::RegisterAck(SessionId::MAIN, RegisterAckData::default())),
        ("streamend", 0x13, Frame::StreamEnd(stream)),
        ("credit", 0x15, Frame::Credit(stream, 0x1_0000)),
    ]
}

#[test]
fn item_09_worked_examples_decode_to_the_stated_fields_and_come_back() {
    let examples = golden::examples();
    let meanings = meanings();
    assert_eq!(examples.len(), meanings.len(), "every example has a meaning");
    for (name, packet, meaning) in meanings {
        let bytes = &examples[name];
        let (header, frame) = decode(bytes);
        assert_eq!(header.packet, PacketId(0x6650_0000_0000_0000 + packet), "{name}");
        assert_eq!(frame, meaning, "{name}");
        check_comes_back(bytes);
    }
}

#[test]
fn item_09_fixed_fields_are_encoded_as_in_the_examples() {
    let examples = golden::examples();
    for (name, packet, meaning) in meanings() {
        let mut encoded = Vec::new();
        meaning.encode(PacketId(0x6650_0000_0000_0000 + packet), &mut encoded);
        let kind = meaning.kind();
        let fixed = 14 + kind.min_len() as usize;
        let len = 10..14;
        assert_eq!(encoded[..len.start], examples[name][..len.start], "{name}: header");
        assert_eq!(encoded[len.end..fixed], examples[name][len.end..fixed], "{name}: fixed fields");
    }
}

#[test]
fn recorded_frames_come_back() {
    let (mut conversations, mut frames, mut garbage) = (0, 0, 0);
    let mut kinds = BTreeSet::new();
    for recording in Recording::all() {
        conversations += 1;
        for line in &recording.lines {
            match &line.entry {
                Entry::Frame(frame) => {
                    let bytes = RecordedFrame::bytes_of(frame.kind, frame.id, &frame.body);
                    kinds.insert(check_comes_back(&bytes) as u8);
                    frames += 1;
                }
                Entry::Garbage(bytes) => {
                    assert!(is_refused(bytes), "{} line {}", recording.case, line.number);
                    garbage += 1;
                }
                _ => {}
            }
        }
    }
    assert_eq!((conversations, frames, garbage), (87, 7_708, 3));
    let documented = FrameKind::ALL.iter().map(|kind| *kind as u8).filter(|code| *code < 0x90);
    assert_eq!(kinds, documented.collect(), "every type of the protocol occurs");
}
