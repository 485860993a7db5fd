//! `docs/configuration.md`.

use std::fmt::Write;

use serde_json::Value as Json;

use super::describe::Key;

const HEAD: &str = "\
# Configuration

The gateway reads one YAML file, named by `--config`. Every key has a default; an unknown key is an error that names the
file, the line and the nearest known key (with `--lenient`, a warning). A key with nothing behind it counts as not written.

* `frontier check --config FILE` says whether a gateway would start with that file, and prints what it would run with,
  secrets masked. It exits with 0, or with one line that says what is wrong and 64; 1 where that is in a file which the
  configuration names, a certificate for example.
* `frontier schema` prints a JSON Schema for editors, which is also kept as [etc/frontier.schema.json](../etc/frontier.schema.json).
* [etc/frontier_all.yaml](../etc/frontier_all.yaml) states every key with its default; [etc/frontier.yaml](../etc/frontier.yaml)
  is a short file to start from. Images and units read `/usr/conf/frontier.yaml`.

Environment variables win over the file, flags over both. An empty one counts as not set.

| variable | flag | sets |
|---|---|---|
| `LOG_LEVEL` | `--loglevel` | `log.level` |
| `LOG_OUTPUT` | `--log-output` | `log.output` |
| `LOG_FORMAT` | `--log-format` | `log.format` |
| `LOG_FILE` | `--log-file` | `log.file.path` |
| `FRONTIER_SERVICEBOUND_PORT` | | the port of `servicebound.listen.addr` |
| `FRONTIER_EDGEBOUND_PORT` | | the port of `edgebound.listen.addr` |
| `NODE_NAME` | | `daemon.frontier_id`, with `frontier-` before it |
| `FRONTLAS_ADDR` | | `frontlas.enable` to on, and `frontlas.dial.addrs` to this one address |
| | `--daemon-rlimit-nofile` | `daemon.rlimit`: on, with this number |
| `FRONTIER_DRAIN_SECONDS` | | how long calls in flight may take once the gateway is told to stop; 30 |

What can be written and is not served yet is refused when it is switched on.

This file is made by `frontier schema --markdown`.
";

/// The documentation of every key, in Markdown.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    let root = super::root();
    for (name, section) in Key::new(&root).keys().unwrap_or_default() {
        write!(text, "\n## {name}\n\n{}\n\n", section.meaning()).expect(INFALLIBLE);
        text.push_str("| key | what may stand there | default | meaning |\n|---|---|---|---|\n");
        match section.items() {
            Some(item) => rows(&mut text, &format!("{name}[]"), item),
            None => rows(&mut text, name, section),
        }
    }
    text
}

const INFALLIBLE: &str = "writing to a String cannot fail";

fn rows(text: &mut String, at: &str, section: Key<'_>) {
    for (name, key) in section.keys().unwrap_or_default() {
        let path = format!("{at}.{name}");
        if key.keys().is_none() {
            row(text, &path, key);
        } else if key.default().is_some() {
            // A section that is off by not being there.
            row(text, &path, key);
            rows(text, &path, key);
            continue;
        }
        rows(text, &path, key);
        if let Some(item) = key.items() {
            rows(text, &format!("{path}[]"), item);
        }
    }
}

fn row(text: &mut String, path: &str, key: Key<'_>) {
    let default = key.default().map(told).unwrap_or_default();
    writeln!(text, "| `{path}` | {} | {default} | {} |", key.kind(), key.meaning()).expect(INFALLIBLE);
}

fn told(default: &Json) -> String {
    match default {
        Json::Null => String::new(),
        Json::String(text) if text.is_empty() => String::new(),
        Json::Array(items) if items.is_empty() => String::new(),
        Json::Object(keys) if keys.is_empty() => String::new(),
        Json::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
