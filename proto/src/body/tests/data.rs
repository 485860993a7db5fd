//! Bodies of connection, session and registration packets.

use super::super::{BodyError, Caps, ConnData, RegisterAckData, SessionData};

fn text(encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    encode(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn item_09_worked_examples_of_connection_packets() {
    let meta = ConnData { meta: b"foo".to_vec(), ..ConnData::default() };
    let refused = ConnData { error: "edge <denied> & \"bad\"".to_owned(), ..ConnData::default() };
    for (json, data) in [
        (r#"{"meta":"Zm9v"}"#, meta),
        ("{}", ConnData::default()),
        (r#"{"error":"edge \u003cdenied\u003e \u0026 \"bad\""}"#, refused),
    ] {
        assert_eq!(ConnData::decode(json.as_bytes()), Ok(data.clone()));
        assert_eq!(text(|out| data.encode(out)), json);
    }
}

#[test]
fn item_09_worked_examples_of_session_packets() {
    let opened = SessionData { meta: b"m".to_vec(), peer: "svc".to_owned(), ..SessionData::default() };
    for (json, data) in [(r#"{"meta":"bQ==","peer":"svc"}"#, opened), ("{}", SessionData::default())] {
        assert_eq!(SessionData::decode(json.as_bytes()), Ok(data.clone()));
        assert_eq!(text(|out| data.encode(out)), json);
    }
}

#[test]
fn all_keys_come_back() {
    let conn = ConnData {
        meta: vec![0, 255],
        error: "<é>".to_owned(),
        caps: Caps { cancel: true, credit: true, ..Caps::default() },
    };
    let json = text(|out| conn.encode(out));
    assert_eq!(json, r#"{"meta":"AP8=","error":"\u003cé\u003e","caps":{"cancel":1,"credit":1}}"#);
    assert_eq!(ConnData::decode(json.as_bytes()), Ok(conn));

    let session = SessionData { meta: vec![1], error: "e".to_owned(), peer: "\0".to_owned() };
    let json = text(|out| session.encode(out));
    assert_eq!(json, r#"{"meta":"AQ==","error":"e","peer":"\u0000"}"#);
    assert_eq!(SessionData::decode(json.as_bytes()), Ok(session));

    let register = RegisterAckData { error: "e".to_owned() };
    let json = text(|out| register.encode(out));
    assert_eq!(json, r#"{"error":"e"}"#);
    assert_eq!(RegisterAckData::decode(json.as_bytes()), Ok(register));
}

#[test]
fn item_08_null_unknown_keys_and_other_case_are_accepted() {
    for json in ["null", "{}", r#"{"meta":null,"error":null,"peer":null}"#, r#"{"x":[{}],"deadline":5}"#] {
        assert_eq!(ConnData::decode(json.as_bytes()), Ok(ConnData::default()), "{json}");
        assert_eq!(SessionData::decode(json.as_bytes()), Ok(SessionData::default()), "{json}");
        assert_eq!(RegisterAckData::decode(json.as_bytes()), Ok(RegisterAckData::default()), "{json}");
    }
    let json = r#"{"META":"AA==","meta":[1,2],"\u0045rror":"a","Error":"b","PEER":"p"}"#;
    let session = SessionData { meta: vec![1, 2], error: "b".to_owned(), peer: "p".to_owned() };
    assert_eq!(SessionData::decode(json.as_bytes()), Ok(session));
    let conn = ConnData { meta: vec![1, 2], error: "b".to_owned(), ..ConnData::default() };
    assert_eq!(ConnData::decode(json.as_bytes()), Ok(conn));
    assert_eq!(RegisterAckData::decode(json.as_bytes()), Ok(RegisterAckData { error: "b".to_owned() }));
}

#[test]
fn item_04_values_of_another_kind_and_broken_json_are_refused() {
    for json in ["", "[]", "{} {}", r#"{"error":1}"#, r#"{"error":"a""#] {
        assert!(ConnData::decode(json.as_bytes()).is_err(), "{json}");
        assert!(SessionData::decode(json.as_bytes()).is_err(), "{json}");
        assert!(RegisterAckData::decode(json.as_bytes()).is_err(), "{json}");
    }
    for json in [r#"{"meta":"AA"}"#, r#"{"meta":{}}"#] {
        assert!(matches!(ConnData::decode(json.as_bytes()), Err(BodyError::Value { key: "meta", .. })));
        assert!(matches!(SessionData::decode(json.as_bytes()), Err(BodyError::Value { key: "meta", .. })));
    }
    assert!(matches!(SessionData::decode(br#"{"peer":7}"#), Err(BodyError::Value { key: "peer", .. })));
}

#[test]
fn caps_count_where_they_are_positive_integers() {
    let cancel = Caps { cancel: true, ..Caps::default() };
    let all = Caps { cancel: true, prompt: true, fin: true, credit: true };
    for (caps, understood) in [
        ("{}", Caps::default()),
        (r#"{"cancel":1}"#, cancel),
        (r#"{"CANCEL":2,"bin":1,"win":{"x":[]}}"#, cancel),
        (r#"{"cancel":98765432109876543210}"#, cancel),
        (r#"{ "cancel" : 1 , "prompt" : 3 , "fin" : 1 , "credit" : 7 }"#, all),
        (r#"{"cancel":0,"prompt":-1,"fin":1.0,"credit":1e1}"#, Caps::default()),
        (r#"{"cancel":"1","prompt":true,"fin":null,"credit":[1]}"#, Caps::default()),
        (r#"{"cancel":1,"cancel":0}"#, Caps::default()),
    ] {
        let json = format!(r#"{{"caps":{caps}}}"#);
        assert_eq!(ConnData::decode(json.as_bytes()).unwrap().caps, understood, "{caps}");
    }
}

#[test]
fn caps_of_an_application_of_the_field_do_no_harm() {
    for caps in ["null", "1", "\"cancel\"", "[\"cancel\"]", "true"] {
        let json = format!(r#"{{"meta":"AA==","caps":{caps},"error":"e"}}"#);
        let data = ConnData { meta: vec![0], error: "e".to_owned(), caps: Caps::default() };
        assert_eq!(ConnData::decode(json.as_bytes()), Ok(data), "{caps}");
    }
    // Broken JSON is broken there too.
    assert!(ConnData::decode(br#"{"caps":{"cancel":01}}"#).is_err());
    assert!(ConnData::decode(br#"{"caps":[}"#).is_err());
}

#[test]
fn both_sides_must_understand_a_cap() {
    let client = Caps { cancel: true, prompt: true, fin: false, credit: false };
    let server = Caps { cancel: true, prompt: false, fin: true, credit: false };
    assert_eq!(client.intersection(server), Caps { cancel: true, ..Caps::default() });
}
