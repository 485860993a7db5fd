//! Section `dao`.

use std::path::PathBuf;

use crate::field::words;
use crate::section::section;

section! {
    /// Where it is recorded who is online, for the control plane.
    pub struct Dao {
        /// What keeps the records. `buntdb`, which is what the Go gateway calls its own, and `memory` are the same; so are
        /// `sqlite3` and `sqlite`.
        backend: Backend = Backend::Memory,
        /// Whether statements are logged, with SQLite.
        debug: bool = false,
        /// SQLite.
        sqlite: Sqlite = Sqlite::default(),
    }
}

words! {
    /// What keeps the records.
    pub enum Backend {
        /// Memory.
        #[default]
        Memory = "buntdb" | "memory",
        /// SQLite.
        Sqlite = "sqlite" | "sqlite3",
    }
}

section! {
    /// SQLite as the place of records. They live as long as the gateway runs.
    pub struct Sqlite {
        /// The database file; none keeps it in memory.
        path: Option<PathBuf> = None,
    }
}
