use super::super::decode::{Decoder, Stop, Violation};
use super::super::{CloseCode, Role};
use super::*;

const MAX: u32 = 1000;

/// All payload of `bytes`, taken in pieces of `step` bytes, the last ping, and why it stopped.
fn decoded(bytes: &[u8], step: usize) -> (Vec<u8>, Option<Vec<u8>>, Option<Stop>) {
    let mut decoder = Decoder::new(Role::Server, MAX);
    let mut payload = Vec::new();
    for piece in bytes.chunks(step) {
        let mut piece = piece.to_vec();
        let len = decoder.decode(&mut piece);
        payload.extend_from_slice(&piece[..len]);
    }
    (payload, decoder.take_ping(), decoder.stop())
}

fn stop_of(bytes: &[u8]) -> Option<Stop> {
    let in_one = decoded(bytes, usize::MAX);
    assert_eq!(decoded(bytes, 1), in_one, "byte by byte");
    in_one.2
}

#[test]
fn payload_is_the_same_in_whatever_pieces_it_comes() {
    let long: Vec<u8> = (0..700).map(|number| number as u8).collect();
    let bytes = [
        frame(BINARY, b"whole"),
        frame(BINARY, b""),
        frame(BINARY_BEGUN, b"fr"),
        frame(PING, b"1"),
        frame(CONTINUED, b"agm"),
        frame(PONG, &[7; 125]),
        frame(CONTINUED, b""),
        frame(PING, b"latest"),
        frame(CONTINUED_TO_THE_END, b"ents"),
        frame(BINARY, &long),
    ]
    .concat();
    let expected = [b"wholefragments", &long[..]].concat();
    for step in (1..40).chain([bytes.len()]) {
        let (payload, ping, stop) = decoded(&bytes, step);
        assert_eq!(payload, expected, "{step} bytes at a time");
        assert_eq!(ping.as_deref(), Some(&b"latest"[..]));
        assert_eq!(stop, None);
    }
}

#[test]
fn a_message_is_measured_over_all_its_fragments() {
    let fragments = |last: usize| {
        [
            frame(BINARY_BEGUN, &[1; 400]),
            frame(PING, &[2; 125]),
            frame(CONTINUED, &[3; 400]),
            frame(0x80, &vec![4; last]),
        ]
        .concat()
    };
    let exact = fragments(200);
    assert_eq!(stop_of(&exact), None);
    assert_eq!(decoded(&exact, 100).0.len(), 1000);
    // The next message is measured anew.
    assert_eq!(stop_of(&[exact, frame(BINARY, &[5; 1000])].concat()), None);
    let too_large = Some(Stop::Violation(Violation::TooLarge { max: MAX }));
    assert_eq!(stop_of(&fragments(201)), too_large);
    // Said by the head alone, before any payload comes.
    assert_eq!(stop_of(&[BINARY, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]), too_large);
    assert_eq!(stop_of(&[BINARY, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4]), too_large);
}

#[test]
fn what_no_client_may_send_is_told_apart() {
    let mut unmasked = frame(BINARY, b"");
    unmasked[1] = 0;
    for (bytes, violation) in [
        (frame(0xC2, b"x"), Violation::ReservedBit),
        (frame(0x83, b"x"), Violation::UnknownOpcode),
        (frame(0x8F, b"x"), Violation::UnknownOpcode),
        (unmasked, Violation::Unmasked),
        (vec![BINARY, 0xFE, 0, 5, 1, 2, 3, 4], Violation::LongForm),
        (frame(0x09, b"x"), Violation::BadControl),
        (frame(PING, &[0; 126]), Violation::BadControl),
        (frame(CONTINUED, b"x"), Violation::NothingToContinue),
        (frame(CONTINUED_TO_THE_END, b""), Violation::NothingToContinue),
        ([frame(BINARY_BEGUN, b"x"), frame(BINARY, b"y")].concat(), Violation::Interleaved),
        ([frame(BINARY_BEGUN, b"x"), frame(TEXT, b"y")].concat(), Violation::Interleaved),
        (frame(TEXT, b"x"), Violation::Text),
        (frame(0x01, b""), Violation::Text),
        (frame(CLOSE, &[3]), Violation::BadClose),
        (frame(CLOSE, &[3, 0xE8, 0xFF]), Violation::BadCloseText),
    ] {
        assert_eq!(stop_of(&bytes), Some(Stop::Violation(violation)), "{bytes:?}");
    }
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 5000] {
        assert_eq!(stop_of(&frame(CLOSE, &code.to_be_bytes())), Some(Stop::Violation(Violation::BadClose)), "{code}");
    }
}

#[test]
fn a_goodbye_ends_it_and_what_follows_is_not_looked_at() {
    for (payload, code) in [
        (&b""[..], None),
        (&[0x03, 0xE8], Some(CloseCode::Normal)),
        (&[0x03, 0xE9, b'b', b'y', b'e'], Some(CloseCode::Away)),
        (&[0x0F, 0xA0], Some(CloseCode::Library(4000))),
    ] {
        let bytes = [frame(BINARY, b"x"), frame(CLOSE, payload), frame(BINARY, b"y"), vec![0xFF; 20]].concat();
        assert_eq!(stop_of(&bytes), Some(Stop::Goodbye(code)), "{payload:?}");
        assert_eq!(decoded(&bytes, 3).0, b"x");
    }
}

#[test]
fn a_million_empty_fragments_cost_no_memory() {
    let mut decoder = Decoder::new(Role::Server, MAX);
    decoder.decode(&mut frame(BINARY_BEGUN, b""));
    let some = frame(CONTINUED, b"").repeat(1000);
    for _ in 0..1000 {
        assert_eq!(decoder.decode(&mut some.clone()), 0);
    }
    assert_eq!(decoder.stop(), None);
    let mut last = frame(CONTINUED_TO_THE_END, b"end");
    assert_eq!(decoder.decode(&mut last), 3);
}

#[test]
fn codes_are_those_of_the_rfc() {
    for (violation, code) in [
        (Violation::Text, 1003),
        (Violation::TooLarge { max: 1 }, 1009),
        (Violation::BadCloseText, 1007),
        (Violation::Silent, 1008),
        (Violation::Unmasked, 1002),
        (Violation::BadClose, 1002),
    ] {
        assert_eq!(u16::from(violation.code()), code, "{violation}");
    }
}
