//! What differs between two configurations.

use serde_json::Value as Json;

use crate::Config;
use crate::section::Setting;

impl Config {
    /// The keys whose values differ, dotted, in the order of the file. A list counts as one key, and so does a section in
    /// which nothing but a secret differs.
    #[must_use]
    pub fn changes(&self, other: &Self) -> Vec<String> {
        let written =
            |config: &Self| serde_json::to_value(config.written()).expect("a configuration has text keys alone");
        let mut changes = Vec::new();
        compare("", &written(self), &written(other), &mut changes);
        // Secrets are masked, and equal then.
        if self.mqm != other.mqm && !changes.iter().any(|key| key.starts_with("mqm.")) {
            changes.push("mqm".to_owned());
        }
        if self.controlplane != other.controlplane && !changes.iter().any(|key| key.starts_with("controlplane.")) {
            changes.push("controlplane.tokens".to_owned());
        }
        if self.bridges != other.bridges && !changes.iter().any(|key| key == "bridges") {
            changes.push("bridges".to_owned());
        }
        changes
    }
}

fn compare(path: &str, one: &Json, other: &Json, changes: &mut Vec<String>) {
    let (Json::Object(one), Json::Object(other)) = (one, other) else {
        if one != other {
            changes.push(path.to_owned());
        }
        return;
    };
    let only_there = other.iter().filter(|(key, _)| !one.contains_key(*key));
    for (key, value) in one.iter().chain(only_there) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let absent = Json::Null;
        match one.get(key) {
            Some(_) => compare(&path, value, other.get(key).unwrap_or(&absent), changes),
            None => compare(&path, &absent, value, changes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::Level;

    #[test]
    fn equal_configurations_have_no_changes() {
        assert_eq!(Config::default().changes(&Config::default()), Vec::<String>::new());
    }

    #[test]
    fn every_key_that_differs_is_named_as_in_the_file() {
        let mut other = Config::default();
        other.log.level = Level::Debug;
        other.edgebound.limits.handshake = Duration::from_secs(3);
        other.edgebound.allocate_edge_ids = false;
        other.servicebound.listen.addr.set_port(1);
        other.edgebound.listen.tls.ca_certs.push(PathBuf::from("ca.pem"));
        let expected = [
            "log.level",
            "servicebound.listen.addr",
            "edgebound.listen.tls.ca_certs",
            "edgebound.edgeid_alloc_when_no_idservice_on",
            "edgebound.limits.handshake_seconds",
        ];
        assert_eq!(Config::default().changes(&other), expected);
        assert_eq!(other.changes(&Config::default()), expected);
    }
}
