//! Errors for people.

use std::error::Error;
use std::fmt;

/// An error and its causes in one line: `cannot listen on 127.0.0.1:80: Permission denied`. The text of an error of ours
/// does not repeat its cause.
#[derive(Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{DialError, ListenError};

    #[test]
    fn an_error_and_its_cause_are_said_once_each() {
        let cause = || io::Error::other("no such thing");
        let dial = DialError::Failed { addr: "there:1".to_owned(), source: cause() };
        assert_eq!(Causes(&dial).to_string(), "cannot connect to there:1: no such thing");
        let listen = ListenError { addr: "here:1".to_owned(), source: cause() };
        assert_eq!(Causes(&listen).to_string(), "cannot listen on here:1: no such thing");
    }
}
