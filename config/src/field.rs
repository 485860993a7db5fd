//! Reading single values: words, bounded numbers, and their messages.

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

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

/// Reads a value that has a text form; an empty text counts as absent.
pub(crate) fn word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text.parse().map(Some).map_err(D::Error::custom),
        _ => Ok(None),
    }
}

/// Reads a whole number from `MIN` to `MAX`, both included.
pub(crate) fn between<'de, const MIN: u32, const MAX: u32, D>(deserializer: D) -> Result<Option<u32>, D::Error>
where
    D: Deserializer<'de>,
{
    match Option::<i64>::deserialize(deserializer)? {
        None => Ok(None),
        Some(value) => u32::try_from(value)
            .ok()
            .filter(|value| (MIN..=MAX).contains(value))
            .map(Some)
            .ok_or_else(|| D::Error::custom(format!("{value} is not between {MIN} and {MAX}"))),
    }
}
