//! Ids: a newtype each, so that no two kinds can be mixed up.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// Whether this is 0, which stands for "none" on the wire.
            #[must_use]
            pub const fn is_none(self) -> bool {
                self.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// The owner of a connection, as the wire names it: an edge's or a service's id. 0 = none.
    ClientId
);
id!(
    /// A peer at the edge; unique among those online.
    EdgeId
);
id!(
    /// A back-end service's connection; unique among those online.
    ServiceId
);
id!(
    /// A packet, for its reply: replies carry the id of what they answer. Each direction has ids of its own.
    PacketId
);
id!(
    /// A session (a channel on a link; "stream" to applications). 0 = none.
    SessionId
);

impl SessionId {
    /// The session that every connection has from the start, without opening it (§5.1).
    pub const MAIN: SessionId = SessionId(1);
}

impl From<EdgeId> for ClientId {
    fn from(id: EdgeId) -> Self {
        ClientId(id.0)
    }
}

impl From<ServiceId> for ClientId {
    fn from(id: ServiceId) -> Self {
        ClientId(id.0)
    }
}

/// Makes ids in the usual shape: seconds since 1970 in the upper half, a counter in the lower (§2.3).
///
/// Never yields 0 or 1. Ids repeat only after 2^32 of them.
#[derive(Debug, Clone)]
pub struct IdGenerator {
    seconds: u32,
    counter: u32,
}

impl IdGenerator {
    /// Starts at `unix_seconds`, counting from `seed`.
    #[must_use]
    pub const fn new(unix_seconds: u32, seed: u32) -> Self {
        // A clock before 1970 + 1 s must not yield the reserved ids 0 and 1.
        let seconds = if unix_seconds == 0 { 1 } else { unix_seconds };
        Self { seconds, counter: seed }
    }

    /// The next id.
    pub const fn next(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        ((self.seconds as u64) << 32) | self.counter as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_never_reserved() {
        let mut ids = IdGenerator::new(0, u32::MAX - 1);
        let made: Vec<u64> = (0..4).map(|_| ids.next()).collect();
        assert!(made.iter().all(|id| *id > 1));
        assert_eq!(made, [(1 << 32) | 0xffff_ffff, 1 << 32, (1 << 32) | 1, (1 << 32) | 2]);
    }
}
