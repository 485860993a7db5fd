//! Bad values of bridges' options: each option refuses what is of another kind or beyond its bounds, and each rule what cannot be
//! meant, with a message that names the option.
//!
//! The options are those of the schema, so a new one takes part. More rules have files of their own in `invalid`, which say where
//! the fault stands, too.

use std::fs;

use frontier_config::{Config, schema};
use serde_json::{Value as Json, json};

const LIST: &str = "expected a list: values in `[` and `]`, or one per line, each behind `- `";
const NOTHING: &str = "nothing stands where a key or a value must; an empty one is written `\"\"`";
const SECTION: &str = "expected a section: keys with values, indented, one per line";
const SINGLE: &str = "expected a single value";

/// Why this bridge, written in one line, is refused: the message behind its place in the list.
#[track_caller]
fn refusal(bridge: &str) -> String {
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let file = folder.path().join("x.yaml");
    fs::write(&file, format!("bridges: [{bridge}]\n")).expect("the file can be written");
    let error = Config::load(&file).expect_err(bridge).to_string();
    let (_, behind) = error.split_once("bridges[0].").unwrap_or_else(|| panic!("it names no option: {error}"));
    behind.to_owned()
}

/// One of the options below the schema of a bridge.
struct Of<'a> {
    schema: &'a Json,
    /// Its keys; `0` stands for the first of a list.
    path: Vec<String>,
}

impl<'a> Of<'a> {
    fn key(&self, key: &str, schema: &'a Json) -> Self {
        Self { schema, path: self.path.iter().cloned().chain([key.to_owned()]).collect() }
    }

    /// It, and all below it.
    fn all(self, found: &mut Vec<Self>) {
        let parts = self.schema["properties"].as_object().into_iter().flatten();
        parts.for_each(|(key, schema)| self.key(key, schema).all(found));
        let items = &self.schema["items"];
        if items.get("properties").is_some() {
            self.key("0", items).all(found);
        }
        if !self.path.is_empty() {
            found.push(self);
        }
    }

    /// As messages write it.
    fn name(&self) -> String {
        self.path.join(".").replace(".0", "[0]")
    }

    /// A bridge whose fault is this value.
    fn bridge(&self, value: Json) -> String {
        let wrapped = self.path.iter().rev().fold(value, |value, key| match &**key {
            "0" => json!([value]),
            key => json!({ key: value }),
        });
        wrapped.to_string()
    }

    /// Values that it cannot have, each with what is said: behind the option's name, if that begins with `.` or `[`.
    fn bad(&self) -> Vec<(Json, String)> {
        let of = |kind: &str| self.schema["type"] == kind || self.schema["type"][0] == kind;
        let number = |key: &str| self.schema[key].as_i64().unwrap_or_else(|| panic!("{} has no {key}", self.name()));
        let words = self.schema["enum"].as_array();
        if of("boolean") {
            vec![(json!("maybe"), "expected true or false".to_owned()), (json!([true]), SINGLE.to_owned())]
        } else if of("integer") {
            let (least, most) = (number("minimum"), number("maximum"));
            let beyond = |value: i64| (json!(value), format!("{value} is not between {least} and {most}"));
            let whole = "expected a whole number, within its range".to_owned();
            vec![beyond(least - 1), beyond(most + 1), (json!("many"), whole.clone()), (json!(2.5), whole)]
        } else if let Some(words) = words {
            let mut words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            let last = words.pop().expect("there are words");
            let reason = format!("\"other\" is not supported; it must be {} or {last}", words.join(", "));
            vec![(json!("other"), reason), (json!([last]), SINGLE.to_owned())]
        } else if of("string") {
            vec![(json!(["a"]), SINGLE.to_owned()), (json!({ "a": "b" }), SINGLE.to_owned())]
        } else if of("array") && self.schema["items"].get("properties").is_some() {
            vec![(json!("a"), LIST.to_owned()), (json!(["a"]), format!("[0]: {SECTION}"))]
        } else if of("array") {
            let items = [(json!([["a"]]), format!("[0]: {SINGLE}")), (json!([null]), format!("[0]: {NOTHING}"))];
            [(json!("a"), LIST.to_owned()), (json!({ "a": "b" }), LIST.to_owned())].into_iter().chain(items).collect()
        } else if self.schema.get("properties").is_some() {
            vec![(json!("a"), SECTION.to_owned()), (json!(["a"]), SECTION.to_owned())]
        } else {
            assert!(of("object"), "{}: {}", self.name(), self.schema);
            let items = [(json!({ "a": ["b"] }), SINGLE), (json!({ "a": null }), NOTHING)];
            let items = items.map(|(value, reason)| (value, format!(".a: {reason}")));
            [(json!(["a"]), SECTION.to_owned())].into_iter().chain(items).collect()
        }
    }
}

