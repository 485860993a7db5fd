//! Why a configuration is refused, in one line that an operator can act on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::nearest::nearest;
use crate::places::Site;
use crate::read::UnknownKey;

/// Why a configuration is refused.
///
/// Every variant prints as one line that names the place and, where it can be
/// known, what to write instead. The text includes the cause, so there is no
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The path leads to something that may have no end, or never a beginning.
    #[error("{}: is a {kind}; a configuration must be a regular file", file.display())]
    NotAFile {
        /// The file that was asked for.
        file: PathBuf,
        /// What it is instead.
        kind: &'static str,
    },
    /// The file is larger than any configuration.
    #[error("{}: is larger than {limit} bytes, which no configuration is; is it the right file?", file.display())]
    TooLarge {
        /// The file that was asked for.
        file: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// The file is not UTF-8.
    #[error("{place}: is not UTF-8 text; save the file as UTF-8")]
    NotText {
        /// Where the first bad byte stands.
        place: Place,
    },
    /// The file has nothing in it but blanks and comments.
    #[error(
        "{}: holds no configuration; to run with the embedded defaults, start without --config",
        file.display()
    )]
    Empty {
        /// The file that was asked for.
        file: PathBuf,
    },
    /// A key that this program does not know.
    #[error("{0}")]
    UnknownKey(UnknownKey),
    /// A key stands twice in one section.
    #[error("{place}: key {key:?}{} is given a second time; keep one of them", Under(section))]
    DuplicateKey {
        /// Where the second one stands.
        place: Place,
        /// The section that it stands in, dotted; empty at the top level.
        section: String,
        /// The key as written.
        key: String,
    },
    /// There is more than one document in the file.
    #[error("{place}: a second document begins; a configuration is one document")]
    SecondDocument {
        /// Where the second document begins.
        place: Place,
    },
    /// A value is of the wrong type or out of range, or the text is no YAML.
    #[error("{place}: {}{reason}", At(key))]
    Invalid {
        /// Where it was noticed.
        place: Place,
        /// The key concerned, dotted; empty if none is.
        key: String,
        /// What is wrong, in one line.
        reason: String,
    },
    /// Values that do not go together.
    #[error("{site}: {key}: {reason}")]
    Rule {
        /// Where the key was written, or the section that lacks it.
        site: Site,
        /// The key, dotted.
        key: String,
        /// What is wrong and what to do, in one line.
        reason: String,
    },
    /// Something is asked for that this version does not do.
    #[error("{site}: {key}: {what} not served by this version of frontier; {advice}")]
    NotServed {
        /// Where it was asked for.
        site: Site,
        /// The key that asks for it, dotted.
        key: String,
        /// What it is, with its verb.
        what: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// An environment variable or a flag has a value that cannot be used.
    #[error("{origin}: {reason}")]
    Override {
        /// Where the value came from.
        origin: Origin,
        /// What is wrong, in one line.
        reason: String,
    },
}

/// A place in a file; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named to us.
    pub file: PathBuf,
    /// The line; 0 if it is not known.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Place {
    pub(crate) fn new(file: &Path, line: u64, column: u64) -> Self {
        Self { file: file.to_owned(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        match line {
            0 => write!(f, "{}", file.display()),
            _ => write!(f, "{}:{line}:{column}", file.display()),
        }
    }
}

/// Where a value that overrides the file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The environment variable of that name.
    Variable(&'static str),
    /// The command-line flag of that name, dashes included.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, section, key, known } = self;
        write!(f, "{place}: unknown key {key:?}{}; {}", Under(section), Instead { key, known })
    }
}

/// ` under "section"`, or nothing at the top level.
struct Under<'a>(&'a str);

impl fmt::Display for Under<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            section => write!(f, " under {section:?}"),
        }
    }
}

/// `key: `, or nothing.
struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            key => write!(f, "{key}: "),
        }
    }
}

/// What to write instead of an unknown key.
struct Instead<'a> {
    key: &'a str,
    known: &'a [&'static str],
}

impl fmt::Display for Instead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nearest(self.key, self.known) {
            Some(known) => write!(f, "did you mean {known:?}?"),
            None => write!(f, "known here: {}", self.known.join(", ")),
        }
    }
}
