//! The JSON bodies: nothing panics, what is read comes back, and what is JSON is decided as elsewhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::body::{Body, BodyError, ConnData, Presence, RegisterAckData, ServiceMeta, SessionData};
use serde::de::IgnoredAny;

fuzz_target!(|document: &[u8]| {
    let scanned = Body::scan(document);
    if let Ok(body) = &scanned {
        check_body(body);
    }
    // Each decoder: to its value, to text, and to the same value again.
    macro_rules! comes_back {
        ($($kind:ident),*) => {
            [$($kind::decode(document).map(|value| {
                let mut text = Vec::new();
                value.encode(&mut text);
                assert_eq!($kind::decode(&text), Ok(value));
            }).is_ok()),*]
        };
    }
    let others = comes_back!(ConnData, SessionData, RegisterAckData, ServiceMeta, Presence);

    // An ignored value is checked for its syntax alone, to any depth and for any number and string, so
    // this is the verdict on the syntax that Go gives too.
    let is_json = serde_json::from_slice::<IgnoredAny>(document).is_ok();
    if scanned.is_ok() || others.contains(&true) {
        assert!(is_json, "accepted, but not JSON");
    }
    if let Err(BodyError::Syntax { at, wanted }) = scanned {
        let of_another_type = !matches!(document.trim_ascii_start().first(), Some(b'{' | b'n'));
        assert!(!is_json || of_another_type, "refused at {at} for the lack of {wanted}, but JSON");
    }
});

fn check_body(body: &Body<'_>) {
    let mut text = Vec::new();
    body.encode(&mut text);
    assert_eq!(text.len(), body.encoded_len());
    assert_eq!(Body::scan(&text).as_ref(), Ok(body));

    let (mut head, mut tail) = (Vec::new(), Vec::new());
    body.encode_around_value(&mut head, &mut tail);
    assert_eq!([&head, body.value.text(), &tail].concat(), text);

    let with_tail = body.custom.with_tail(0x0102_0304_0506_0708);
    assert_eq!(with_tail.decoded_len(), body.custom.decoded_len() + 8);
    let (custom, id) = with_tail.split_tail().expect("a tail of 8 bytes was appended");
    assert_eq!((custom.decode(), id), (body.custom.decode(), 0x0102_0304_0506_0708));
}
