//! What a child process wrote, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The lines of a child process so far. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    said: Mutex<Said>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    /// Outputs that are still open.
    open: usize,
}

impl Log {
    /// Collects the lines of `output` on a thread of its own until it ends.
    pub fn collect(&self, output: impl Read + Send + 'static) {
        Self::collect_for(vec![self.clone()], output);
    }

    /// As [`Log::collect`], for each of `logs`.
    pub fn collect_for(logs: Vec<Self>, output: impl Read + Send + 'static) {
        logs.iter().for_each(|log| log.lock().open += 1);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                logs.iter().for_each(|log| log.change(|said| said.lines.push(line.clone())));
            }
            logs.iter().for_each(|log| log.change(|said| said.open -= 1));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.lock());
        self.shared.grown.notify_all();
    }

    /// Waits until every output has ended, so that no line is missing; says whether that came within `patience`.
    #[must_use]
    pub fn wait_for_end(&self, patience: Duration) -> bool {
        self.wait(patience, |said| (said.open == 0).then_some(())).is_some()
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// How many lines so far contain `part`.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        self.lock().lines.iter().filter(|line| line.contains(part)).count()
    }

    /// Waits for a line that contains `part`, be it old or new; none when `patience` is over.
    #[must_use]
    pub fn wait_for(&self, part: &str, patience: Duration) -> Option<String> {
        let found = |said: &Said| said.lines.iter().find(|line| line.contains(part)).cloned();
        self.wait(patience, found)
    }

    fn wait<T>(&self, patience: Duration, look: impl Fn(&Said) -> Option<T>) -> Option<T> {
        let until = Instant::now() + patience;
        let mut said = self.lock();
        loop {
            if let Some(found) = look(&said) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            let woken = self.shared.grown.wait_timeout(said, left);
            said = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.shared.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
