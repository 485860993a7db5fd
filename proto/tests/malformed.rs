//! Bytes that no conforming peer sends: judged the same in one piece and in many, and never a panic.

mod golden;
mod pieces;

use frontier_proto::wire::{Cut, Frame, FrameKind, Frames, HEADER_LEN, Header, MAX_PAYLOAD};
use pieces::Outcome;
use proptest::prelude::*;

/// One wound.
#[derive(Debug, Clone)]
enum Damage {
    Flip { at: usize, bits: u8 },
    Insert { at: usize, byte: u8 },
    Remove { at: usize, len: usize },
    Cut { at: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>;
    prop_oneof![
        3 => (at(), 1..=u8::MAX).prop_map(|(at, bits)| Damage::Flip { at, bits }),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert { at, byte }),
        1 => (at(), 1..30usize).prop_map(|(at, len)| Damage::Remove { at, len }),
        1 => at().prop_map(|at| Damage::Cut { at }),
    ]
}

fn inflict(bytes: &mut Vec<u8>, damage: &Damage) {
    let len = bytes.len();
    match *damage {
        _ if len == 0 => {}
        Damage::Flip { at, bits } => bytes[at % len] ^= bits,
        Damage::Insert { at, byte } => bytes.insert(at % len, byte),
        Damage::Remove { at, len: gone } => drop(bytes.drain(at % len..(at % len + gone).min(len))),
        Damage::Cut { at } => bytes.truncate(at % len),
    }
}

/// Some of the worked examples, one behind the other, and damaged.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<Vec<u8>> = golden::examples().into_values().collect();
    let several = prop::collection::vec(prop::sample::select(examples), 1..8);
    (several, prop::collection::vec(damage(), 1..6)).prop_map(|(several, damages)| {
        let mut bytes = several.concat();
        damages.iter().for_each(|damage| inflict(&mut bytes, damage));
        bytes
    })
}

/// The same in pieces as in one; whatever was cut off is decoded or refused.
fn check(bytes: &[u8], cuts: &[usize], max_payload: u32) -> Result<(), TestCaseError> {
    let outcome = pieces::take(bytes, cuts, max_payload);
    let whole = pieces::take(bytes, &[], max_payload);
    prop_assert_eq!(&outcome.frames, &whole.frames);
    prop_assert_eq!(&outcome.error, &whole.error);
    for (header, payload) in &outcome.frames {
        prop_assert!(header.len <= max_payload && header.len >= header.kind.min_len());
        if let Ok(frame) = Frame::decode(header.kind, payload) {
            let mut encoded = Vec::new();
            frame.encode(header.packet, &mut encoded);
            let Outcome { frames, .. } = pieces::take(&encoded, &[], MAX_PAYLOAD);
            let [(again, payload)] = &frames[..] else { panic!("one frame") };
            prop_assert_eq!(Frame::decode(again.kind, payload), Ok(frame), "what is accepted comes back");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn damaged_frames_are_judged_the_same_in_pieces(
        bytes in damaged(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        max_payload in prop::sample::select(vec![60, 200, MAX_PAYLOAD]),
    ) {
        check(&bytes, &cuts, max_payload)?;
    }

    #[test]
    fn any_bytes_are_judged_the_same_in_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        check(&bytes, &cuts, MAX_PAYLOAD)?;
    }

    #[test]
    fn any_payload_of_any_kind_is_decoded_or_refused(
        kind in prop::sample::select(FrameKind::ALL.to_vec()),
        fixed in prop::collection::vec(any::<u8>(), 18),
        rest in prop_oneof!["\\{\"(meta|error|value|key|peer|deadline)\":[a-z0-9\"{}\\[\\],:]{0,30}\\}?", ".{0,40}"],
    ) {
        let min = kind.min_len() as usize;
        let payload = if kind.is_bodyless() { Vec::new() } else { [&fixed[..min], rest.as_bytes()].concat() };
        let header = Header { kind, packet: frontier_proto::id::PacketId(1), len: payload.len() as u32 };
        check(&[&header.encode()[..], &payload].concat(), &[], MAX_PAYLOAD)?;
    }
}

#[test]
fn a_claimed_length_is_refused_or_awaited_before_any_of_it_has_come() {
    for kind in FrameKind::ALL {
        for len in [0, 7, 8, 9, 17, 18, MAX_PAYLOAD, MAX_PAYLOAD + 1, u32::MAX] {
            let header = Header { kind, packet: frontier_proto::id::PacketId(1), len }.encode();
            let legal = if kind.is_bodyless() { len == 0 } else { (kind.min_len()..=MAX_PAYLOAD).contains(&len) };
            let cut = Frames::new(&header, MAX_PAYLOAD).cut();
            match cut {
                Ok(Cut::Partial { need }) => assert!(legal && need == HEADER_LEN + len as usize),
                Ok(Cut::Frame(header, payload)) => assert!(legal && header.len == 0 && payload.is_empty()),
                Err(error) => assert!(!legal, "{kind:?} with {len}: {error}"),
            }
        }
    }
}
