//! Whatever comes over a WebSocket connection: nothing panics, pieces make no difference, and what tungstenite refuses is
//! refused here.
//!
//! Inputs are strings of bytes, so that the fuzz targets run the same.

mod frames;
mod request;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

/// A frame that is often good: with the right mask bit, a known kind and a length that is there.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        4 => Just(0x82u8), 2 => Just(0x02), 2 => Just(0x00), 2 => Just(0x80), 1 => Just(0x89), 1 => Just(0x8A),
        1 => Just(0x88), 1 => any::<u8>()
    ];
    let payload = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 120..300),
        1 => Just(vec![0x03, 0xE8]),
    ];
    (kind, payload, any::<[u8; 4]>(), prop::bool::weighted(0.95)).prop_map(|(kind, payload, mask, masked)| {
        let bit = if masked { 0x80 } else { 0 };
        let mut bytes = vec![kind];
        match u8::try_from(payload.len()) {
            Ok(len) if len <= 125 => bytes.push(bit | len),
            _ => {
                bytes.push(bit | 126);
                bytes.extend((payload.len() as u16).to_be_bytes());
            }
        }
        if masked {
            bytes.extend(mask);
        }
        bytes.extend(payload);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn frames_of_all_kinds(front in any::<[u8; 5]>(), frames in prop::collection::vec(frame(), 0..12)) {
        frames::holds(&[&front[..], &frames.concat()].concat());
    }

    #[test]
    fn bytes_of_all_kinds(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        frames::holds(&bytes);
        request::holds(&bytes);
    }

    #[test]
    fn requests_of_all_kinds(cut in 0..300usize, change in any::<(u16, u8)>(), line in "[ -~]{0,40}") {
        let mut bytes = request::GOOD.replace("Host: x", &line).into_bytes();
        let at = usize::from(change.0) % bytes.len();
        bytes[at] = change.1;
        bytes.truncate(if cut < 200 { bytes.len() } else { cut - 100 });
        request::holds(&bytes);
    }
}

#[test]
fn what_the_fuzzer_has_found_holds() {
    for (folder, holds) in [("websocket", frames::holds as fn(&[u8])), ("upgrade", request::holds)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(folder);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            holds(&fs::read(entry.expect("a folder can be listed").path()).expect("a file can be read"));
            inputs += 1;
        }
        assert!(inputs > 10, "{inputs} inputs in {}", folder.display());
    }
}
