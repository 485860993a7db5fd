//! One key, told in words.

use serde_json::{Map, Value as Json};

/// The schema of one key.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    schema: &'a Map<String, Json>,
}

impl<'a> Key<'a> {
    pub(super) fn new(schema: &'a Map<String, Json>) -> Self {
        Self { schema }
    }

    /// What it means, in one line.
    pub(super) fn meaning(self) -> String {
        let text = self.schema.get("description").and_then(Json::as_str).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What it is where nothing is written; none for a section, and for what is off by not being there.
    pub(super) fn default(self) -> Option<&'a Json> {
        self.schema.get("default")
    }

    /// The keys of a section, in order; none for a value.
    pub(super) fn keys(self) -> Option<Vec<(&'a str, Self)>> {
        let keys = self.schema.get("properties")?.as_object()?;
        Some(keys.iter().filter_map(|(key, schema)| Some((key.as_str(), Self::new(schema.as_object()?)))).collect())
    }

    /// The items of a list.
    pub(super) fn items(self) -> Option<Self> {
        self.schema.get("items").and_then(Json::as_object).map(Self::new)
    }

    /// What may stand there, in words.
    pub(super) fn kind(self) -> String {
        if let Some(words) = self.schema.get("enum").and_then(Json::as_array) {
            let words: Vec<_> = words.iter().filter_map(Json::as_str).map(|word| format!("`{word}`")).collect();
            return words.join(", ");
        }
        match self.type_name() {
            "boolean" => "`true`, `false`".to_owned(),
            "integer" => self.range(),
            "array" if self.items().is_some_and(|items| items.keys().is_some()) => "list of sections".to_owned(),
            "array" => "list of texts".to_owned(),
            "object" if self.keys().is_some() => "section".to_owned(),
            "object" => "names with texts".to_owned(),
            _ => "text".to_owned(),
        }
    }

    fn type_name(self) -> &'a str {
        match self.schema.get("type") {
            Some(Json::String(name)) => name,
            Some(Json::Array(names)) => {
                names.iter().filter_map(Json::as_str).find(|&name| name != "null").unwrap_or_default()
            }
            _ => "",
        }
    }

    fn range(self) -> String {
        let bound = |name| self.schema.get(name).and_then(Json::as_i64);
        match (bound("minimum"), bound("maximum")) {
            (Some(min), Some(max)) if max == i64::from(u32::MAX) => format!("number from {min}"),
            (Some(min), Some(max)) => format!("number from {min} to {max}"),
            _ => "number".to_owned(),
        }
    }
}
