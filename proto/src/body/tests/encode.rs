//! Bodies as they are written, and read again.

use super::super::{Base64, Body};
use super::{bytes, encoded, instant, scanned};

fn full() -> Body<'static> {
    Body {
        key: bytes(b"echo"),
        value: bytes(b"hello"),
        topic: "t".into(),
        custom: bytes(&[7]),
        error: "e".into(),
        deadline: Some(instant("2026-04-25T01:13:13.12Z")),
        context_deadline: Some(instant("2026-04-25T01:13:14Z")),
    }
}

#[test]
fn keys_stand_in_go_s_order() {
    let text = r#"{"key":"ZWNobw==","value":"aGVsbG8=","topic":"t","custom":"Bw==","error":"e","deadline":"2026-04-25T01:13:13.12Z","context":{"deadline":"2026-04-25T01:13:14Z"}}"#;
    assert_eq!(encoded(&full()), text);
    assert_eq!(scanned(text), full());
}

#[test]
fn item_07_empty_members_are_omitted() {
    assert_eq!(encoded(&Body::default()), "{}");
    assert_eq!(encoded(&Body { topic: "t".into(), ..Body::default() }), r#"{"topic":"t"}"#);
    assert_eq!(encoded(&scanned(r#"{"value":"","topic":"","timeout":5}"#)), "{}");
}

#[test]
fn item_08_absent_deadlines_are_omitted() {
    let text = r#"{"value":"AA==","deadline":"0001-01-01T00:00:00Z","context":{"deadline":"0001-01-01T00:00:00Z"}}"#;
    assert_eq!(encoded(&scanned(text)), r#"{"value":"AA=="}"#);
    let context_deadline = Some(instant("2026-04-25T01:13:14Z"));
    let body = Body { context_deadline, ..Body::default() };
    assert_eq!(encoded(&body), r#"{"context":{"deadline":"2026-04-25T01:13:14Z"}}"#);
}

#[test]
fn item_10_strings_come_back_as_they_were() {
    for text in [
        "<b>&\"quoted\"</b> \\ /",
        "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}",
        "éß€漢字😀\u{2028}\u{2029}\u{2027}\u{fffd}\u{10ffff}",
        "a<",
        "<",
        "é<é",
    ] {
        let body = Body { topic: text.into(), error: text.into(), ..Body::default() };
        let json = encoded(&body);
        assert_eq!(scanned(&json), body, "{text:?}");
        assert_eq!(json.len(), body.encoded_len(), "{text:?}");
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json} is not safe inside HTML");
        assert!(!json.contains(|c: char| c.is_ascii_control() && c != '\u{7f}'), "{json:?}");
    }
}

#[test]
fn item_10_strings_are_escaped_as_go_escapes_them() {
    let error = "<>&\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é\u{2028}\u{2029}";
    let body = Body { error: error.into(), ..Body::default() };
    let text = concat!(r#"{"error":"\u003c\u003e\u0026\"\\/\b\f\n\r\t\u0000\u001f"#, "\u{7f}é", r#"\u2028\u2029"}"#);
    assert_eq!(encoded(&body), text);
}

#[test]
fn what_lies_around_the_value_makes_up_the_body() {
    let some_fields: [fn(&mut Body<'_>); 6] = [
        |body| body.key = Base64::default(),
        |body| body.value = Base64::default(),
        |body| body.topic = "".into(),
        |body| body.custom = Base64::default(),
        |body| body.error = "<".into(),
        |body| (body.deadline, body.context_deadline) = (None, None),
    ];
    for choice in 0..1 << some_fields.len() {
        let mut body = full();
        for (_, change) in some_fields.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1) {
            change(&mut body);
        }
        // What the buffers hold already stays.
        let (mut head, mut tail, mut whole) = (b"..".to_vec(), b"---".to_vec(), Vec::new());
        body.encode_around_value(&mut head, &mut tail);
        body.encode(&mut whole);
        assert_eq!([&head[2..], body.value.text(), &tail[3..]].concat(), whole, "{choice:b}");
        assert_eq!((&head[..2], &tail[..3]), (&b".."[..], &b"---"[..]));
        assert_eq!(whole.len(), body.encoded_len(), "{choice:b}");
    }
}

#[test]
fn an_owned_body_is_the_same_body() {
    let text = encoded(&full());
    let owned = scanned(&text).into_owned();
    drop(text);
    assert_eq!(owned, full());
}
