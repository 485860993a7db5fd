//! Frames in whatever pieces, beside tungstenite.

#![no_main]

#[path = "../../tests/any_bytes/frames.rs"]
mod frames;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| frames::holds(input));
