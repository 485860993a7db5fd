//! Section `log`.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::field::{self, UnknownWord};

/// What is logged, where to and in which form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Log {
    /// The least severity that is logged.
    pub level: Level,
    /// Where log lines go.
    pub output: Output,
    /// How a log line looks.
    pub format: Format,
    /// The file of [`Output::File`] and [`Output::Both`].
    pub file: LogFile,
}

/// The least severity that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Everything, down to single packets.
    Debug,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What an operator should look at.
    Warn,
    /// What does not work.
    Error,
}

impl FromStr for Level {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        field::choose(
            text,
            &[("debug", Self::Debug), ("info", Self::Info), ("warn", Self::Warn), ("error", Self::Error)],
        )
    }
}

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// [`Log::file`].
    File,
    /// Standard output and [`Log::file`].
    Both,
}

impl FromStr for Output {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        field::choose(
            text,
            &[("stdout", Self::Stdout), ("stderr", Self::Stderr), ("file", Self::File), ("both", Self::Both)],
        )
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        field::choose(text, &[("text", Self::Text), ("json", Self::Json)])
    }
}

/// The log file and when a new one is begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenFile")]
pub struct LogFile {
    /// Where it is; `/var/log/frontier/frontier.log` unless written.
    pub path: PathBuf,
    /// The size, in MB, at which a new file is begun; 100 unless written as
    /// more than 0.
    pub max_size: u32,
    /// How many old files are kept; 5 unless written as more than 0.
    pub max_backups: u32,
    /// How many days old files are kept; 30 unless written as more than 0.
    pub max_age: u32,
    /// Whether old files are compressed.
    pub compress: bool,
}

impl Default for LogFile {
    fn default() -> Self {
        WrittenFile::default().into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, deserialize_with = "field::word")]
    level: Option<Level>,
    #[serde(default, deserialize_with = "field::word")]
    output: Option<Output>,
    #[serde(default, deserialize_with = "field::word")]
    format: Option<Format>,
    file: Option<LogFile>,
}

impl From<Written> for Log {
    fn from(written: Written) -> Self {
        Self {
            level: written.level.unwrap_or_default(),
            output: written.output.unwrap_or_default(),
            format: written.format.unwrap_or_default(),
            file: written.file.unwrap_or_default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    #[serde(default, deserialize_with = "field::word")]
    path: Option<PathBuf>,
    max_size: Option<i32>,
    max_backups: Option<i32>,
    max_age: Option<i32>,
    compress: Option<bool>,
}

impl From<WrittenFile> for LogFile {
    fn from(written: WrittenFile) -> Self {
        Self {
            path: written.path.unwrap_or_else(|| PathBuf::from("/var/log/frontier/frontier.log")),
            max_size: positive_or(100, written.max_size),
            max_backups: positive_or(5, written.max_backups),
            max_age: positive_or(30, written.max_age),
            compress: written.compress.unwrap_or(false),
        }
    }
}

/// The Go gateway reads 0 and less as "not set", and files out there rely on it.
fn positive_or(default: u32, written: Option<i32>) -> u32 {
    written.and_then(|value| u32::try_from(value).ok()).filter(|&value| value > 0).unwrap_or(default)
}
