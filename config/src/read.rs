//! From a file to a [`Config`]: bounded reading, strict YAML, errors with a place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use serde_saphyr::Error as YamlError;

use crate::Config;
use crate::error::{ConfigError, Place};
use crate::places::Places;
use crate::section::{Section, Setting, Value};

mod track;

pub use track::UnknownKey;
use track::{Tracked, Tracker};

/// The largest file that is read, in bytes. The longest configuration that makes
/// sense has a few thousand lines.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a whole file without ever waiting for a writer or for an end.
pub(crate) fn text(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |cause: io::Error| ConfigError::Unreadable { file: file.to_owned(), cause };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let kind = fs::metadata(file).map_err(unreadable)?.file_type();
    if !kind.is_file() {
        return Err(ConfigError::NotAFile { file: file.to_owned(), kind: name_of(kind) });
    }
    let mut bytes = Vec::new();
    File::open(file).and_then(|opened| opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { file: file.to_owned(), limit: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ConfigError::NotText { place: end_of(file, good) }
    })
}

fn name_of(kind: fs::FileType) -> &'static str {
    if kind.is_dir() {
        "directory"
    } else if kind.is_fifo() {
        "pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

/// The place just behind `text`.
fn end_of(file: &Path, text: &[u8]) -> Place {
    let line = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let last = text.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    Place::new(file, line as u64, column as u64)
}

/// A file as read.
pub(crate) struct FileRead {
    pub(crate) config: Config,
    pub(crate) places: Places,
    /// Keys that were left out, which happens in lenient reading alone.
    pub(crate) unknown: Vec<UnknownKey>,
}

/// Reads a configuration from YAML; `lenient` leaves unknown keys out.
pub(crate) fn parse(file: &Path, text: &str, lenient: bool) -> Result<FileRead, ConfigError> {
    let options = serde_saphyr::options! {
        // Generous for any configuration, small enough that a file made to
        // expand into millions of nodes is refused at once.
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 50_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
        // Lines of the file may hold secrets, and messages end up in logs.
        with_snippet: false,
    };
    let tracker = Tracker::new(file, lenient);
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |inner| {
        Value::read(Tracked { inner, tracker: &tracker })
    });
    match read {
        Ok(Some(written)) => {
            let (places, unknown) = tracker.into_found();
            Ok(FileRead { config: Config::or(Some(written), Config::unwritten()), places, unknown })
        }
        Ok(None) => Err(ConfigError::Empty { file: file.to_owned() }),
        Err(error) => Err(told(file, tracker, error.without_snippet())),
    }
}

/// The parser's error in our words.
fn told(file: &Path, tracker: Tracker<'_>, error: &YamlError) -> ConfigError {
    // An alias has two places; the one to mend is where the value is written.
    if let YamlError::AliasError { error, .. } = error {
        return told(file, tracker, error);
    }
    let place = match error.location() {
        Some(location) => Place::new(file, location.line(), location.column()),
        None => tracker.last(),
    };
    let path = tracker.path();
    match error {
        YamlError::DuplicateMappingKey { key, .. } => {
            ConfigError::DuplicateKey { place, section: path, key: key.clone().unwrap_or_default() }
        }
        YamlError::MultipleDocuments { .. } => ConfigError::SecondDocument { place },
        // The parser has found no key twice: it is there in two spellings.
        error if error.to_string().starts_with("duplicate field ") => {
            let (section, key) = path.rsplit_once('.').unwrap_or(("", &path));
            ConfigError::DuplicateKey { place: tracker.last(), section: section.to_owned(), key: key.to_owned() }
        }
        error => match tracker.refused() {
            Some(unknown) => ConfigError::UnknownKey(unknown),
            None => ConfigError::Invalid { reason: reason(error, &place), place, key: path },
        },
    }
}

/// What is wrong with a value or with the text, in one line.
fn reason(error: &YamlError, place: &Place) -> String {
    match error {
        YamlError::InvalidScalar { ty: "boolean", .. } => "expected true or false".to_owned(),
        YamlError::InvalidScalar { ty, .. } if is_integer(ty) => "expected a whole number, within its range".to_owned(),
        YamlError::Unexpected { expected: "mapping start", .. } => {
            "expected a section: keys with values, indented, one per line".to_owned()
        }
        YamlError::Unexpected { expected: "sequence start", .. } => {
            "expected a list: values in `[` and `]`, or one per line, each behind `- `".to_owned()
        }
        YamlError::Unexpected { expected: "string scalar", .. } => "expected a single value".to_owned(),
        YamlError::NullIntoString { .. } => {
            "nothing stands where a key or a value must; an empty one is written `\"\"`".to_owned()
        }
        error => {
            let Place { line, column, .. } = place;
            let text = error.to_string();
            let place_again = format!(" at line {line}, column {column}");
            text.strip_suffix(&place_again).unwrap_or(&text).replace(['\n', '\r'], " ")
        }
    }
}

fn is_integer(ty: &str) -> bool {
    ty.strip_prefix(['i', 'u']).is_some_and(|bits| bits.bytes().all(|byte| byte.is_ascii_digit()))
}
