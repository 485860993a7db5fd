//! Random bodies: as documents, as damaged documents, and as values.

use frontier_proto::body::{Base64, Body, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A body of random members, in random order and case, with random white space.
pub(crate) fn bodies() -> impl Strategy<Value = Vec<u8>> {
    (space(), prop_oneof![30 => object(member()), 1 => any_value(), 1 => Just("null".into())], space())
        .prop_map(|(before, body, after)| [before.as_bytes(), &body, after.as_bytes()].concat())
}

/// A body with a few bytes taken out, changed or put in.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (bodies(), vec((any::<Index>(), damage()), 1..3)).prop_map(|(mut document, damages)| {
        for (place, damage) in damages {
            let at = place.index(document.len() + 1);
            match damage {
                Damage::Cut => document.truncate(at),
                Damage::Remove => drop(document.drain(at..document.len().min(at + 1))),
                Damage::Insert(byte) => document.insert(at, byte),
                Damage::Punctuation(byte) => {
                    let mark = document[at..].iter().position(|other| b"{}[],:\"".contains(other));
                    mark.into_iter().for_each(|mark| document[at + mark] = byte);
                }
                Damage::LeadingZero => {
                    let digit = document[at..].iter().position(u8::is_ascii_digit);
                    digit.into_iter().for_each(|digit| document.insert(at + digit, b'0'));
                }
                Damage::Change(byte) => document.splice(at..document.len().min(at + 1), [byte]).for_each(drop),
            }
        }
        document
    })
}

/// A body as an application would send it.
pub(crate) fn values() -> impl Strategy<Value = Body<'static>> {
    let bytes = || vec(any::<u8>(), 0..80).prop_map(|bytes| Base64::encode(&bytes));
    let text = || any::<String>().prop_map(Into::into);
    let time =
        || option::of((0..4_000_000_000_i64, 0..1_000_000_000_u32).prop_map(|(s, n)| Timestamp::from_unix(s, n)));
    (bytes(), bytes(), text(), bytes(), text(), time(), time()).prop_map(
        |(key, value, topic, custom, error, deadline, context_deadline)| Body {
            key,
            value,
            topic,
            custom,
            error,
            deadline,
            context_deadline,
        },
    )
}

#[derive(Debug, Clone)]
enum Damage {
    Cut,
    Remove,
    Insert(u8),
    Change(u8),
    /// The next punctuation mark becomes another.
    Punctuation(u8),
    /// The next number gets a zero in front of it, or the next digit of a longer one.
    LeadingZero,
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![select(b"{}[]\",:\\/ \n0159.-+eEnulAZ=\x00\x1f\x7f".to_vec()), any::<u8>()];
    prop_oneof![
        1 => Just(Damage::Cut),
        3 => Just(Damage::Remove),
        3 => byte().prop_map(Damage::Insert),
        3 => byte().prop_map(Damage::Change),
        3 => select(b"{}[],:\"".to_vec()).prop_map(Damage::Punctuation),
        1 => Just(Damage::LeadingZero),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => select(vec![" ", "\n", "\t", "\r\n  "])]
}

fn object(members: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    list(b'{', members, b'}')
}

fn array(elements: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    list(b'[', elements, b']')
}

fn list(open: u8, items: impl Strategy<Value = Vec<u8>>, close: u8) -> impl Strategy<Value = Vec<u8>> {
    let item = (space(), items, space())
        .prop_map(|(before, item, after)| [before.as_bytes(), &item, after.as_bytes()].concat());
    vec(item, 0..10).prop_map(move |items| [&[open], items.join(&b',').as_slice(), &[close]].concat())
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    let context = object(prop_oneof![named("deadline", time()), named("other", any_value())]);
    prop_oneof![
        named("key", bytes()),
        named("value", bytes()),
        named("topic", string()),
        named("custom", bytes()),
        named("error", string()),
        named("timeout", integer()),
        named("deadline", time()),
        named("context", context.boxed()),
        named("other", any_value()),
    ]
}

/// A member with this name, now and then in other letters, and nearly always with this value.
fn named(name: &'static str, value: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let letters: Vec<_> = name.chars().map(letter).collect();
    let name = prop_oneof![6 => Just(name.to_owned()), 2 => letters.prop_map(|letters| letters.concat())];
    let value = prop_oneof![60 => value, 2 => Just(b"null".to_vec()), 1 => any_value()];
    (name, space(), space(), value)
        .prop_map(|(name, before, after, value)| [format!("\"{name}\"{before}:{after}").as_bytes(), &value].concat())
        .boxed()
}

