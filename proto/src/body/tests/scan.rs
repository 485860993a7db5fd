//! Bodies that are accepted, and what is found in them.

use std::borrow::Cow;

use super::{Body, bytes, instant, scanned};

const ZERO_DEADLINES: &str = r#""deadline":"0001-01-01T00:00:00Z","context":{"deadline":"0001-01-01T00:00:00Z"}"#;

#[test]
fn item_08_null_and_empty_bodies_are_accepted() {
    for text in ["{}", "null", " { } ", "\r\n\tnull \n"] {
        assert_eq!(scanned(text), Body::default(), "{text}");
    }
}

#[test]
fn item_08_null_members_are_absent_ones() {
    let text = r#"{"key":null,"value":null,"topic":null,"custom":null,"error":null,"timeout":null,"deadline":null,"context":null}"#;
    assert_eq!(scanned(text), Body::default());
}

#[test]
fn item_08_the_zero_time_is_no_deadline() {
    for zero in ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", "0001-01-01T08:00:00+08:00"] {
        let text = format!(r#"{{"deadline":"{zero}","context":{{"deadline":"{zero}"}}}}"#);
        assert_eq!(scanned(&text), Body::default(), "{zero}");
    }
    let overruled = r#"{"deadline":"2026-04-25T01:13:13Z","deadline":"0001-01-01T00:00:00Z"}"#;
    assert_eq!(scanned(overruled).deadline, None);
}

