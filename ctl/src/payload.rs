//! Payloads: text, a file, or standard input.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

use proto::wire::MAX_PAYLOAD;
use sdk::Bytes;

use crate::failure::Failure;

/// Where bytes come from, as the command line says it: `-` is standard input, `@FILE` a file, all else the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// This text.
    Text(String),
    /// What is in this file.
    File(PathBuf),
    /// Standard input, to its end.
    Stdin,
}

impl Default for Source {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix('@') {
            _ if text == "-" => Self::Stdin,
            Some("-") => Self::Stdin,
            Some(file) => Self::File(file.into()),
            None => Self::Text(text.to_owned()),
        })
    }
}

impl Source {
    /// All of it.
    ///
    /// # Errors
    /// It cannot be read, or is longer than any frame of the protocol.
    pub(crate) fn read(self) -> Result<Bytes, Failure> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::File(path) => {
                let file = File::open(&path).and_then(read_bounded);
                file.map_err(|error| Failure::Local(format!("cannot use {}: {error}", path.display())))
            }
            Self::Stdin => read_bounded(io::stdin().lock())
                .map_err(|error| Failure::Local(format!("cannot use standard input: {error}"))),
        }
    }
}

fn read_bounded(from: impl Read) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    from.take(u64::from(MAX_PAYLOAD) + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_PAYLOAD as usize {
        return Err(io::Error::other(format!("more than {MAX_PAYLOAD} bytes; use a stream (`open`) instead")));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse().unwrap_or_else(|never| match never {})
    }

    #[test]
    fn text_files_and_standard_input_are_told_apart() {
        assert_eq!(source("21.5"), Source::Text("21.5".to_owned()));
        assert_eq!(source(""), Source::Text(String::new()));
        assert_eq!(source("--"), Source::Text("--".to_owned()));
        assert_eq!(source("@a/b"), Source::File("a/b".into()));
        assert_eq!((source("-"), source("@-")), (Source::Stdin, Source::Stdin));
    }

    #[test]
    fn no_more_is_read_than_a_frame_can_hold() {
        let endless = read_bounded(io::repeat(b'x')).expect_err("it does not fit");
        assert!(endless.to_string().contains("10485760"), "{endless}");
        let most = read_bounded(io::repeat(b'x').take(u64::from(MAX_PAYLOAD))).expect("it fits");
        assert_eq!(most.len(), MAX_PAYLOAD as usize);
    }
}
