//! The JSON texts of the gateway's conventions (wire-protocol §11).

use super::super::{Presence, ServiceMeta};

fn text(encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    encode(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn item_51_topics_come_from_the_service_s_meta() {
    let meta = |service: &str, topics: &[&str]| ServiceMeta {
        service: service.to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
    };
    for (json, decoded) in [
        (r#"{"service":"caller","topics":null}"#, meta("caller", &[])),
        (r#"{"service":"","topics":["a"]}"#, meta("", &["a"])),
        (r#"{"service":"s\u003c","topics":["a","","é\u0026"]}"#, meta("s<", &["a", "", "é&"])),
    ] {
        assert_eq!(ServiceMeta::decode(json.as_bytes()), Ok(decoded.clone()));
        assert_eq!(text(|out| decoded.encode(out)), json);
    }
    for (json, decoded) in [
        ("null", meta("", &[])),
        (r#"{"Service":"s","TOPICS":[],"x":{}}"#, meta("s", &[])),
        (r#"{"topics":["a","b"],"topics":["c",null,null]}"#, meta("", &["c", "b", ""])),
        (r#"{"topics":["a"],"topics":null}"#, meta("", &[])),
    ] {
        assert_eq!(ServiceMeta::decode(json.as_bytes()), Ok(decoded), "{json}");
    }
}

#[test]
fn item_51_bad_service_meta_is_refused() {
    for json in [
        "",
        "meta",
        "[]",
        r#"{"service":1}"#,
        r#"{"topics":"a"}"#,
        r#"{"topics":[1]}"#,
        r#"{"topics":{}}"#,
        r#"{"topics":["a"]"#,
    ] {
        assert!(ServiceMeta::decode(json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn item_50_presence_has_go_s_shape() {
    let with_meta =
        Presence { edge: u64::MAX, meta: b"foo".to_vec(), net: "tcp".to_owned(), addr: "[::1]:7".to_owned() };
    let without = Presence { edge: 0, ..Presence::default() };
    for (json, presence) in [
        (r#"{"EdgeID":18446744073709551615,"Meta":"Zm9v","Net":"tcp","Str":"[::1]:7"}"#, with_meta),
        (r#"{"EdgeID":0,"Meta":null,"Net":"","Str":""}"#, without),
    ] {
        assert_eq!(Presence::decode(json.as_bytes()), Ok(presence.clone()));
        assert_eq!(text(|out| presence.encode(out)), json);
    }
    let folded = Presence { edge: 7, addr: "a".to_owned(), ..Presence::default() };
    assert_eq!(Presence::decode(br#"{"edgeid":7,"STR":"a","EdgeID":null}"#), Ok(folded));
}

#[test]
fn item_50_presence_of_another_shape_is_refused() {
    for json in [
        "",
        "7",
        r#"{"EdgeID":-0}"#,
        r#"{"EdgeID":1.0}"#,
        r#"{"EdgeID":18446744073709551616}"#,
        r#"{"EdgeID":"7"}"#,
        r#"{"Meta":"a"}"#,
        r#"{"Net":1}"#,
        r#"{"Str":[]}"#,
    ] {
        assert!(Presence::decode(json.as_bytes()).is_err(), "{json}");
    }
}
