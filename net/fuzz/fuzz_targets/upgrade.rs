//! Requests for a WebSocket, and their answers.

#![no_main]

#[path = "../../tests/any_bytes/request.rs"]
mod request;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| request::holds(input));
