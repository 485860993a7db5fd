//! What is told from the sections themselves: the schema, the documentation, the sample file, and a configuration in use.
//!
//! With `FRONTIER_UPDATE` set, the files in the repository are written anew in place of being compared.

use std::fs;
use std::path::{Path, PathBuf};

use frontier_config::{Config, Request, load, markdown, sample, schema};
use serde_json::Value as Json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies below the root").to_owned()
}

/// Holds that the file says `told`.
fn is_up_to_date(file: &str, told: &str) {
    let path = root().join(file);
    if std::env::var_os("FRONTIER_UPDATE").is_some() {
        fs::write(&path, told).expect("the file can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let first = written.lines().zip(told.lines()).position(|(written, told)| written != told);
    assert!(
        written == told,
        "{file} is not up to date, from line {}: FRONTIER_UPDATE=1 cargo test -p frontier-config --test told",
        first.map_or_else(|| written.lines().count().min(told.lines().count()) + 1, |line| line + 1)
    );
}

#[test]
fn the_schema_is_up_to_date() {
    is_up_to_date("etc/frontier.schema.json", &schema());
}

#[test]
fn the_documentation_is_up_to_date() {
    is_up_to_date("docs/configuration.md", &markdown());
}

#[test]
fn the_sample_file_is_up_to_date() {
    is_up_to_date("etc/frontier_all.yaml", &sample());
}

fn read(text: &str) -> Config {
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let file = folder.path().join("x.yaml");
    fs::write(&file, text).expect("the file can be written");
    Config::load(&file).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_sample_file_says_what_holds_when_nothing_is_written() {
    assert_eq!(Config::load(&root().join("etc/frontier_all.yaml")).unwrap(), read("{}"));
}

/// Every key below `schema` that is no part of a list, dotted, with what it is said to be by default.
fn keys(schema: &Json, at: &str, found: &mut Vec<(String, Option<Json>)>) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}/{key}");
        if schema.get("properties").is_some() {
            keys(schema, &path, found);
        } else {
            found.push((path, schema.get("default").cloned()));
        }
    }
}

#[test]
fn the_sample_file_states_every_key_with_its_default() {
    let schema: Json = serde_json::from_str(&schema()).unwrap();
    let stated: Json =
        serde_saphyr::from_str(&fs::read_to_string(root().join("etc/frontier_all.yaml")).unwrap()).unwrap();
    let mut all = Vec::new();
    keys(&schema, "", &mut all);
    assert!(all.len() > 140, "{} keys", all.len());
    for (path, default) in all {
        let stated = stated.pointer(&path).unwrap_or_else(|| panic!("{path} is not stated"));
        assert_eq!(Some(stated), default.as_ref(), "{path}");
    }
}

/// Holds that one of `stated`, which are of `schema`, has each of its keys, and so on below. Of the places of a secret one will do.
fn states_all(schema: &Json, stated: &[&Json], at: &str) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}.{key}");
        let below: Vec<&Json> = stated.iter().filter_map(|stated| stated.get(key)).collect();
        assert!(!below.is_empty(), "{path} is not stated");
        let secret = schema["properties"].get("environment").is_some();
        if !secret {
            states_all(schema, &below, &path);
            let items: Vec<&Json> = below.iter().filter_map(|list| list.as_array()).flatten().collect();
            states_all(&schema["items"], &items, &path);
        }
    }
}

#[test]
fn the_bridges_that_are_read_in_tests_have_every_key() {
    let schema: Json = serde_json::from_str(&schema()).unwrap();
    let file = fs::read_to_string(root().join("config/tests/valid/bridges.yaml")).unwrap();
    let stated: Json = serde_saphyr::from_str(&file).unwrap();
    let bridges: Vec<&Json> = stated["bridges"].as_array().unwrap().iter().collect();
    states_all(&schema["properties"]["bridges"]["items"], &bridges, "bridges[]");
}

#[test]
fn every_key_of_the_schema_has_a_meaning() {
    fn walk(schema: &Json, at: &str) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{at}.{key}");
            assert!(schema["description"].as_str().is_some_and(|text| text.ends_with('.')), "{path}: {schema}");
            walk(schema, &path);
            walk(&schema["items"], &path);
        }
    }
    walk(&serde_json::from_str(&schema()).unwrap(), "");
}

#[test]
fn a_configuration_printed_and_read_again_is_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/valid");
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
        let printed = config.to_yaml();
        let again = read(&printed);
        // Secrets are masked, so the two are compared as they print.
        assert_eq!(again.to_yaml(), printed, "{}", file.display());
        assert_eq!(format!("{again:?}"), format!("{config:?}"), "{}", file.display());
    }
    let embedded = Config::default();
    assert_eq!(read(&embedded.to_yaml()), embedded);
}

#[test]
fn no_secret_is_printed() {
    let text = "bridges:\n\
        - {name: a, enable: false, topics: [a], amqp: {addrs: ['h:1'], password: {value: s3cret-2}}}\n\
        - {name: b, enable: false, topics: [a], nats: {addrs: ['h:1'], nkey: {value: s3cret-4}}}\n\
        mqm:\n  \
          amqp: {addrs: ['u:s3cret-5@h:1/v', 'u:s3cret-1@h:1', 'u:s3cret-3@h:1']}\n  \
          nats: {addrs: ['nats://s3cret-7@h:1', 's3cret-8@h:1']}\n  \
          redis: {password: s3cret-6}\n";
    let config = read(text);
    assert_eq!(config.mqm.redis.password.as_ref().map(|password| password.expose()), Some("s3cret-6"));
    assert_eq!(config.mqm.amqp.addrs[0].expose(), "u:s3cret-5@h:1/v");
    for printed in [config.to_yaml(), format!("{config:?}")] {
        assert!(!printed.contains("s3cret"), "{printed}");
        assert_eq!(printed.matches("********").count(), 8, "{printed}");
    }
}

#[test]
fn a_refusal_prints_no_secret() {
    for text in [
        "mqm:\n  redis:\n    password: [s3cret]\n",
        "mqm:\n  redis:\n    password: s3cret\n    db: x\n",
        "mqm:\n  redis:\n    password: s3cret\n    passwort: s3cret\n",
        "mqm:\n  redis:\n    password: s3cret\n    password: s3cret\n",
        "mqm:\n  amqp:\n    addrs: 's3cret\n",
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("x.yaml");
        fs::write(&file, text).unwrap();
        let error = load(&Request { file: Some(&file), ..Request::default() }, |_| None).expect_err("is refused");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}
