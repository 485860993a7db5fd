//! What Go's `encoding/json` makes of a body, written over `serde_json`.
//!
//! Two things that Go repairs and `serde_json` refuses are repaired in the text beforehand: bytes
//! that are not UTF-8, and surrogates without their other half. Two more the model cannot tell, and
//! says so: a number beyond the range of a float, which `serde_json` refuses everywhere, and `-0`,
//! which it does not tell from `-0.0`. The depth limit of `serde_json` is lower than Go's, so the
//! documents stay flatter than both. Unit tests of the scanner cover what is left out here.
//!
//! Times are read with [`Timestamp::parse`]: its own tests show what it takes.

use std::fmt;

use frontier_proto::body::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// What is found in a body.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fields {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) topic: String,
    pub(crate) custom: Vec<u8>,
    pub(crate) error: String,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) context_deadline: Option<Timestamp>,
}

pub(crate) enum Verdict {
    Accepted(Box<Fields>),
    Refused(String),
    Unknown,
}

/// Why a body has no [`Fields`].
enum Problem {
    Refused(String),
    Unknown,
}

type Read<T = ()> = Result<T, Problem>;

pub(crate) fn judge(document: &[u8]) -> Verdict {
    match read(document) {
        Ok(fields) => Verdict::Accepted(Box::new(fields)),
        Err(Problem::Refused(reason)) => Verdict::Refused(reason),
        Err(Problem::Unknown) => Verdict::Unknown,
    }
}

fn read(document: &[u8]) -> Read<Fields> {
    let text = without_lone_surrogates(&as_text(document));
    let json = serde_json::from_str::<Json>(&text).map_err(|error| {
        if error.to_string().starts_with("number out of range") {
            return Problem::Unknown;
        }
        Problem::Refused(error.to_string())
    })?;
    let members = match json {
        Json::Null => Vec::new(),
        Json::Object(members) => members,
        other => return refuse("a body", &other),
    };
    let mut fields = Fields::default();
    for (name, value) in members {
        fields.set(&name, value)?;
    }
    Ok(fields)
}

impl Fields {
    fn set(&mut self, name: &str, value: Json) -> Read {
        match known(name, &["key", "value", "topic", "custom", "error", "timeout", "deadline", "context"]) {
            Some("key") => set_bytes(&mut self.key, value),
            Some("value") => set_bytes(&mut self.value, value),
            Some("topic") => set_string(&mut self.topic, value),
            Some("custom") => set_bytes(&mut self.custom, value),
            Some("error") => set_string(&mut self.error, value),
            Some("timeout") => check_timeout(&value),
            Some("deadline") => set_time(&mut self.deadline, value),
            Some("context") => self.set_context(value),
            _ => Ok(()),
        }
    }

    fn set_context(&mut self, value: Json) -> Read {
        let members = match value {
            Json::Null => return Ok(()),
            Json::Object(members) => members,
            other => return refuse("context", &other),
        };
        for (name, value) in members {
            if known(&name, &["deadline"]).is_some() {
                set_time(&mut self.context_deadline, value)?;
            }
        }
        Ok(())
    }
}

fn refuse<T>(what: &str, value: &Json) -> Read<T> {
    Err(Problem::Refused(format!("{what} = {value:?}")))
}

/// The key that `name` means. Folding to upper case first takes the Kelvin sign and the long s along.
fn known(name: &str, keys: &[&'static str]) -> Option<&'static str> {
    let folded =
        |text: &str| -> String { text.chars().map(|c| if c == '\u{212a}' { 'K' } else { simple_upper(c) }).collect() };
    keys.iter().copied().find(|key| folded(key) == folded(name))
}

/// Upper case where it is one character, as simple folding wants it.
fn simple_upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        // The dotless i folds only into itself.
        (Some(single), None) if character != '\u{131}' => single,
        _ => character,
    }
}

fn set_string(field: &mut String, value: Json) -> Read {
    match value {
        Json::Null => {}
        Json::String(text) => *field = text,
        other => return refuse("a string", &other),
    }
    Ok(())
}

fn set_bytes(field: &mut Vec<u8>, value: Json) -> Read {
    *field = match value {
        Json::Null => Vec::new(),
        Json::String(text) => match decode_base64(&text) {
            Some(bytes) => bytes,
            None => return refuse("base64", &Json::String(text)),
        },
        Json::Array(elements) => {
            let mut bytes = Vec::new();
            for (at, element) in elements.into_iter().enumerate() {
                bytes.push(match element {
                    Json::Null => field.get(at).copied().unwrap_or(0),
                    Json::Integer(number @ 0..=255) => number as u8,
                    other => return refuse("a byte", &other),
                });
            }
            bytes
        }
        other => return refuse("bytes", &other),
    };
    Ok(())
}

fn set_time(field: &mut Option<Timestamp>, value: Json) -> Read {
    let zero = Timestamp::from_unix(-62_135_596_800, 0);
    match value {
        Json::Null => {}
        Json::String(text) => match Timestamp::parse(text.as_bytes()) {
            Some(time) => *field = Some(time).filter(|time| *time != zero),
            None => return refuse("a time", &Json::String(text)),
        },
        other => return refuse("a time", &other),
    }
    Ok(())
}

fn check_timeout(value: &Json) -> Read {
    match value {
        Json::Null => Ok(()),
        Json::Integer(number) if i64::try_from(*number).is_ok() => Ok(()),
        Json::Float(number) if *number == 0.0 && number.is_sign_negative() => Err(Problem::Unknown),
        other => refuse("a time-out", other),
    }
}

/// Base64 bit by bit.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bits = Vec::new();
    for digit in digits.chars() {
        let number = ALPHABET.find(digit)?;
        bits.extend((0..6).rev().map(|bit| (number >> bit & 1) as u8));
    }
    let bytes = bits.chunks_exact(8);
    Some(bytes.map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect())
}

/// `document` with every byte that is no UTF-8 replaced by U+FFFD. Outside of strings that is as
/// wrong as it was.
fn as_text(document: &[u8]) -> String {
    let mut text = String::new();
    for chunk in document.utf8_chunks() {
        text += chunk.valid();
        text += &"\u{fffd}".repeat(chunk.invalid().len());
    }
    text
}

/// `text` with every escaped surrogate that has no other half replaced by `\ufffd`.
fn without_lone_surrogates(text: &str) -> String {
    let (mut repaired, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        repaired += &rest[..at];
        rest = &rest[at..];
        let length = match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                repaired += r"\ufffd";
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        repaired += &rest[..length];
        rest = &rest[length..];
    }
    repaired + rest
}

/// The code unit of the escape at the start of `text`.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all_digits.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// A JSON value in which nothing is lost: the members of an object keep their order, and equal names
/// stay.
#[derive(Debug)]
enum Json {
    Null,
    Bool,
    Integer(i128),
    Float(f64),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element()? {
            all.push(element);
        }
        Ok(Json::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry()? {
            all.push(member);
        }
        Ok(Json::Object(all))
    }
}