#[test]
fn item_08_deadlines_are_instants_whatever_their_offset() {
    let body = scanned(r#"{"deadline":"2026-04-25T01:13:13.12+08:00","context":{"deadline":"2026-04-24T17:13:13Z"}}"#);
    assert_eq!(body.deadline, Some(instant("2026-04-24T17:13:13.12Z")));
    assert_eq!(body.context_deadline, Some(instant("2026-04-24T17:13:13Z")));
}

#[test]
fn item_37_the_earlier_deadline_counts() {
    let (early, late) = (instant("2026-04-25T01:13:13Z"), instant("2026-04-25T01:13:14Z"));
    let effective =
        |deadline, context_deadline| Body { deadline, context_deadline, ..Body::default() }.effective_deadline();
    assert_eq!(effective(Some(early), Some(late)), Some(early));
    assert_eq!(effective(Some(late), Some(early)), Some(early));
    assert_eq!(effective(None, Some(late)), Some(late));
    assert_eq!(effective(Some(late), None), Some(late));
    assert_eq!(effective(None, None), None);
}

#[test]
fn item_08_unknown_keys_are_ignored() {
    let text = r#"{"a":{"key":"AA==","b":[{},[],{"c":[1,2.5e-3,true]}]},"b":[false,null,"\u0000\""],"topic":"t","keys":1,"":-0}"#;
    assert_eq!(scanned(text), Body { topic: "t".into(), ..Body::default() });
}

#[test]
fn item_08_the_case_of_keys_is_ignored() {
    let text = r#"{"KEY":"AA==","Value":"AQ==","tOPIC":"t","CUSTOM":"Ag==","Error":"e","TIMEOUT":1,"DeadLine":"2026-04-25T01:13:13Z","CONTEXT":{"DEADLINE":"2026-04-25T01:13:14Z"}}"#;
    let body = Body {
        key: bytes(&[0]),
        value: bytes(&[1]),
        topic: "t".into(),
        custom: bytes(&[2]),
        error: "e".into(),
        deadline: Some(instant("2026-04-25T01:13:13Z")),
        context_deadline: Some(instant("2026-04-25T01:13:14Z")),
    };
    assert_eq!(scanned(text), body);
}

#[test]
fn item_08_keys_fold_as_unicode_does() {
    // The Kelvin sign is a k, the long s an s; the dotless i is no i.
    let text = "{\"\u{212a}ey\":\"AA==\",\"cu\u{17f}tom\":\"AQ==\",\"t\u{131}meout\":\"not looked at\"}";
    let body = Body { key: bytes(&[0]), custom: bytes(&[1]), ..Body::default() };
    assert_eq!(scanned(text), body);
}

#[test]
fn keys_may_contain_escapes() {
    let text = r#"{"\u006bey":"AA==","\u212aEY\u0000":"AQ==","to\u0070ic":"t","err\/or":"e"}"#;
    assert_eq!(scanned(text), Body { key: bytes(&[0]), topic: "t".into(), ..Body::default() });
}

#[test]
fn keys_that_are_not_utf8_are_unknown() {
    let body = Body::scan(b"{\"key\xff\":1,\"\xc3\":2,\"topic\":\"t\"}").unwrap();
    assert_eq!(body, Body { topic: "t".into(), ..Body::default() });
}

#[test]
fn of_equal_keys_the_last_counts() {
    let text = r#"{"value":"AA==","topic":"a","VALUE":"AQ==","Topic":"b","value":"Ag==","topic":"c"}"#;
    assert_eq!(scanned(text), Body { value: bytes(&[2]), topic: "c".into(), ..Body::default() });
}

#[test]
fn a_later_null_empties_bytes_and_nothing_else() {
    let text =
        r#"{"value":"AA==","value":null,"topic":"a","topic":null,"deadline":"2026-04-25T01:13:13Z","deadline":null}"#;
    let deadline = Some(instant("2026-04-25T01:13:13Z"));
    assert_eq!(scanned(text), Body { topic: "a".into(), deadline, ..Body::default() });
}

#[test]
fn a_later_context_changes_only_what_it_names() {
    let context = r#"{"context":{"deadline":"2026-04-25T01:13:13Z"},"context":{},"context":null,"Context":{"x":1}}"#;
    assert_eq!(scanned(context).context_deadline, Some(instant("2026-04-25T01:13:13Z")));
}

#[test]
fn bytes_may_be_an_array_of_numbers() {
    assert_eq!(scanned(r#"{"value":[104, 105,255 ,0]}"#).value, bytes(&[104, 105, 255, 0]));
    assert_eq!(scanned(r#"{"value":[]}"#).value, bytes(&[]));
    assert_eq!(scanned(r#"{"value":[null,7]}"#).value, bytes(&[0, 7]));
    assert_eq!(scanned(r#"{"value":"/////w==","value":[null,7,null]}"#).value, bytes(&[255, 7, 255]));
}

#[test]
fn base64_text_may_contain_line_ends_and_escapes() {
    for text in [r"AAECAwQFBgc=", r"AAEC\nAwQF\r\nBgc=\n", r"\u0041AECAwQFBgc\u003d", r"\r\nAAECAwQFBgc="] {
        let body = format!(r#"{{"value":"{text}"}}"#);
        let value = scanned(&body).value;
        assert_eq!(value.text(), b"AAECAwQFBgc=", "{text}");
        assert_eq!(value.decode(), [0, 1, 2, 3, 4, 5, 6, 7], "{text}");
    }
    assert_eq!(scanned(r#"{"value":"\/\u002b\/+"}"#).value.text(), b"/+/+");
    assert!(scanned(r#"{"value":"\n"}"#).value.is_empty());
}

#[test]
fn bits_behind_the_last_byte_are_passed_on() {
    let body = scanned(r#"{"value":"AB==","custom":"AAB="}"#);
    assert_eq!((body.value.text(), body.value.decode()), (&b"AB=="[..], vec![0]));
    assert_eq!((body.custom.text(), body.custom.decode()), (&b"AAB="[..], vec![0, 0]));
}

#[test]
fn strings_resolve_their_escapes() {
    let text = r#"{"topic":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\u0000"}"#;
    assert_eq!(scanned(text).topic, "\"\\/\u{8}\u{c}\n\r\tAé€😀\0");
}

#[test]
fn surrogates_without_their_half_become_replacement_characters() {
    for (text, topic) in [
        (r"\ud83d", "\u{fffd}"),
        (r"\ude00", "\u{fffd}"),
        (r"\ud83dx", "\u{fffd}x"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
    ] {
        let body = format!(r#"{{"topic":"{text}"}}"#);
        assert_eq!(scanned(&body).topic, topic, "{text}");
    }
}

#[test]
fn each_byte_that_is_not_utf8_becomes_a_replacement_character() {
    for (raw, topic) in [
        (&b"a\xffb"[..], "a\u{fffd}b"),
        (b"\xe2\x82", "\u{fffd}\u{fffd}"),
        (b"\xf0\x9f\x98\\n", "\u{fffd}\u{fffd}\u{fffd}\n"),
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xc0\x80\xc3\xa9", "\u{fffd}\u{fffd}é"),
    ] {
        let text = [b"{\"topic\":\"", raw, b"\"}"].concat();
        assert_eq!(Body::scan(&text).unwrap().topic, topic, "{raw:x?}");
    }
}

#[test]
fn a_usual_body_is_borrowed_from_its_text() {
    let text = format!(r#"{{"key":"ZWNobw==","topic":"t","error":"é",{ZERO_DEADLINES}}}"#);
    let body = scanned(&text);
    let within = text.as_bytes().as_ptr_range();
    assert!(within.contains(&body.key.text().as_ptr()));
    assert!(matches!((body.topic, body.error), (Cow::Borrowed("t"), Cow::Borrowed("é"))));
}

#[test]
fn item_09_worked_examples_of_data_packets() {
    let worked = |members: &str| format!("{{{members}{ZERO_DEADLINES}}}");
    let message = Body {
        value: bytes(b"hello"),
        topic: "t<1>".into(),
        custom: bytes(&[0, 0, 0, 0, 0, 0, 0, 7]),
        ..Body::default()
    };
    let refused = Body { error: "edge not online".into(), ..Body::default() };
    let request = Body { key: bytes(b"echo"), value: bytes(b"hello"), ..Body::default() };
    let failed = Body { key: bytes(b"echo"), error: "no such rpc: echo".into(), ..Body::default() };
    for (members, length, body) in [
        (r#""value":"aGVsbG8=","topic":"t\u003c1\u003e","custom":"AAAAAAAAAAc=","#, 0x9d, message),
        ("", 0x59, Body::default()),
        (r#""error":"edge not online","#, 0x73, refused),
        (r#""key":"ZWNobw==","value":"aGVsbG8=","#, 0x7d, request),
        (r#""key":"ZWNobw==","error":"no such rpc: echo","#, 0x86, failed),
    ] {
        let text = worked(members);
        assert_eq!(scanned(&text), body);
        assert_eq!(8 + text.len(), length, "{text}: payload length with the session id");
    }
}

#[test]
fn item_09_worked_example_with_a_time_out() {
    let text = r#"{"value":"aGVsbG8=","deadline":"2026-04-25T01:13:13.12+08:00","context":{"deadline":"0001-01-01T00:00:00Z"}}"#;
    let deadline = Some(instant("2026-04-24T17:13:13.12Z"));
    assert_eq!(scanned(text), Body { value: bytes(b"hello"), deadline, ..Body::default() });
    assert_eq!(8 + text.len(), 0x74);
}
