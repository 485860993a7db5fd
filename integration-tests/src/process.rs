//! Child processes: where the built programs lie, signals, and an end that leaves nothing behind.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::wait::{PATIENCE, eventually_within};

/// A signal that tests send.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Asks for an orderly end.
    Term,
    /// Ctrl-C.
    Interrupt,
    /// Ends at once, nothing is cleaned up.
    Kill,
    /// Asks to read the configuration again.
    Hup,
    /// Freezes the process.
    Stop,
    /// Lets a frozen process go on.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
            Self::Hup => "HUP",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// Sends `signal` to a child of ours that has not been waited for.
///
/// # Panics
/// When the shell cannot send it.
#[track_caller]
pub fn signal(child: &Child, signal: Signal) {
    send(signal, &child.id().to_string());
}

/// [`signal`] to all processes of the group that this child leads.
///
/// # Panics
/// When the shell cannot send it.
#[track_caller]
pub fn signal_group(child: &Child, signal: Signal) {
    send(signal, &format!("-{}", child.id()));
}

#[track_caller]
fn send(signal: Signal, to: &str) {
    let command = format!("kill -{} {to}", signal.name());
    let sent = Command::new("sh").args(["-c", &command]).status();
    assert!(sent.is_ok_and(|status| status.success()), "`{command}` failed");
}

/// Waits until every thread of a process has stopped, as [`Signal::Stop`] asks.
///
/// # Panics
/// When one goes on, the process is gone, or the system is not Linux.
#[track_caller]
pub fn stands_still(pid: u32) {
    eventually_within(PATIENCE, &format!("process {pid} stands still"), || {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs, on Linux");
        let stopped = |thread: fs::DirEntry| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, behind_name)| behind_name.starts_with('T'))
        };
        threads.flatten().all(stopped).then_some(())
    });
}

/// Waits for the end of a child.
///
/// # Panics
/// When `patience` is over.
#[track_caller]
pub fn wait_exit(child: &mut Child, patience: Duration, what: &str) -> ExitStatus {
    eventually_within(patience, &format!("the end of {what}"), || {
        child.try_wait().expect("a child of ours can be waited for")
    })
}

/// The resident memory of a process in KiB.
///
/// # Panics
/// When the process is gone, or the system is not Linux.
#[must_use]
#[track_caller]
pub fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs, on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has a size");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("the size is a number")
}

/// The processor time of a process so far, user and system, in clock ticks of 10 ms.
///
/// # Panics
/// When the process is gone, or the system is not Linux.
#[must_use]
#[track_caller]
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs, on Linux");
    let (_, behind_name) = stat.rsplit_once(')').expect("the name stands in brackets");
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let field = |at: usize| fields[at].parse::<u64>().expect("times are numbers");
    field(11) + field(12)
}

/// The number of files and sockets that a process has open.
///
/// # Panics
/// When the process is gone, or the system is not Linux.
#[must_use]
#[track_caller]
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs, on Linux").count()
}

/// The folder of cargo's build output in which this test was built.
///
/// # Panics
/// When the test program does not lie where cargo puts it.
#[must_use]
pub fn target_dir() -> PathBuf {
    let program = env::current_exe().expect("a running program has a path");
    let dir = program.ancestors().nth(3).map(Path::to_owned);
    dir.unwrap_or_else(|| panic!("{} is not in <target>/<profile>/deps", program.display()))
}

/// The `frontier` binary: `FRONTIER_BIN` if set, else as [`built`].
///
/// # Panics
/// When there is none: the tests never build it and never skip.
#[must_use]
pub fn frontier_binary() -> PathBuf {
    if let Some(named) = env::var_os("FRONTIER_BIN") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "FRONTIER_BIN names {}, which is no file", named.display());
        return named;
    }
    built("frontier", "frontier-gateway")
}

/// The program `name` of the package `package`: the younger of its release and its debug build.
///
/// # Panics
/// When there is none: the tests never build it and never skip.
#[must_use]
pub fn built(name: &str, package: &str) -> PathBuf {
    let target = target_dir();
    let built = ["release", "debug"].map(|profile| target.join(profile).join(name));
    let youngest = built.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
    let (_, path) = youngest.unwrap_or_else(|| {
        panic!(
            "no program {name} at {} or {}: run `cargo build -p {package}` first",
            built[0].display(),
            built[1].display()
        )
    });
    path.clone()
}
