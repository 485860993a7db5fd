//! Bodies that are refused, and why.

use super::super::json::MAX_DEPTH;
use super::super::{Body, BodyError};

#[track_caller]
fn refusal(text: impl AsRef<[u8]>) -> BodyError {
    let text = text.as_ref();
    match Body::scan(text) {
        Ok(body) => panic!("{} is accepted as {body:?}", String::from_utf8_lossy(text)),
        Err(error) => error,
    }
}

#[track_caller]
fn assert_syntax(text: impl AsRef<[u8]>, wrong_at: usize) {
    match refusal(text.as_ref()) {
        BodyError::Syntax { at, .. } => assert_eq!(at, wrong_at, "{}", String::from_utf8_lossy(text.as_ref())),
        other => panic!("{other} is no syntax error"),
    }
}

#[track_caller]
fn assert_wrong_value(text: &str, wrong_key: &str) {
    match refusal(text) {
        BodyError::Value { key, .. } => assert_eq!(key, wrong_key, "{text}"),
        other => panic!("{text}: {other}"),
    }
}

#[test]
fn texts_that_are_not_json() {
    for (text, at) in [
        ("", 0),
        ("  ", 2),
        ("{", 1),
        ("nul", 0),
        ("NULL", 0),
        ("{}{}", 2),
        ("{} x", 3),
        ("null,", 4),
        ("{}\0", 2),
        ("\u{feff}{}", 0),
        ("{,}", 1),
        (r#"{"a":1,}"#, 7),
        (r#"{"a"}"#, 4),
        (r#"{"a":}"#, 5),
        (r#"{"a":1 "b":2}"#, 7),
        (r#"{"a":1]"#, 6),
        (r#"{'a':1}"#, 1),
        (r#"{a:1}"#, 1),
        (r#"{"a":[1,]}"#, 8),
        (r#"{"a":[1}"#, 7),
        (r#"{"a":{"b":1]}"#, 11),
        (r#"{"a":tru}"#, 5),
        (r#"{"a":undefined}"#, 5),
        (r#"{"a":"#, 5),
        (r#"{"a":"b"#, 7),
        (r#"{"a":"b\"#, 7),
        (r#"{"value":[1 2]}"#, 12),
        (r#"{"context":{"deadline":null,}}"#, 28),
        ("{\u{a0}}", 1),
        ("{}//", 2),
    ] {
        assert_syntax(text, at);
    }
}

#[test]
fn a_body_that_ends_anywhere_is_not_json() {
    let whole = r#"{"key":"ZWNobw==","value":[1,2],"topic":"t\u00e9","x":{"y":[-1.5e+3,true]},"timeout":12,"deadline":"2026-04-25T01:13:13.12Z","context":{"deadline":null}}"#;
    assert!(Body::scan(whole.as_bytes()).is_ok());
    for end in 0..whole.len() {
        refusal(&whole[..end]);
    }
}

#[test]
fn numbers_that_json_does_not_know() {
    for (number, at) in [
        ("01", 6),
        ("-", 6),
        ("+1", 5),
        (".5", 5),
        ("1.", 7),
        ("1.e2", 7),
        ("1e", 7),
        ("1e+", 8),
        ("0x1", 6),
        ("-a", 6),
    ] {
        assert_syntax(format!(r#"{{"a":{number}}}"#), at);
    }
}

#[test]
fn strings_that_json_does_not_know() {
    for (string, at) in [
        (r"\x", 6),
        (r"\'", 6),
        (r"\u12", 6),
        (r"\u12g4", 6),
        (r"\U0041", 6),
        ("\0", 6),
        ("ab\u{1f}", 8),
        ("ab\n", 8),
        ("\\n\t", 8),
    ] {
        for key in ["a", "b"] {
            assert_syntax(format!(r#"{{"{key}":"{string}"}}"#), at);
        }
    }
    // In names, in known strings, in bytes and in times no less.
    assert_syntax("{\"k\ney\":1}", 3);
    assert_syntax("{\"topic\":\"\t\"}", 10);
    assert_syntax("{\"value\":\"AA\n==\"}", 12);
    assert_syntax(r#"{"value":"\v"}"#, 10);
    assert_syntax("{\"deadline\":\"\r\"}", 13);
}

#[test]
fn item_04_a_body_that_is_no_object() {
    for text in ["1", "\"\"", "true", "[]", "[{}]"] {
        assert_syntax(text, 0);
    }
}

#[test]
fn values_of_another_kind() {
    for (text, key) in [
        (r#"{"key":1}"#, "key"),
        (r#"{"value":{}}"#, "value"),
        (r#"{"custom":true}"#, "custom"),
        (r#"{"topic":1}"#, "topic"),
        (r#"{"topic":["a"]}"#, "topic"),
        (r#"{"error":false}"#, "error"),
        (r#"{"error":{}}"#, "error"),
        (r#"{"timeout":"1"}"#, "timeout"),
        (r#"{"timeout":{}}"#, "timeout"),
        (r#"{"deadline":1}"#, "deadline"),
        (r#"{"deadline":[]}"#, "deadline"),
        (r#"{"context":[]}"#, "context"),
        (r#"{"context":"x"}"#, "context"),
        (r#"{"context":{"deadline":0}}"#, "context.deadline"),
        (r#"{"VALUE":0}"#, "value"),
    ] {
        assert_wrong_value(text, key);
    }
}

#[test]
fn item_07_base64_without_padding_or_with_other_characters() {
    for text in [
        "A", "AA", "AAA", "AA=", "AAA==", "A===", "=", "====", "AAAA=", "AA==AAAA", "AA=A", "AA-_", "AA A", "AA.=",
        "é===",
    ] {
        for key in ["key", "value", "custom"] {
            assert_wrong_value(&format!(r#"{{"{key}":"{text}"}}"#), key);
        }
    }
    assert_wrong_value(r#"{"value":"AAAA\u0000"}"#, "value");
    assert!(matches!(refusal(b"{\"value\":\"AAA\xff\"}"), BodyError::Value { key: "value", .. }));
}

#[test]
fn arrays_of_other_things_than_bytes() {
    for element in ["256", "-1", "-0", "1.0", "1e2", "\"a\"", "true", "[]", "{}", "18446744073709551616"] {
        assert_wrong_value(&format!(r#"{{"value":[0,{element}]}}"#), "value");
    }
}

#[test]
fn time_outs_that_fit_no_integer_of_64_bits() {
    for number in ["1.0", "1e3", "9223372036854775808", "-9223372036854775809"] {
        assert_wrong_value(&format!(r#"{{"timeout":{number}}}"#), "timeout");
    }
    for number in ["-0", "9223372036854775807", "-9223372036854775808"] {
        assert!(Body::scan(format!(r#"{{"timeout":{number}}}"#).as_bytes()).is_ok(), "{number}");
    }
}

#[test]
fn times_with_escapes_or_no_text() {
    for time in ["", "now", r"2026-04-25T01:13:13\u005a", "2026-04-25T01:13:13é"] {
        assert_wrong_value(&format!(r#"{{"deadline":"{time}"}}"#), "deadline");
    }
}

/// `levels` arrays in each other, as the value of an unknown key, inside `outer` objects.
fn nested(outer: usize, levels: usize) -> String {
    let (front, back) = if outer == 2 { (r#"{"context":{"x":"#, "}}") } else { (r#"{"x":"#, "}") };
    format!("{front}{}{}{back}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn nesting_ends_where_it_ends_in_go() {
    for outer in [1, 2] {
        let deepest = MAX_DEPTH - outer;
        assert!(Body::scan(nested(outer, deepest).as_bytes()).is_ok());
        assert!(matches!(refusal(nested(outer, deepest + 1)), BodyError::TooDeep { .. }));
    }
    let objects = |levels| format!(r#"{{"x":{}1{}}}"#, r#"{"x":"#.repeat(levels), "}".repeat(levels));
    assert!(Body::scan(objects(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert!(matches!(refusal(objects(MAX_DEPTH)), BodyError::TooDeep { .. }));
}

#[test]
fn a_flood_of_brackets_needs_no_stack() {
    refusal("[".repeat(1 << 20));
    assert!(matches!(refusal(nested(1, 1 << 20)), BodyError::TooDeep { at } if at == 5 + MAX_DEPTH - 1));
}

#[test]
fn errors_say_what_where_and_what_to_send() {
    assert_eq!(refusal(r#"{"a" 1}"#).to_string(), "the body is not JSON: byte 5 must be `:`");
    assert_eq!(
        refusal(r#"{"deadline":5}"#).to_string(),
        "the value of `deadline` near byte 12 must be an RFC 3339 time or null"
    );
    assert_eq!(
        refusal(nested(1, MAX_DEPTH)).to_string(),
        "the body nests deeper than 10000 levels at byte 10004: send a flatter one"
    );
}
