//! Just enough HTTP to ask the observability port and the control plane.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::wait::PATIENCE;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the header, as they came.
    pub head: String,
    /// Everything behind the header.
    pub body: String,
}

/// Asks for `path` with HTTP/1.0, so that the end of the connection is the end of the body. None if nobody answers.
#[must_use]
pub fn get(addr: SocketAddr, path: &str) -> Option<Answer> {
    ask(addr, "GET", path, &[])
}

/// As [`get`], with any method and further lines of the header.
#[must_use]
pub fn ask(addr: SocketAddr, method: &str, path: &str, header: &[&str]) -> Option<Answer> {
    let header: String = header.iter().map(|line| format!("{line}\r\n")).collect();
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {addr}\r\n{header}\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What the header says under `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// One line of the Prometheus text: `name{labels} value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name with its labels, as written.
    pub series: String,
    /// The value.
    pub value: f64,
}

/// Reads the samples of a Prometheus text; comments are left out.
#[must_use]
pub fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some(Sample { series: series.to_owned(), value: value.parse().ok()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text =
            "# HELP links Links.\n# TYPE links gauge\nlinks{side=\"edge\"} 3\nlinks{side=\"service\"} 0.5\n# EOF\n";
        let read = samples(text);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], Sample { series: "links{side=\"edge\"}".to_owned(), value: 3.0 });
        assert_eq!(read[1].value, 0.5);
    }
}
