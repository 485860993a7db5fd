//! How AMQP writes texts, tables and properties.

use std::collections::BTreeMap;

pub(super) fn short(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("short")][..], text.as_bytes()].concat()
}

pub(super) fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("not that long").to_be_bytes()[..], bytes].concat()
}

/// A table of truth values and tables, given as they are encoded.
pub(super) fn table(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<u8> = entries.iter().flat_map(|(name, value)| [short(name), value.clone()].concat()).collect();
    long(&entries)
}

/// What a client says of itself: that it wants to be told why a login fails.
pub(super) fn of_the_client() -> Vec<u8> {
    let capabilities = table(&[("authentication_failure_close", b"t\x01".to_vec())]);
    table(&[("capabilities", [&b"F"[..], &capabilities].concat())])
}

/// The short text at the front, and what stands behind it.
pub(super) fn take_short(bytes: &[u8]) -> (&str, &[u8]) {
    let (text, rest) = bytes[1..].split_at(usize::from(bytes[0]));
    (str::from_utf8(text).expect("text"), rest)
}

/// The bytes behind a length of four, and what stands behind them.
fn take_long(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(4);
    rest.split_at(u32::from_be_bytes(length.try_into().expect("four bytes")) as usize)
}

/// Takes a value off the front.
type Take = fn(&[u8]) -> (String, &[u8]);

/// Properties in the order of the protocol, and how each is written.
const PROPERTIES: [(&str, Take); 13] = [
    ("content_type", text),
    ("content_encoding", text),
    ("headers", nothing),
    ("delivery_mode", octet),
    ("priority", octet),
    ("correlation_id", text),
    ("reply_to", text),
    ("expiration", text),
    ("message_id", text),
    ("timestamp", seconds),
    ("type", text),
    ("user_id", text),
    ("app_id", text),
];

fn text(bytes: &[u8]) -> (String, &[u8]) {
    let (text, rest) = take_short(bytes);
    (text.to_owned(), rest)
}

fn octet(bytes: &[u8]) -> (String, &[u8]) {
    (bytes[0].to_string(), &bytes[1..])
}

fn seconds(bytes: &[u8]) -> (String, &[u8]) {
    let (seconds, rest) = bytes.split_at(8);
    (u64::from_be_bytes(seconds.try_into().expect("eight bytes")).to_string(), rest)
}

/// The headers are taken apart elsewhere.
fn nothing(bytes: &[u8]) -> (String, &[u8]) {
    (String::new(), bytes)
}

/// Properties, and headers beside them.
type Properties = (BTreeMap<&'static str, String>, BTreeMap<String, Vec<u8>>);

/// What stands behind the size of the body.
pub(super) fn properties_of(bytes: &[u8]) -> Properties {
    let flags = u16::from_be_bytes([bytes[0], bytes[1]]);
    let mut rest = &bytes[2..];
    let (mut properties, mut headers) = (BTreeMap::new(), BTreeMap::new());
    for (at, (name, take)) in PROPERTIES.into_iter().enumerate() {
        if flags & (1 << (15 - at)) == 0 {
            continue;
        }
        if name == "headers" {
            let (table, behind) = take_long(rest);
            (headers, rest) = (headers_of(table), behind);
        } else {
            let (value, behind) = take(rest);
            properties.insert(name, value);
            rest = behind;
        }
    }
    (properties, headers)
}

/// Headers that are long texts or bytes.
fn headers_of(mut table: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut headers = BTreeMap::new();
    while !table.is_empty() {
        let (name, rest) = take_short(table);
        assert!(matches!(rest[0], b'S' | b'x'), "{name} is of type {:?}", char::from(rest[0]));
        let (value, rest) = take_long(&rest[1..]);
        headers.insert(name.to_owned(), value.to_vec());
        table = rest;
    }
    headers
}
