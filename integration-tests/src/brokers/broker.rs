//! The process of a broker: start, death, sleep, and the next start at the same place.

use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::log::Log;
use crate::process::{self, Signal, signal, signal_group};

/// How long a broker may take to start or to end: two JVMs that start on a busy machine are slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// How many lines of the log a failure shows.
const SHOWN_LINES: usize = 60;

/// What a kind of broker says of its process.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    /// Configuration and data.
    pub(crate) folder: TempDir,
    pub(crate) command: Box<dyn Fn() -> Command + Send + Sync>,
    /// Asks one thing, and fails unless it is answered as a broker does that is ready.
    pub(crate) ask: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
}

/// A broker's process. Dropping it kills the process and removes the data; a test that fails prints its last log lines.
pub struct Broker {
    plan: Plan,
    child: Option<Child>,
    heir: Heir,
    /// What the process has said, over all its lives.
    pub log: Log,
}

impl Broker {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// When it ends at once or does not answer.
    #[track_caller]
    pub(crate) fn new(plan: Plan) -> Self {
        let heir = Heir::of(plan.folder.path());
        let mut broker = Self { plan, child: None, heir, log: Log::default() };
        broker.start();
        broker
    }

    /// Starts it again, with its data and at its addresses, and waits until it answers.
    ///
    /// # Panics
    /// When it runs already, ends at once or does not answer.
    #[track_caller]
    pub fn start(&mut self) {
        self.launch();
        self.becomes_ready();
    }

    /// [`Broker::start`] without waiting for an answer.
    ///
    /// # Panics
    /// When it runs already or its program cannot be started.
    #[track_caller]
    pub fn launch(&mut self) {
        let name = self.plan.name;
        assert!(self.child.is_none(), "{name} runs already");
        // A group of its own, so that helpers end with it, and a Ctrl-C is for the test alone.
        let mut command = (self.plan.command)();
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        self.heir.inherits(Some(child.id()));
        self.log.collect(child.stdout.take().expect("stdout is piped"));
        self.log.collect(child.stderr.take().expect("stderr is piped"));
        self.child = Some(child);
    }

    /// Waits until it answers.
    ///
    /// # Panics
    /// When it does not run, ends or does not answer.
    #[track_caller]
    pub fn becomes_ready(&mut self) {
        let name = self.plan.name;
        let until = Instant::now() + PATIENCE;
        while let Err(error) = self.ask() {
            let ended = self.running().try_wait().expect("a child of ours can be waited for");
            assert!(ended.is_none(), "{name} has ended: {ended:?}");
            assert!(Instant::now() < until, "{name} is not ready after {PATIENCE:?}: {error}");
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Asks it one thing, over a connection of its own.
    ///
    /// # Errors
    /// When it does not answer within a second, or not as one does that is ready.
    pub fn ask(&self) -> io::Result<()> {
        (self.plan.ask)()
    }

    /// `kill -9`: it ends at once and cleans nothing up.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        signal_group(self.running(), Signal::Kill);
        self.is_gone();
    }

    /// Asks it to end by SIGTERM, and waits until it has.
    ///
    /// # Panics
    /// When it does not run, or goes on.
    #[track_caller]
    pub fn stop(&mut self) {
        signal(self.running(), Signal::Term);
        self.is_gone();
    }

    /// Freezes it by SIGSTOP: connections stay, and nobody answers. Returns once it stands still.
    ///
    /// # Panics
    /// When it does not run, or goes on.
    #[track_caller]
    pub fn freeze(&mut self) {
        let child = self.running();
        signal_group(child, Signal::Stop);
        process::stands_still(child.id());
    }

    /// Lets it go on after [`Broker::freeze`].
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn thaw(&mut self) {
        signal_group(self.running(), Signal::Continue);
    }

    /// Asks it to read its configuration again, by SIGHUP.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn reload(&self) {
        let child = self.child.as_ref();
        signal(child.unwrap_or_else(|| panic!("{} does not run", self.plan.name)), Signal::Hup);
    }

    /// The process id; it changes with every start.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap_or_else(|| panic!("{} does not run", self.plan.name)).id()
    }

    /// Configuration and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.plan.folder.path()
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.plan.name
    }

    #[track_caller]
    fn running(&mut self) -> &mut Child {
        self.child.as_mut().unwrap_or_else(|| panic!("{} does not run", self.plan.name))
    }

    #[track_caller]
    fn is_gone(&mut self) {
        let name = self.plan.name;
        process::wait_exit(self.running(), PATIENCE, name);
        self.heir.inherits(None);
        self.child = None;
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.child.as_ref().map(Child::id);
        f.debug_struct("Broker").field("name", &self.plan.name).field("pid", &pid).finish_non_exhaustive()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = self.log.lines();
            let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
            eprintln!("last log lines of {self:?}:\n{last}");
        }
        if let Some(child) = &mut self.child {
            // One that has ended by itself, as a failing test may have found, cannot be killed.
            if matches!(child.try_wait(), Ok(None)) {
                signal_group(child, Signal::Kill);
                // The signal cannot be refused, so this does not take long.
                let _ = child.wait();
            }
        }
    }
}

/// A process that outlives this one, and then ends the broker and removes its folder: for a test program that is killed,
/// and for brokers in statics, which nobody drops.
#[derive(Debug)]
struct Heir {
    child: Child,
}

impl Heir {
    fn of(folder: &Path) -> Self {
        let script = "trap '' HUP INT TERM; while read -r next; do group=$next; done
                      [ -z \"$group\" ] || kill -KILL \"-$group\"; sleep 1; rm -rf \"$0\"";
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("there is a shell") }
    }

    /// The process group to end, in place of the one before.
    fn inherits(&mut self, group: Option<u32>) {
        let line = group.map_or_else(String::new, |group| group.to_string()) + "\n";
        let stdin = self.child.stdin.as_mut().expect("stdin is piped");
        stdin.write_all(line.as_bytes()).expect("it reads until this process ends");
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        // One that is gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
