//! `etc/frontier_all.yaml`.

use std::fmt::Write;

use serde_json::Value as Json;

use super::describe::Key;

const HEAD: &str = "\
# yaml-language-server: $schema=./frontier.schema.json
#
# Every key with its default: a gateway with this file runs as one with a file that says nothing. frontier.yaml is a short
# file to start from. A key with nothing behind it counts as not written.
#
# Made by `frontier schema --sample`.
";

/// The longest line of a comment, in characters.
const WIDTH: usize = 120;

/// Every key with its meaning and its default, in YAML.
pub fn sample() -> String {
    let mut text = HEAD.to_owned();
    let root = super::root();
    for (name, section) in Key::new(&root).keys().unwrap_or_default() {
        text.push('\n');
        entry(&mut text, "", name, section);
    }
    text
}

const INFALLIBLE: &str = "writing to a String cannot fail";

/// Writes `name` and what stands behind it, every line behind `margin`.
fn entry(text: &mut String, margin: &str, name: &str, key: Key<'_>) {
    comment(text, margin, &about(key));
    match key.keys() {
        Some(keys) if key.default().is_none() => {
            writeln!(text, "{margin}{name}:").expect(INFALLIBLE);
            keys.into_iter().for_each(|(name, key)| entry(text, &format!("{margin}  "), name, key));
        }
        Some(keys) => {
            writeln!(text, "{margin}{name}:").expect(INFALLIBLE);
            keys.into_iter().for_each(|(name, key)| entry(text, &format!("{margin}#   "), name, key));
        }
        None => {
            writeln!(text, "{margin}{name}:{}", value(key.default())).expect(INFALLIBLE);
            if let Some(keys) = key.items().and_then(Key::keys) {
                item(text, margin, keys);
            }
        }
    }
}

/// Writes what an item of a list looks like, as a comment.
fn item(text: &mut String, margin: &str, keys: Vec<(&str, Key<'_>)>) {
    writeln!(text, "{margin}#  -").expect(INFALLIBLE);
    keys.into_iter().for_each(|(name, key)| entry(text, &format!("{margin}#    "), name, key));
}

/// What the key means, and what may stand there where that cannot be seen.
fn about(key: Key<'_>) -> String {
    let (meaning, kind) = (key.meaning(), key.kind());
    if kind.contains("number from ") || kind.starts_with('`') && !kind.starts_with("`true`") {
        format!("{meaning} ({})", kind.replace('`', ""))
    } else {
        meaning
    }
}

fn comment(text: &mut String, margin: &str, words: &str) {
    let mut line = format!("{margin}#");
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(text, "{line}").expect(INFALLIBLE);
            line = format!("{margin}#");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(text, "{line}").expect(INFALLIBLE);
}

/// What stands behind the colon.
fn value(default: Option<&Json>) -> String {
    match default {
        None | Some(Json::Null) => String::new(),
        Some(Json::Array(items)) if items.is_empty() => " []".to_owned(),
        Some(Json::Object(keys)) if keys.is_empty() => " {}".to_owned(),
        Some(value) => {
            let text = serde_saphyr::to_string(value).expect("a default has text keys alone");
            format!(" {}", text.trim_end())
        }
    }
}
