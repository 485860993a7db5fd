//! What can go wrong, and the exit code that says so.

use sdk::Error;

/// As `--help` tells it.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the far side, or the gateway, answered with an error: nobody of that id is online
  2  wrong usage
  3  the gateway cannot be reached, refused us, or the link was lost
  4  no answer, or nothing to receive, in time
  5  something on this side: a file, standard output, a payload that is too large
  130  interrupted before the answer came, which cancels the call";

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The far side, or the gateway for it, answered with an error.
    #[error("{0}")]
    FarSide(String),
    /// There is no link, or it was lost.
    #[error("{0}")]
    NoLink(String),
    /// It did not come in time.
    #[error("{0}")]
    TimedOut(String),
    /// Something on this side.
    #[error("{0}")]
    Local(String),
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The user wants no answer any more.
    #[error("given up")]
    Interrupted,
    /// One of several that has been told already.
    #[error("{0}")]
    Told(Box<Failure>),
}

impl Failure {
    /// The failure of connecting: a refusal then means that there is no link.
    pub(crate) fn of_connect(addr: &str, error: &Error) -> Self {
        Self::NoLink(format!("{addr}: {}", complete(error)))
    }

    /// One word for scripts.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Told(failure) => failure.kind(),
            Self::Interrupted => "interrupted",
            Self::FarSide(_) => "far_side",
            Self::NoLink(_) => "no_link",
            Self::TimedOut(_) => "timed_out",
            Self::Local(_) => "local",
            Self::Usage(_) => "usage",
        }
    }

    /// The exit code that says it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::FarSide(_) => 1,
            Self::Usage(_) => 2,
            Self::NoLink(_) => 3,
            Self::TimedOut(_) => 4,
            Self::Local(_) => 5,
            Self::Interrupted => 130,
            Self::Told(failure) => failure.exit_code(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = complete(&error);
        match error {
            Error::Remote(_) | Error::Refused(_) | Error::Aborted(_) | Error::StreamClosed => Self::FarSide(text),
            Error::Timeout => Self::TimedOut(text),
            Error::Congested | Error::TooLarge { .. } => Self::Local(text),
            _ => Self::NoLink(text),
        }
    }
}

/// An error's text with those of its causes, as far as they say something new.
pub(crate) fn complete(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
