//! Section `daemon`.

use crate::field::Positive;
use crate::section::section;

section! {
    /// The process as such.
    pub struct Daemon {
        /// The name of this gateway among several; empty when it has none.
        frontier_id: String = String::new(),
        /// The limit of open files.
        rlimit: Rlimit = Rlimit::default(),
        /// The profiler of the Go gateway. There is none here: switching it on is a warning.
        pprof: Pprof = Pprof::default(),
    }
}

section! {
    /// The limit of open files that the gateway asks the system for.
    pub struct Rlimit {
        /// Whether the limit is set to `nofile`. When off, the soft limit is raised to the hard one.
        enable: bool = false,
        /// The number of files that may be open; 0 and less is as many as the system allows.
        nofile: Option<u64> as Positive = None,
    }
}

section! {
    /// The profiler of the Go gateway.
    pub struct Pprof {
        /// Whether it is wanted.
        enable: bool = false,
        /// Where the Go gateway would serve it.
        addr: String = String::new(),
        /// Without effect in the Go gateway as well.
        cpu_profile_rate: i64 = 10_000,
    }
}
