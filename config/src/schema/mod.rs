//! What can be configured, told to editors, to readers and as a sample: all from the sections themselves.

mod describe;
mod markdown;
mod sample;

pub use markdown::markdown;
pub use sample::sample;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};

use crate::Config;
use crate::section::Setting;

/// The JSON Schema of the configuration file, as text.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&Json::Object(root())).expect("a schema has text keys alone");
    text.push('\n');
    text
}

fn root() -> Map<String, Json> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<<Config as Setting>::Written>();
    let mut keys = std::mem::take(schema.ensure_object());
    keys.values_mut().for_each(unwrap_lines);
    // What the whole is stands first: the keys fill thousands of lines.
    let mut root = Map::new();
    for name in ["$schema", "title", "description"] {
        root.extend(keys.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    root.insert("title".to_owned(), "frontier".into());
    root.extend(keys.into_iter().filter(|(name, _)| name != "title"));
    root
}

/// Takes the line breaks out of descriptions: where a comment is wrapped is no matter of the schema.
fn unwrap_lines(schema: &mut Json) {
    match schema {
        Json::Object(keys) => {
            if let Some(Json::String(text)) = keys.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            keys.values_mut().for_each(unwrap_lines);
        }
        Json::Array(items) => items.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}
