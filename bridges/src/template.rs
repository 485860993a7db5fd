//! Destinations and keys: a template filled for one message.
//!
//! What an edge fills in comes from its topic and its meta. It must not lead out of the template: with
//! `${meta.site}.${topic}`, an edge of the site `a.b` would come where one of the site `a` comes with the topic `b.x`. So of
//! several places that edges fill, each but the last must not contain the character that follows it in the template. Then a
//! destination says which edge's values it was made of, and the text of the template stands where it is. One place alone
//! may hold anything: text before and behind it is fixed. What a broker forbids is its bridge's to refuse.
//!
//! In other words, a destination can be read in one way only. From its beginning, each value ends at the first character that it
//! must not contain, and an id at the first that is no digit; from its end, ids go back to the first that is no digit; the
//! last value is what remains. [`Template::is_confined`] sees to it that there are such characters.

use std::borrow::Cow;

use config::{Part, Template};
use smol_str::{SmolStr, ToSmolStr as _};

use crate::record::{EdgeMeta, Message};

/// Why a template cannot be filled for a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfilled {
    /// The edge's meta does not have the key.
    #[error("the edge's meta has no text, number or truth value under {key:?}")]
    NoSuchKey {
        /// The key.
        key: Box<str>,
    },
    /// A value would lead out of the template.
    #[error("{value:?} may not hold {separator:?}, which separates it from what follows in {template:?}")]
    LeadsOut {
        /// What the edge gave, its first characters.
        value: String,
        /// What it may not hold.
        separator: char,
        /// The template.
        template: String,
    },
}

/// Fills `template`; with `confined`, so that no value leads out of it.
pub(crate) fn fill(
    template: &Template,
    message: &Message,
    meta: &EdgeMeta<'_>,
    confined: bool,
) -> Result<SmolStr, Unfilled> {
    let parts = template.parts();
    // What most bridges have, with nothing to copy or to confine.
    match parts {
        [Part::Topic] => return Ok(message.topic.clone()),
        [Part::EdgeId] => return Ok(message.edge.0.to_smolstr()),
        _ => {}
    }
    let last = parts.iter().rposition(is_free);
    let mut filled = String::new();
    for (at, part) in parts.iter().enumerate() {
        let value: Cow<'_, str> = match part {
            Part::Text(text) => Cow::Borrowed(text),
            Part::EdgeId => Cow::Owned(message.edge.to_string()),
            Part::Topic => Cow::Borrowed(&message.topic),
            Part::Meta(key) => meta.value(key).ok_or_else(|| Unfilled::NoSuchKey { key: key.as_str().into() })?,
        };
        let separator = if confined && is_free(part) && Some(at) != last { separator(parts.get(at + 1)) } else { None };
        if let Some(separator) = separator.filter(|separator| value.contains(*separator)) {
            let value = value.chars().take(64).collect();
            return Err(Unfilled::LeadsOut { value, separator, template: template.to_string() });
        }
        filled.push_str(&value);
    }
    Ok(filled.into())
}

/// Whether edges choose what stands there.
fn is_free(part: &Part) -> bool {
    matches!(part, Part::Topic | Part::Meta(_))
}

/// What ends a place before this part. The configuration is refused if there is nothing.
fn separator(next: Option<&Part>) -> Option<char> {
    match next {
        Some(Part::Text(text)) => text.chars().next(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::SystemTime;

    use bytes::Bytes;
    use proto::id::EdgeId;

    use super::*;
    use crate::MessageIds;
    use crate::testing::message;

    fn filled(template: &str, topic: &str, meta: &str) -> Result<String, String> {
        let (id, empty) = (MessageIds::new().next(), Bytes::new());
        let message = Message::new(id, SystemTime::now(), EdgeId(u64::MAX), topic, empty.clone(), empty);
        let template: Template = template.parse().unwrap();
        let filled = fill(&template, &message, &EdgeMeta::new(meta.as_bytes()), true);
        filled.map(|text| text.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(filled("${topic}", "a/b", ""), Ok("a/b".to_owned()));
        assert_eq!(filled("s.${edge_id}.${topic}", "a.b", ""), Ok("s.18446744073709551615.a.b".to_owned()));
        assert_eq!(filled("${topic}.${edge_id}", "a.b", ""), Ok("a.b.18446744073709551615".to_owned()));
        assert_eq!(filled("${meta.n}/${topic}", "t", r#"{"n":7}"#), Ok("7/t".to_owned()));
    }

    #[test]
    fn no_value_leads_out_of_its_place() {
        let error = filled("${meta.site}.${topic}", "x", r#"{"site":"a.b"}"#).unwrap_err();
        assert_eq!(error, r#""a.b" may not hold '.', which separates it from what follows in "${meta.site}.${topic}""#);
        assert_eq!(filled("${meta.site}.${topic}", "b.x", r#"{"site":"a"}"#), Ok("a.b.x".to_owned()));
    }

    /// All templates of up to four of these pieces.
    fn templates() -> Vec<Template> {
        let pieces = ["${topic}", "${meta.a}", "${edge_id}", "0", ".", "0.", ".0"];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            let longer = texts.iter().flat_map(|text| pieces.map(|piece| format!("{text}{piece}")));
            texts = texts.iter().cloned().chain(longer).collect();
            texts.sort_unstable();
            texts.dedup();
        }
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// What is filled in tells what it was made of, for every template that the configuration takes.
    #[test]
    fn no_two_edges_come_to_one_destination() {
        let alphabet = ["", "0", "7", "."];
        let values: Vec<String> = alphabet.iter().flat_map(|one| alphabet.map(|next| format!("{one}{next}"))).collect();
        let mut shared = 0;
        for template in templates() {
            let has = |part: &Part| template.parts().contains(part);
            let ids: &[u64] = if has(&Part::EdgeId) { &[0, 7, 70, 700, 707, 77] } else { &[7] };
            let of = |part: &Part| if has(part) { &values[..] } else { &values[..1] };
            let mut made = HashMap::new();
            for (topic, value) in of(&Part::Topic)
                .iter()
                .flat_map(|topic| of(&Part::Meta("a".to_owned())).iter().map(move |value| (topic, value)))
            {
                let meta = format!(r#"{{"a":"{value}"}}"#);
                for id in ids {
                    let message = message(*id, topic, b"");
                    let Ok(filled) = fill(&template, &message, &EdgeMeta::new(meta.as_bytes()), true) else { continue };
                    let before = made.insert(filled, (id, topic, value));
                    let alike = before.is_some_and(|before| before != (id, topic, value));
                    assert!(!alike || !template.is_confined(), "{template}: {before:?} and {:?}", (id, topic, value));
                    shared += usize::from(alike);
                }
            }
        }
        assert!(shared > 0, "templates that the configuration refuses show that there is something to find");
    }

    #[test]
    fn what_the_meta_lacks_is_named() {
        for meta in ["", "sensor 7", "{}", r#"{"site":null}"#, r#"{"site":{}}"#] {
            let error = filled("${meta.site}", "t", meta).unwrap_err();
            assert_eq!(error, r#"the edge's meta has no text, number or truth value under "site""#, "{meta}");
        }
    }
}
