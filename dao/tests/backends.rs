//! The contract of `Dao`, held by every back end: all of `suite` runs once for each, under its name.

#![allow(clippy::duplicate_mod, reason = "every back end has the suite as a module of its own")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap names the line, which is all a test needs")]

mod common;

#[path = "."]
mod memory {
    pub(crate) async fn fresh() -> super::common::Fresh {
        super::common::memory().await
    }
    #[path = "suite/mod.rs"]
    mod suite;
}

#[path = "."]
mod sqlite_in_memory {
    pub(crate) async fn fresh() -> super::common::Fresh {
        super::common::sqlite_in_memory().await
    }
    #[path = "suite/mod.rs"]
    mod suite;
}

#[path = "."]
mod sqlite_file {
    pub(crate) async fn fresh() -> super::common::Fresh {
        super::common::sqlite_file().await
    }
    #[path = "suite/mod.rs"]
    mod suite;
}
