//! Section `daemon`.

use serde::Deserialize;

use crate::field;

/// The process as such.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Daemon {
    /// The name of this gateway among several; empty when it has none.
    pub frontier_id: String,
    /// The limit of open files.
    pub rlimit: Rlimit,
    /// The profiler of the Go gateway.
    pub pprof: Pprof,
}

/// The limit of open files that the gateway asks the system for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "WrittenRlimit")]
pub struct Rlimit {
    /// Whether the limit is set to `nofile`; off unless written.
    pub enable: bool,
    /// The number of files that may be open; none is as many as the system allows.
    pub nofile: Option<u64>,
}

/// The profiler of the Go gateway. There is none here: the section is read, and
/// switching it on is a warning.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenPprof")]
pub struct Pprof {
    /// Whether it is wanted; off unless written.
    pub enable: bool,
    /// Where the Go gateway would serve it.
    pub addr: String,
    /// Without effect there as well.
    pub cpu_profile_rate: i64,
}

impl Default for Pprof {
    fn default() -> Self {
        WrittenPprof::default().into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    frontier_id: Option<String>,
    rlimit: Option<Rlimit>,
    pprof: Option<Pprof>,
}

impl From<Written> for Daemon {
    fn from(written: Written) -> Self {
        Self {
            frontier_id: written.frontier_id.unwrap_or_default(),
            rlimit: written.rlimit.unwrap_or_default(),
            pprof: written.pprof.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRlimit {
    enable: Option<bool>,
    nofile: Option<i64>,
}

impl From<WrittenRlimit> for Rlimit {
    fn from(written: WrittenRlimit) -> Self {
        let nofile = written.nofile.and_then(|number| u64::try_from(number).ok()).filter(|&number| number > 0);
        Self { enable: written.enable.unwrap_or(false), nofile }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPprof {
    enable: Option<bool>,
    #[serde(default, deserialize_with = "field::word")]
    addr: Option<String>,
    cpu_profile_rate: Option<i64>,
}

impl From<WrittenPprof> for Pprof {
    fn from(written: WrittenPprof) -> Self {
        Self {
            enable: written.enable.unwrap_or(false),
            addr: written.addr.unwrap_or_default(),
            cpu_profile_rate: written.cpu_profile_rate.filter(|&rate| rate != 0).unwrap_or(10_000),
        }
    }
}