/// `letter` in one of the ways in which it can be written in a name, or something like it.
fn letter(letter: char) -> BoxedStrategy<String> {
    let alike = match letter {
        'k' => "\u{212a}",
        's' => "\u{17f}",
        'i' => "\u{131}",
        'e' => "é",
        _ => r"\u0000",
    };
    let escape = format!("\\u{:04X}", u32::from(letter));
    let upper = letter.to_ascii_uppercase().to_string();
    prop_oneof![12 => Just(letter.to_string()), 12 => Just(upper), 3 => Just(escape), 1 => Just(alike.to_owned())]
        .boxed()
}

fn quoted(pieces: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    vec(pieces, 0..8).prop_map(|pieces| [b"\"", pieces.concat().as_slice(), b"\""].concat())
}

fn string() -> BoxedStrategy<Vec<u8>> {
    let escapes = [
        r#"\""#,
        r"\\",
        r"\/",
        r"\b",
        r"\f",
        r"\n",
        r"\r",
        r"\t",
        r"\u0000",
        r"\u00e9",
        r"\u20AC",
        r"\ud83d\ude00",
        r"\ud83d",
        r"\ude00",
        r"\uFFFF",
    ];
    let broken: [&[u8]; 5] = [b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\x80"];
    quoted(prop_oneof![
        6 => "[a-z<>&0-9 ]{0,6}".prop_map(String::into_bytes),
        3 => any::<char>().prop_map(|c| if needs_escape(c) { ' ' } else { c }).prop_map(|c| c.to_string().into_bytes()),
        3 => select(escapes.to_vec()).prop_map(|escape| escape.into()),
        1 => select(broken.to_vec()).prop_map(<[u8]>::to_vec),
    ])
    .boxed()
}

fn needs_escape(character: char) -> bool {
    matches!(character, '\0'..' ' | '"' | '\\')
}

fn bytes() -> BoxedStrategy<Vec<u8>> {
    let text = vec(any::<u8>(), 0..100).prop_map(|bytes| Base64::encode(&bytes).text().to_vec());
    let mixed_in = select(vec![r"\n", r"\r\n", r"\u002b\/\u0041A", r"\u003d", "=", "A", "AB==", "-", "\n"]);
    let number = prop_oneof![80 => (0..256_u16).prop_map(|byte| byte.to_string()), 1 => select(vec!["null", "256", "-1", "-0", "1.0", "\"\""]).prop_map(str::to_owned)];
    prop_oneof![
        12 => text.clone().prop_map(|text| [b"\"", text.as_slice(), b"\""].concat()),
        2 => (text, any::<Index>(), mixed_in).prop_map(|(mut text, place, mixed_in)| {
            let at = place.index(text.len() + 1);
            text.splice(at..at, mixed_in.bytes());
            [b"\"", text.as_slice(), b"\""].concat()
        }),
        1 => array(number.prop_map(String::into_bytes)),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Vec<u8>> {
    let date = prop_oneof![
        12 => (2020..2030_u32, 1..=12_u32, 1..=28_u32),
        1 => (select(vec![0, 1, 1900, 2000, 2024, 9999]), 0..=13_u32, 0..=32_u32),
    ];
    let clock = prop_oneof![12 => (0..24_u32, 0..60_u32, 0..60_u32), 1 => (0..26_u32, 0..62_u32, 0..62_u32)];
    let fraction = prop_oneof![Just(String::new()), "[.,][0-9]{1,12}"];
    let offset =
        prop_oneof![8 => Just("Z".to_owned()), 4 => "[+-][01][0-9]:[0-5][0-9]", 1 => "[+-][0-3][0-9]:[0-7][0-9]"];
    let random =
        (date, clock, fraction, offset).prop_map(|((year, month, day), (hour, minute, second), fraction, offset)| {
            format!("\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}\"")
        });
    let fixed = select(vec![
        r#""0001-01-01T00:00:00Z""#,
        r#""0001-01-01T05:00:00+05:00""#,
        r#""""#,
        r#""2026-04-25T1:00:00Z""#,
    ]);
    prop_oneof![4 => random, 2 => fixed.prop_map(str::to_owned)].prop_map(String::into_bytes).boxed()
}

fn integer() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![any::<i64>().prop_map(|number| number.to_string()), number()].prop_map(String::into_bytes).boxed()
}

fn number() -> BoxedStrategy<String> {
    prop_oneof!["-?(0|[1-9][0-9]{0,19})", r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?"].boxed()
}

fn any_value() -> BoxedStrategy<Vec<u8>> {
    let literal = select(vec!["null", "true", "false", "{}", "[]", "\"\""]).prop_map(|text| text.into());
    let leaf = prop_oneof![literal, string(), number().prop_map(String::into_bytes), time()];
    leaf.prop_recursive(6, 24, 4, |inner| {
        let member = (string(), inner.clone()).prop_map(|(name, value)| [&name, &b":"[..], &value].concat());
        prop_oneof![array(inner), object(member)]
    })
    .boxed()
}
