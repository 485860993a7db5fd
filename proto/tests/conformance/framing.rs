//! Items 1 to 11: framing and encoding. Items 7, 8 and 10 are about bodies: `src/body/tests`; item 9 is in `vectors`.

use std::collections::HashSet;
use std::time::Duration;

use frontier_proto::body::SessionData;
use frontier_proto::conn::{CloseReason, Event, Settings};
use frontier_proto::id::{PacketId, SessionId};
use frontier_proto::wire::{Cut, Frame, FrameKind, Frames, HEADER_LEN, Header, HeartbeatClass, MAX_PAYLOAD, WireError};

use super::end::{End, NO_CAPS, PEER, body, conn, text};

fn header(kind: FrameKind, len: u32) -> [u8; HEADER_LEN] {
    Header { kind, packet: PacketId(PEER), len }.encode()
}

#[test]
fn item_01_a_header_is_14_bytes_big_endian_without_its_own_length() {
    let mut bytes = Vec::new();
    Frame::Stream(SessionId(0x0102_0304_0506_0708), b"raw").encode(PacketId(0x1112_1314_1516_1718), &mut bytes);
    let expected = [
        &[0x01, 0x61][..],
        &[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18],
        &[0, 0, 0, 11],
        &[1, 2, 3, 4, 5, 6, 7, 8],
        b"raw",
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn item_01_the_version_is_ignored_on_input() {
    for version in [0, 1, 2, 9, 0x7f, 0xff] {
        let mut bytes = header(FrameKind::Heartbeat, 0);
        bytes[0] = version;
        let decoded = Header::decode(&bytes, MAX_PAYLOAD).unwrap();
        assert_eq!(decoded, Header { kind: FrameKind::Heartbeat, packet: PacketId(PEER), len: 0 });
        assert_eq!(decoded.encode()[0], 0x01, "and sent as 1");
    }
}

#[test]
fn item_02_a_client_begins_with_01_01() {
    let mut end = End::new_client(Settings::default());
    let first = end.only_sent();
    assert!(matches!(first.frame(), Frame::Conn(_)));
    let mut bytes = Vec::new();
    first.frame().encode(first.packet, &mut bytes);
    assert_eq!(bytes[..2], [0x01, 0x01]);
}

#[test]
fn item_03_all_types_decode_and_an_unknown_one_closes() {
    let documented =
        [0x01, 0x02, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x41, 0x42, 0x51, 0x52, 0x61, 0x71, 0x72, 0x73, 0x81, 0x82];
    for code in 0..=u8::MAX {
        let known = FrameKind::from_code(code);
        let ours = [FrameKind::StreamEnd, FrameKind::Credit].contains(&known.unwrap_or(FrameKind::Conn));
        assert_eq!(known.is_some(), documented.contains(&code) || ours, "type 0x{code:02x}");
        if let Some(kind) = known {
            assert_eq!(kind as u8, code);
            continue;
        }
        let mut end = End::server();
        let mut bytes = header(FrameKind::Heartbeat, 0);
        bytes[1] = code;
        end.receive_bytes(&bytes);
        assert_eq!(end.closed(), Some(&CloseReason::Malformed(WireError::UnknownType(code))));
    }
}

#[test]
fn item_04_every_least_length_is_enforced() {
    let least = |kind| match kind {
        FrameKind::DisConn | FrameKind::Heartbeat | FrameKind::HeartbeatAck => 0,
        FrameKind::DisConnAck => 1,
        FrameKind::ConnAck => 9,
        FrameKind::Conn | FrameKind::Session | FrameKind::RequestCancel => 10,
        FrameKind::Credit => 12,
        FrameKind::SessionAck => 18,
        _ => 8,
    };
    for kind in FrameKind::ALL {
        let min = least(kind);
        for len in 0..min {
            let refused = Header::decode(&header(kind, len), MAX_PAYLOAD);
            assert_eq!(refused, Err(WireError::TooShort { kind, len, min }), "before a byte of the body has come");
        }
        Header::decode(&header(kind, min), MAX_PAYLOAD).unwrap();
    }
}

#[test]
fn item_04_a_body_without_its_json_closes() {
    use FrameKind as K;
    let with_json = [
        K::Session,
        K::SessionAck,
        K::Dismiss,
        K::DismissAck,
        K::Message,
        K::MessageAck,
        K::Request,
        K::Response,
        K::RegisterAck,
        K::DisConnAck,
    ];
    for kind in with_json {
        for json in [&b""[..], b"{", b"{}{}", b"[]", b"{\"error\":1}"] {
            let payload = [&vec![0; kind.min_len() as usize][..], json].concat();
            let mut end = End::server();
            end.receive_bytes(&[&header(kind, payload.len() as u32)[..], &payload].concat());
            let malformed = matches!(end.closed(), Some(CloseReason::Malformed(WireError::Body { .. })));
            assert!(malformed, "{kind:?} with {:?}: {:?}", String::from_utf8_lossy(json), end.closed());
        }
    }
}

#[test]
fn item_05_frames_without_a_body_have_length_0_both_ways() {
    for (frame, kind) in [
        (Frame::DisConn, FrameKind::DisConn),
        (Frame::Heartbeat, FrameKind::Heartbeat),
        (Frame::HeartbeatAck, FrameKind::HeartbeatAck),
    ] {
        let mut bytes = Vec::new();
        frame.encode(PacketId(PEER), &mut bytes);
        assert_eq!(bytes, header(kind, 0));
        let mut end = End::server();
        end.receive_bytes(&[&header(kind, 1)[..], b"x"].concat());
        assert_eq!(end.closed(), Some(&CloseReason::Malformed(WireError::NotEmpty { kind, len: 1 })));
    }
}

#[test]
fn item_06_the_limit_on_input_is_configurable_and_known_from_the_header() {
    for max in [100, MAX_PAYLOAD, 64 * 1024 * 1024] {
        let fits = header(FrameKind::Message, max);
        assert_eq!(Frames::new(&fits, max).cut(), Ok(Cut::Partial { need: HEADER_LEN + max as usize }));
        let long = header(FrameKind::Message, max + 1);
        let refused = WireError::TooLong { kind: FrameKind::Message, len: max + 1, max };
        assert_eq!(Frames::new(&long, max).cut(), Err(refused));
    }
}

#[test]
fn item_06_raw_bytes_leave_in_frames_far_below_the_limit() {
    let mut end = End::server();
    let session = end.stream();
    assert!(end.conn.send_data(session, vec![7; 11 * 1024 * 1024].into()));
    let mut bytes = 0;
    while bytes < 11 * 1024 * 1024 {
        for sent in end.sent() {
            let Frame::Stream(_, data) = sent.frame() else { panic!("{sent:?}") };
            assert!(data.len() <= Settings::default().stream_chunk);
            bytes += data.len();
        }
        end.pass(Duration::from_millis(2));
    }
}

#[test]
fn item_11_answers_carry_the_packet_id_of_what_they_answer() {
    let mut end = End::server();
    for packet in [PEER, 2, u64::MAX, 1 << 63] {
        let happened = end.receive(packet, &Frame::Request(SessionId::MAIN, body(b"x")));
        let [Event::Request { session, packet: asked, cost, .. }] = happened[..] else { panic!("{happened:?}") };
        end.conn.respond(session, asked, text(b"y"), cost);
        assert_eq!(end.only_sent().packet, PacketId(packet), "whatever its parity");
    }
    end.receive(77, &Frame::Register(SessionId::MAIN, b"echo"));
    end.receive(78, &Frame::Heartbeat);
    end.receive(79, &Frame::Dismiss(SessionId(5), SessionData::default()));
    let packets: Vec<u64> = end.sent().iter().map(|sent| sent.packet.0).collect();
    assert_eq!(packets[..3], [77, 78, 79]);
}

#[test]
fn item_11_own_ids_are_unique_and_never_0() {
    let mut end = End::client();
    let mut seen = HashSet::new();
    for _ in 0..50 {
        end.receive(PEER, &Frame::Heartbeat);
        end.pass(Duration::from_secs(20));
        for sent in end.sent() {
            assert!(sent.packet.0 > 1 && seen.insert(sent.packet), "{sent:?}");
        }
    }
    assert_eq!(seen.len(), 50, "a heartbeat each time");
}

#[test]
fn item_11_the_conn_of_a_client_is_answered_under_its_own_id() {
    let mut end = End::new_server(Settings::default());
    end.receive(2, &conn(HeartbeatClass::Seconds20, NO_CAPS));
    end.conn.accept(end.now, frontier_proto::id::ClientId(5));
    end.pass(Duration::from_millis(1));
    assert_eq!(end.only_sent().packet, PacketId(2));
}
