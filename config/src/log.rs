//! Section `log`.

use std::path::PathBuf;

use crate::field::{Positive, words};
use crate::section::section;

section! {
    /// What is logged, where to and in which form.
    pub struct Log {
        /// The least severity that is logged.
        level: Level = Level::Info,
        /// Where log lines go; `both` is standard output and the file.
        output: Output = Output::Stdout,
        /// How a log line looks: for people, or one JSON object a line.
        format: Format = Format::Text,
        /// The file of the outputs `file` and `both`.
        file: LogFile = LogFile::default(),
    }
}

words! {
    /// The least severity that is logged.
    pub enum Level {
        /// Everything, down to single packets.
        Debug = "debug",
        /// What an operator wants to know.
        #[default]
        Info = "info",
        /// What an operator should look at.
        Warn = "warn",
        /// What does not work.
        Error = "error",
    }
}

words! {
    /// Where log lines go.
    pub enum Output {
        /// Standard output.
        #[default]
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
        /// [`Log::file`].
        File = "file",
        /// Standard output and [`Log::file`].
        Both = "both",
    }
}

words! {
    /// How a log line looks.
    pub enum Format {
        /// For people.
        #[default]
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

section! {
    /// The log file and when a new one is begun.
    pub struct LogFile {
        /// Where it is.
        path: PathBuf = PathBuf::from("/var/log/frontier/frontier.log"),
        /// The size, in MB, at which a new file is begun; 0 and less is the default.
        max_size: u32 as Positive = 100,
        /// How many old files are kept; 0 and less is the default.
        max_backups: u32 as Positive = 5,
        /// For how many days old files are kept; 0 and less is the default.
        max_age: u32 as Positive = 30,
        /// Whether old files are compressed.
        compress: bool = false,
    }
}
