//! What a process costs: its CPU and memory, as Linux tells it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Linux gives times to programs in ticks of this length, whatever the kernel itself counts in.
const TICK: Duration = Duration::from_millis(10);

/// A running process on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server(pub(crate) u32);

/// Memory of a process in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// All that is resident, code and what is shared with other processes included.
    pub(crate) resident_kib: u64,
    /// What this process alone has.
    pub(crate) private_kib: u64,
}

impl Server {
    /// Time on a CPU since its start, user and system.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let text = self.read("stat")?;
        let ticks = cpu_ticks(&text).with_context(|| format!("/proc/{}/stat has an unknown form: {text:?}", self.0))?;
        Ok(TICK.saturating_mul(ticks))
    }

    pub(crate) fn memory(self) -> Result<Memory> {
        let text = self.read("smaps_rollup")?;
        memory(&text).with_context(|| format!("/proc/{}/smaps_rollup has an unknown form: {text:?}", self.0))
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| {
            format!("cannot read {path}: --pid must name a running process of this user, on Linux and on this machine")
        })
    }
}

/// The fields `utime` and `stime`, 14 and 15 from the front. The name before them may contain blanks and brackets.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn memory(rollup: &str) -> Option<Memory> {
    let kib = |name: &str| -> Option<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Memory { resident_kib: kib("Rss")?, private_kib: kib("Private_Clean")? + kib("Private_Dirty")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 3 0 25 17 0 0 20 0 3 0 100 1 2";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn private_memory_is_clean_and_dirty() {
        let rollup = "0-1 ---p 0 0:0 0 [rollup]\nRss:      900 kB\nPrivate_Clean:    3 kB\nPrivate_Dirty:   40 kB\n";
        assert_eq!(memory(rollup), Some(Memory { resident_kib: 900, private_kib: 43 }));
        assert_eq!(memory("Rss: 900 kB"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let this = Server(std::process::id());
        this.cpu().unwrap();
        assert!(this.memory().unwrap().private_kib > 0);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = Server(u32::MAX).cpu().unwrap_err();
        assert!(format!("{error:#}").contains("/proc/4294967295/stat"), "{error:#}");
    }
}
