//! The control plane of a built gateway, asked by plain HTTP.

use std::net::SocketAddr;

use serde_json::Value;

use crate::http::{self, Answer};
use crate::{Gateway, Settings};

/// The section that switches it on, on a port that the system chooses.
pub const ON: &str = "controlplane:\n  enable: true\n  listen:\n    addr: 127.0.0.1:0\n";

/// A control plane.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Settings {
    /// These settings with the control plane switched on.
    #[must_use]
    pub fn with_control(mut self) -> Self {
        self.sections.push_str(ON);
        self
    }
}

impl Control {
    /// That of a gateway which has it on.
    ///
    /// # Panics
    /// When it has it off.
    #[must_use]
    #[track_caller]
    pub fn of(gateway: &Gateway) -> Self {
        Self { addr: gateway.announced("controlplane server listening on: ") }
    }

    /// Asks with any method and further lines of the header.
    ///
    /// # Panics
    /// When nobody answers.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, header: &[&str]) -> Answer {
        let answer = http::ask(self.addr, method, path, header);
        answer.unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    /// The body of an answer to GET, which must be 200.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &[]);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        answer.json()
    }

    /// The ids of a list and its count, by pages that go on where the one before ended.
    ///
    /// # Panics
    /// When an answer is not as it should be.
    #[must_use]
    #[track_caller]
    pub fn walk(&self, path: &str) -> (Vec<u64>, u64) {
        let mut ids = Vec::new();
        let mut path = path.to_owned();
        loop {
            let answer = self.ask("GET", &path, &[]);
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let body = answer.json();
            let rows = body["edges"].as_array().or(body["services"].as_array()).expect("a list has rows");
            ids.extend(rows.iter().map(|row| number(row.get("edge_id").unwrap_or(&row["service_id"]))));
            match answer.header("link") {
                Some(link) => path = next(link).to_owned(),
                None => return (ids, body["count"].as_u64().expect("a list has a count")),
            }
        }
    }

    /// How many edges there are.
    #[must_use]
    #[track_caller]
    pub fn count(&self) -> u64 {
        self.get("/v1/edges")["count"].as_u64().expect("a list has a count")
    }
}

/// A number of 64 bits, which JSON has as text.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no number as text"))
}

/// The path in a `Link` header that leads on.
fn next(link: &str) -> &str {
    let path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    path.unwrap_or_else(|| panic!("{link:?} leads nowhere"))
}
