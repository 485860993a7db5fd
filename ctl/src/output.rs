//! Standard output: for people, or JSON with one object per line. Notes and failures go to standard error, for people; with
//! `--json` they are objects too.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// How results are written.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write JSON, one object per line
    #[arg(long, global = true, conflicts_with = "raw")]
    json: bool,
    /// Write payloads as they are, without a line end behind each
    #[arg(long, global = true)]
    raw: bool,
    /// Say nothing beside results and failures
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Raw,
    Json,
}

/// Where results, notes and failures go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    form: Form,
    quiet: bool,
}

/// Fields of a JSON object beside the payload. Ids go in as text: many readers of JSON round numbers beyond 2^53.
pub(crate) type Fields = Map<String, Value>;

impl Output {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        let form = match (args.json, args.raw) {
            (true, _) => Form::Json,
            (_, true) => Form::Raw,
            _ => Form::Text,
        };
        Self { form, quiet: args.quiet }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        matches!(self.form, Form::Json)
    }

    /// A payload; `label` tells people where it comes from, if that is not plain, and `fields` tell programs.
    ///
    /// # Errors
    /// Standard output takes no more.
    pub(crate) fn payload(self, label: &str, payload: &[u8], mut fields: Fields) -> Result<(), Failure> {
        match self.form {
            Form::Raw => self.bytes(payload),
            Form::Text => {
                let end: &[u8] = if payload.ends_with(b"\n") { b"" } else { b"\n" };
                self.bytes(&[label.as_bytes(), payload, end].concat())
            }
            Form::Json => {
                insert_payload(&mut fields, payload);
                self.object(fields)
            }
        }
    }

    /// Something that is no payload and that nobody waits for.
    ///
    /// # Errors
    /// Standard output takes no more.
    pub(crate) fn note(self, text: &str, fields: Fields) -> Result<(), Failure> {
        match self.form {
            _ if self.quiet => Ok(()),
            Form::Json => self.object(fields),
            Form::Text | Form::Raw => {
                tell(text);
                Ok(())
            }
        }
    }

    /// What went wrong.
    pub(crate) fn failed(self, failure: &Failure) {
        // Where standard output takes nothing, the exit code says it.
        let _ = match self.form {
            _ if matches!(failure, Failure::Told(_)) => Ok(()),
            Form::Json => self.object(fields([("error", failure.to_string().into()), ("kind", failure.kind().into())])),
            Form::Text | Form::Raw => {
                tell(&format!("frontierctl: {failure}"));
                Ok(())
            }
        };
    }

    /// Bytes, as they are.
    ///
    /// # Errors
    /// Standard output takes no more.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        written.map_err(|error| Failure::Local(format!("cannot write to standard output: {error}")))
    }

    /// An object, for programs.
    ///
    /// # Errors
    /// Standard output takes no more.
    pub(crate) fn object(self, fields: Fields) -> Result<(), Failure> {
        self.bytes(format!("{}\n", Value::Object(fields)).as_bytes())
    }
}

/// A line for people.
fn tell(text: &str) {
    // Nobody is left to be told that nobody reads it.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Fields from pairs.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Text stays text; other bytes become base64 under another name.
fn insert_payload(fields: &mut Fields, payload: &[u8]) {
    match std::str::from_utf8(payload) {
        Ok(text) => fields.insert("payload".to_owned(), json!(text)),
        Err(_) => fields.insert("payload_base64".to_owned(), json!(STANDARD.encode(payload))),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_that_are_no_text_are_base64() {
        let mut object = fields([("edge", "7".into())]);
        insert_payload(&mut object, b"21 \xC2\xB0C");
        assert_eq!(Value::Object(object), json!({ "edge": "7", "payload": "21 °C" }));
        let mut object = Fields::new();
        insert_payload(&mut object, &[0xff, 0]);
        assert_eq!(Value::Object(object), json!({ "payload_base64": "/wA=" }));
    }
}
