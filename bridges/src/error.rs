//! Why a record did not get through, and what its publisher is told.

use std::fmt;
use std::sync::Arc;

/// What a failure means for the record, and for those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It passes: the same record may succeed over the same connection. It is sent again, before anything newer of its edge.
    Passing,
    /// The connection is of no use any more, and nobody knows what became of the records under way. All of them are sent
    /// again over a new connection.
    Lost,
    /// The broker has no room for it now. Sending it again would make that worse, so its publisher hears at once.
    Full,
    /// The broker, or its client, will not take this record whenever it is sent.
    Refused,
    /// The record is larger than the broker takes.
    TooLarge,
    /// Its publisher was told an error before the broker's client had it, so it is not sent.
    Withdrawn,
}

/// A back end's failure: with one record, or with the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishError {
    kind: Kind,
    cause: Arc<str>,
}

impl PublishError {
    /// A failure of this kind; `cause` says what the broker or its client has said, without naming either.
    #[must_use]
    pub fn new(kind: Kind, cause: impl fmt::Display) -> Self {
        Self { kind, cause: cause.to_string().into() }
    }

    /// [`Kind::Passing`].
    #[must_use]
    pub fn passing(cause: impl fmt::Display) -> Self {
        Self::new(Kind::Passing, cause)
    }

    /// [`Kind::Lost`].
    #[must_use]
    pub fn lost(cause: impl fmt::Display) -> Self {
        Self::new(Kind::Lost, cause)
    }

    /// [`Kind::Full`].
    #[must_use]
    pub fn full(cause: impl fmt::Display) -> Self {
        Self::new(Kind::Full, cause)
    }

    /// [`Kind::Refused`].
    #[must_use]
    pub fn refused(cause: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, cause)
    }

    /// [`Kind::TooLarge`].
    #[must_use]
    pub fn too_large(cause: impl fmt::Display) -> Self {
        Self::new(Kind::TooLarge, cause)
    }

    /// [`Kind::Withdrawn`].
    #[must_use]
    pub fn withdrawn() -> Self {
        Self::new(Kind::Withdrawn, "its publisher was told an error before")
    }

    /// What it means.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the record is sent again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Passing | Kind::Lost)
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for PublishError {}

/// Why a record was given up. This is what its publisher is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GivenUp {
    /// The bridge holds as much as it may.
    Congested,
    /// The publisher's deadline passed.
    Expired {
        /// What stood in the way last; names the bridge and the broker.
        cause: Arc<str>,
    },
    /// The bridge is closed, or closes.
    Closing,
    /// The record cannot be sent; the text names the bridge, the broker and the cause.
    Failed(Arc<str>),
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GivenUp::Congested => f.write_str("congested"),
            GivenUp::Expired { cause } => write!(f, "timeout: {cause}"),
            GivenUp::Closing => f.write_str("bridge is closing"),
            GivenUp::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for GivenUp {}

/// Owed for a record: told once what became of it. Dropping it untold must be harmless.
pub trait Answer: Send + 'static {
    /// The broker has the record, or it was given up. Must neither block nor call back into the bridge.
    fn answer(self, outcome: Result<(), GivenUp>);
}
