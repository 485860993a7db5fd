//! Single values: texts, words, bounded numbers, times, and their messages.

use std::borrow::Cow;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::section::Value;

/// A word that is not among those allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not supported; it must be {}", either(allowed))]
pub struct UnknownWord {
    /// What was given.
    pub given: String,
    /// What would be right.
    pub allowed: Vec<&'static str>,
}

/// `a, b or c`.
fn either(words: &[&str]) -> String {
    match words {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        _ => words.concat(),
    }
}

/// The value that `text` names among `choices`; letter case does not matter.
pub(crate) fn choose<T: Copy>(text: &str, choices: &[(&'static str, T)]) -> Result<T, UnknownWord> {
    choices
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|&(_, value)| value)
        .ok_or_else(|| UnknownWord { given: text.to_owned(), allowed: choices.iter().map(|&(word, _)| word).collect() })
}

/// Reads a value that has a text form; an empty text counts as not written.
pub(crate) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text.parse().map(Some).map_err(D::Error::custom),
        _ => Ok(None),
    }
}

/// Makes a value that is one of several words in the file; letter case does not matter.
macro_rules! words {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $($(#[$meta:meta])* $variant:ident = $word:literal $(| $other:literal)*,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name {
            $($(#[$meta])* $variant,)*
        }

        impl $name {
            const WORDS: &[(&str, Self)] = &[$(($word, Self::$variant), $(($other, Self::$variant),)*)*];
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::UnknownWord> {
                $crate::field::choose(text, Self::WORDS)
            }
        }

        $crate::field::text_form! { $name, |value| match value { $($name::$variant => $word,)* },
            schemars::json_schema!({ "type": "string", "enum": [$($word, $($other,)*)*] }) }
    };
}

/// Gives a type that has `FromStr` its place in the file: as text.
macro_rules! text_form {
    ($name:ident, |$value:ident| $text:expr, $schema:expr) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                serializer.serialize_str($text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }

        const _: () = {
            use serde::Deserializer;
            use $crate::section::{Setting, Value};

            $crate::section::plain! { $name: $crate::field::text; }
        };
    };
}

pub(crate) use {text_form, words};

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Within<const MIN: i64, const MAX: i64>(i64);

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(D::Error::custom(format!("{value} is not between {MIN} and {MAX}")))
        }
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{MIN} to {MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A time of whole seconds, from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct Seconds<const MIN: i64, const MAX: i64>(Within<MIN, MAX>);

/// A time of whole milliseconds, from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct Millis<const MIN: i64, const MAX: i64>(Within<MIN, MAX>);

/// A whole number; 0 and less counts as not written, as in the Go gateway, whose files rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct Positive(i64);

impl<const MIN: i64, const MAX: i64> Value for Within<MIN, MAX> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

impl<const MIN: i64, const MAX: i64> Value for Seconds<MIN, MAX> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

impl<const MIN: i64, const MAX: i64> Value for Millis<MIN, MAX> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

impl Value for Positive {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        match Option::<i64>::deserialize(deserializer)? {
            Some(value) if value > i64::from(u32::MAX) => {
                Err(D::Error::custom(format!("{value} is more than {}", u32::MAX)))
            }
            read => Ok(read.filter(|&value| value > 0).map(Self)),
        }
    }
}

const FITS: &str = "the bounds of a key lie within its type";

/// The types that a bounded number can be: each key's bounds lie within its own.
macro_rules! number {
    ($($type:ty)*) => {
        $(
            impl<const MIN: i64, const MAX: i64> From<Within<MIN, MAX>> for $type {
                fn from(number: Within<MIN, MAX>) -> Self {
                    number.0.try_into().expect(FITS)
                }
            }

            impl<const MIN: i64, const MAX: i64> From<$type> for Within<MIN, MAX> {
                fn from(number: $type) -> Self {
                    Self(number.into())
                }
            }
        )*
    };
}

number! { u8 u16 u32 i32 }

impl<const MIN: i64, const MAX: i64> From<Within<MIN, MAX>> for NonZeroU32 {
    fn from(number: Within<MIN, MAX>) -> Self {
        Self::new(number.into()).expect(FITS)
    }
}

impl<const MIN: i64, const MAX: i64> From<NonZeroU32> for Within<MIN, MAX> {
    fn from(number: NonZeroU32) -> Self {
        Self(number.get().into())
    }
}

/// 0 is none.
impl<const MIN: i64, const MAX: i64> From<Within<MIN, MAX>> for Option<NonZeroU32> {
    fn from(number: Within<MIN, MAX>) -> Self {
        NonZeroU32::new(number.into())
    }
}

impl<const MIN: i64, const MAX: i64> From<Option<NonZeroU32>> for Within<MIN, MAX> {
    fn from(number: Option<NonZeroU32>) -> Self {
        Self(number.map_or(0, |number| number.get().into()))
    }
}

impl<const MIN: i64, const MAX: i64> From<Seconds<MIN, MAX>> for Duration {
    fn from(seconds: Seconds<MIN, MAX>) -> Self {
        Self::from_secs(u32::from(seconds.0).into())
    }
}

impl<const MIN: i64, const MAX: i64> From<Duration> for Seconds<MIN, MAX> {
    fn from(time: Duration) -> Self {
        Self(Within(time.as_secs().try_into().expect(FITS)))
    }
}

impl<const MIN: i64, const MAX: i64> From<Millis<MIN, MAX>> for Duration {
    fn from(millis: Millis<MIN, MAX>) -> Self {
        Self::from_millis(u32::from(millis.0).into())
    }
}

impl<const MIN: i64, const MAX: i64> From<Duration> for Millis<MIN, MAX> {
    fn from(time: Duration) -> Self {
        Self(Within(time.as_millis().try_into().expect(FITS)))
    }
}

impl From<Positive> for u32 {
    fn from(number: Positive) -> Self {
        number.0.try_into().expect("no larger one is read")
    }
}

impl From<u32> for Positive {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl From<Positive> for Option<u64> {
    fn from(number: Positive) -> Self {
        u64::try_from(number.0).ok().filter(|&number| number > 0)
    }
}

impl From<Option<u64>> for Positive {
    fn from(number: Option<u64>) -> Self {
        Self(number.and_then(|number| number.try_into().ok()).unwrap_or(0))
    }
}
