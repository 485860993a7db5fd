//! One line on standard error that tells how far it is, for people: nothing where no terminal is.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// How often the line is written.
const STEP: Duration = Duration::from_millis(200);

/// Shows what goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    done: Arc<AtomicU64>,
    writer: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows `what` and how many operations are done. Must be called within a runtime.
    pub(crate) fn new(what: &str) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let shown = std::io::stderr().is_terminal();
        let writer = shown.then(|| tokio::spawn(write_on(what.to_owned(), Arc::clone(&done))));
        Self { done, writer }
    }

    /// Where operations are counted.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.done)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            writer.abort();
            show("");
        }
    }
}

async fn write_on(what: String, done: Arc<AtomicU64>) {
    let begin = Instant::now();
    let mut step = tokio::time::interval(STEP);
    loop {
        step.tick().await;
        show(&format!("{what}: {} done, {:.1} s", done.load(Ordering::Relaxed), begin.elapsed().as_secs_f64()));
    }
}

/// Replaces the line. A terminal that takes no output is no reason to stop measuring.
fn show(line: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush());
}