#[test]
fn every_option_refuses_what_is_of_another_kind_or_beyond_its_bounds() {
    let schema: Json = serde_json::from_str(&schema()).expect("the schema is JSON");
    let mut options = Vec::new();
    Of { schema: &schema["properties"]["bridges"]["items"], path: Vec::new() }.all(&mut options);
    assert!(options.len() > 140, "{} options", options.len());
    for option in &options {
        for (value, reason) in option.bad() {
            let bridge = option.bridge(value);
            let between = if reason.starts_with(['.', '[']) { "" } else { ": " };
            assert_eq!(refusal(&bridge), format!("{}{between}{reason}", option.name()), "{bridge}");
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_reason() {
    let long = "x".repeat(256);
    let longer = "x".repeat(65_536);
    let touching = "destination: text must stand between two places, and beside `${edge_id}` a character of it must be no digit: \
                    else one edge could write as if it were another";
    for (bridge, expected) in [
        ("topics: ['a', ''], file: {}", "topics: a topic is empty; `*` takes every one"),
        ("destination: '${topic}${meta.a}', file: {}", touching),
        ("destination: '${edge_id}0${topic}', file: {}", touching),
        ("kafka: {addrs: ['b:1'], sasl: {mechanism: plain}}", "kafka.sasl.username: this mechanism needs a user"),
        (
            "kafka: {addrs: ['b:1'], tls: {enable: true, key: k}}",
            "kafka.tls: a certificate is two files, `cert` and `key`",
        ),
        ("amqp: {addrs: ['b:1'], exchange: LONG}", "amqp.exchange: AMQP takes at most 255 bytes here"),
        (
            "amqp: {addrs: ['b:1'], properties: {app_id: LONG}}",
            "amqp.properties.app_id: AMQP takes at most 255 bytes here",
        ),
        (
            "amqp: {addrs: ['b:1'], properties: {correlation_id: LONG}}",
            "amqp.properties.correlation_id: AMQP takes at most 255 bytes here",
        ),
        ("amqp: {addrs: ['b:1'], locale: LONG}", "amqp.locale: AMQP takes at most 255 bytes here"),
        (
            "amqp: {addrs: ['b:1'], exchanges: [{kind: topic}]}",
            "amqp.exchanges[0].name: an exchange that is declared needs a name",
        ),
        (
            "amqp: {addrs: ['b:1'], exchanges: [{name: e, kind: LONG}]}",
            "amqp.exchanges[0].kind: AMQP takes at most 255 bytes here",
        ),
        ("amqp: {addrs: ['b:1'], queues: [{name: LONG}]}", "amqp.queues[0].name: AMQP takes at most 255 bytes here"),
        (
            "amqp: {addrs: ['b:1'], bindings: [{exchange_name: e}]}",
            "amqp.bindings[0].queue_name: a binding needs its queue",
        ),
        (
            "amqp: {addrs: ['b:1'], bindings: [{queue_name: q}]}",
            "amqp.bindings[0].exchange_name: a binding needs its exchange; without one every queue is bound by its name",
        ),
        (
            "amqp: {addrs: ['b:1'], bindings: [{queue_name: q, exchange_name: e, binding_key: LONG}]}",
            "amqp.bindings[0].binding_key: AMQP takes at most 255 bytes here",
        ),
        ("headers: {meta: [LONG]}, amqp: {addrs: ['b:1']}", "headers.meta: AMQP takes at most 241 bytes of a key here"),
        (
            "headers: {fixed: {LONG: v}}, amqp: {addrs: ['b:1']}",
            "headers.fixed: AMQP takes at most 255 bytes of a name here",
        ),
        (
            "nats: {addrs: ['b:1'], jetstream: {domain: a.b}}",
            "nats.jetstream.domain: NATS takes no name with spaces, dots, slashes, `*` or `>`",
        ),
        (
            "nats: {addrs: ['b:1'], token: {value: t, environment: T}}",
            "nats.token: a secret comes from one place; keep one of `value`, `file` and `environment`",
        ),
        ("mqtt: {addr: 'b:1', will: {payload: gone}}", "mqtt.will.topic: a will needs its topic"),
        (
            "mqtt: {addr: 'b:1', will: {topic: $SYS/x}}",
            "mqtt.will.topic: begins with `$`, as those of the broker itself",
        ),
        ("mqtt: {addr: 'b:1', will: {topic: t, payload: LONGER}}", "mqtt.will.payload: is longer than 65535 bytes"),
        ("mqtt: {addr: 'b:1', username: LONGER}", "mqtt.username: is longer than 65535 bytes"),
        (
            "headers: {fixed: {\"a\\u0001\": v}}, mqtt: {addr: 'b:1'}",
            "headers: a name holds a control character or one that is none",
        ),
        (
            "redis: {addrs: ['b:1'], mode: cluster, form: pubsub, fail_without_listeners: true}",
            "redis.fail_without_listeners: is for `form: pubsub` without a cluster, whose servers know of their own listeners alone",
        ),
        ("redis: {addrs: ['b:1'], sentinel_username: s}", "redis.sentinel_username: is for `mode: sentinel`"),
    ] {
        let topics = if bridge.starts_with("topics") { "" } else { "topics: [t], " };
        let bridge = bridge.replace("LONGER", &longer).replace("LONG", &long);
        assert_eq!(refusal(&format!("{{name: a, {topics}{bridge}}}")), expected);
    }
}
