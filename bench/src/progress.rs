//! One line on standard error that tells how far it is, for people: nothing where no terminal is.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// How often the line is written.
const STEP: Duration = Duration::from_millis(200);

/// Longer than any operation has time: one that is not done by then is lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

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

/// Done when `done` has not grown for [`PATIENCE`].
pub(crate) async fn nothing_done(done: Arc<AtomicU64>) {
    let mut before = None;
    loop {
        let now = done.load(Ordering::Relaxed);
        if before == Some(now) {
            return;
        }
        before = Some(now);
        tokio::time::sleep(PATIENCE).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_does_not_hold_up_a_run_for_ever() {
        let done = Arc::new(AtomicU64::new(0));
        let mut noticed = std::pin::pin!(nothing_done(Arc::clone(&done)));
        for _ in 0..5 {
            done.fetch_add(1, Ordering::Relaxed);
            let answered = tokio::time::timeout(PATIENCE / 2, &mut noticed).await;
            assert!(answered.is_err(), "something was answered, and given up all the same");
        }
        tokio::time::timeout(3 * PATIENCE, noticed).await.expect("nothing more is answered");
    }
}
