//! Texts with places that each message fills: `sensors.${edge_id}.${topic}`.

use std::fmt;
use std::str::FromStr;

use crate::field::text_form;

/// A text with places that each message fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// `${topic}`: the message's topic.
    Topic,
    /// `${edge_id}`: the id of the edge that published, in decimal.
    EdgeId,
    /// `${meta.KEY}`: the value of that key in the edge's meta, if that is a JSON object.
    Meta(String),
}

/// Why a text is no [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTemplate {
    /// There is `${` without a `}` behind it.
    #[error("{given:?} has a \"${{\" without its \"}}\"")]
    Unclosed {
        /// What was given.
        given: String,
    },
    /// There is no such place.
    #[error("{name:?} in {given:?} cannot be filled; use ${{topic}}, ${{edge_id}} or ${{meta.KEY}}")]
    NoSuchPlace {
        /// What was given.
        given: String,
        /// What stands between the braces.
        name: String,
    },
}

impl Template {
    /// `${topic}`.
    pub fn topic() -> Self {
        Self { parts: vec![Part::Topic] }
    }

    /// `${edge_id}`.
    pub fn edge_id() -> Self {
        Self { parts: vec![Part::EdgeId] }
    }

    /// Whether text stands between any two places, and between `${edge_id}` and another one such that has a character which is no
    /// digit: the id ends where its digits do, and next to further digits nobody sees where that is. Then no edge can make one
    /// filled text look like another's, so long as each value but the last keeps clear of the character that ends it.
    pub fn is_confined(&self) -> bool {
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        let apart = self.parts.windows(2).all(|pair| pair.iter().any(is_text));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let distinct = self.parts.windows(3).all(|three| match three {
            [before, Part::Text(between), after] => {
                !digits(between) || [before, after].iter().all(|place| **place != Part::EdgeId)
            }
            _ => true,
        });
        apart && distinct
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl FromStr for Template {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, BadTemplate> {
        let given = || text.to_owned();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').ok_or_else(|| BadTemplate::Unclosed { given: given() })?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let no_such_place = || BadTemplate::NoSuchPlace { given: given(), name: name.to_owned() };
            parts.push(place(name).ok_or_else(no_such_place)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }
}

fn place(name: &str) -> Option<Part> {
    match name {
        "topic" => Some(Part::Topic),
        "edge_id" => Some(Part::EdgeId),
        _ => name.strip_prefix("meta.").filter(|key| !key.is_empty()).map(|key| Part::Meta(key.to_owned())),
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Topic => f.write_str("${topic}")?,
                Part::EdgeId => f.write_str("${edge_id}")?,
                Part::Meta(key) => write!(f, "${{meta.{key}}}")?,
            }
        }
        Ok(())
    }
}

text_form! { Template, |template| &template.to_string(), schemars::json_schema!({ "type": "string" }) }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_and_printed_alike() {
        for (text, expected) in [
            ("${topic}", vec![Part::Topic]),
            ("a.${edge_id}", vec![Part::Text("a.".to_owned()), Part::EdgeId]),
            ("${meta.site}/x", vec![Part::Meta("site".to_owned()), Part::Text("/x".to_owned())]),
            ("$topic {x} $", vec![Part::Text("$topic {x} $".to_owned())]),
        ] {
            let template: Template = text.parse().unwrap();
            assert_eq!(template.parts(), expected);
            assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn places_must_be_kept_apart() {
        for (text, expected) in [
            ("fixed", true),
            ("${topic}", true),
            ("${edge_id}", true),
            ("0${edge_id}0", true),
            ("${meta.a}.${topic}", true),
            ("${meta.a}0${topic}", true),
            ("${meta.a}${topic}", false),
            ("${topic}.${edge_id}", true),
            ("${topic}${edge_id}", false),
            ("${topic}0${edge_id}", false),
            ("${topic}0.${edge_id}", true),
            ("${topic}.0${edge_id}", true),
            ("${edge_id}.${topic}", true),
            ("${edge_id}${topic}", false),
            ("q.${edge_id}0${topic}", false),
            ("${edge_id}0.${topic}", true),
            ("${edge_id}.0${topic}", true),
            ("${edge_id}\u{663}${topic}", true),
            ("q.${meta.a}${edge_id}", false),
            ("${edge_id}${edge_id}", false),
            ("${edge_id}.${edge_id}", true),
            ("${topic}${edge_id}${meta.a}", false),
            ("${topic}/${edge_id}${meta.a}", false),
            ("${topic}/${edge_id}/${meta.a}", true),
        ] {
            assert_eq!(text.parse::<Template>().unwrap().is_confined(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        for (text, expected) in [
            ("a.${topic", "\"a.${topic\" has a \"${\" without its \"}\""),
            ("${edge}", "\"edge\" in \"${edge}\" cannot be filled; use ${topic}, ${edge_id} or ${meta.KEY}"),
            ("${meta.}", "\"meta.\" in \"${meta.}\" cannot be filled; use ${topic}, ${edge_id} or ${meta.KEY}"),
        ] {
            assert_eq!(text.parse::<Template>().unwrap_err().to_string(), expected);
        }
    }
}
