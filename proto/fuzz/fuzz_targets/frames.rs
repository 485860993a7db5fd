//! Bytes to frames: the same in pieces as in one, nothing panics, and what is accepted comes back.
//!
//! The first bytes say where the others are cut.

#![no_main]

extern crate proto as frontier_proto;

#[path = "../../tests/pieces/mod.rs"]
mod pieces;

use libfuzzer_sys::fuzz_target;
use proto::wire::{Frame, MAX_PAYLOAD};

fuzz_target!(|input: &[u8]| {
    let Some((cuts, bytes)) = input.split_first_chunk::<4>() else { return };
    let cuts = cuts.map(|cut| usize::from(cut) * bytes.len() / 256);
    let outcome = pieces::take(bytes, &cuts, MAX_PAYLOAD);
    let whole = pieces::take(bytes, &[], MAX_PAYLOAD);
    assert_eq!((&outcome.frames, &outcome.error), (&whole.frames, &whole.error));
    for (header, payload) in &outcome.frames {
        let Ok(frame) = Frame::decode(header.kind, payload) else { continue };
        let mut encoded = Vec::new();
        frame.encode(header.packet, &mut encoded);
        let again = pieces::take(&encoded, &[], MAX_PAYLOAD + 100_000);
        let [(again, payload)] = &again.frames[..] else { panic!("{frame:?} became {} frames", again.frames.len()) };
        assert_eq!(again.packet, header.packet);
        assert_eq!(Frame::decode(again.kind, payload), Ok(frame));
    }
});
