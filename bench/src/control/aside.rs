//! Work on a thread of its own, beside what is measured: it takes no turns from those who call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use tokio::{runtime, time};

use crate::pace::Pace;

/// Tells work when it is over, and when the next piece of it is due.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    over: Arc<AtomicBool>,
    pace: Pace,
}

impl Turns {
    /// Waits until piece `number` is due, counted from 0; whether there is one. The first always is: nothing would be told
    /// without.
    pub(super) async fn next(&self, number: u64) -> bool {
        time::sleep_until(self.pace.due(number).into()).await;
        number == 0 || !self.over.load(Ordering::Relaxed)
    }

    /// When piece `number` is due.
    pub(super) fn due(&self, number: u64) -> Instant {
        self.pace.due(number)
    }
}

/// Work that goes on until it is ended.
#[derive(Debug)]
pub(crate) struct Aside<T> {
    over: Arc<AtomicBool>,
    done: oneshot::Receiver<Result<T>>,
}

impl<T: Send + 'static> Aside<T> {
    /// Starts `work`, so many pieces of it per second.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start<W>(per_second: u32, work: impl FnOnce(Turns) -> W + Send + 'static) -> Result<Self>
    where
        W: Future<Output = Result<T>>,
    {
        let over = Arc::new(AtomicBool::new(false));
        let turns = Turns { over: Arc::clone(&over), pace: Pace::new(Instant::now(), per_second.into()) };
        let (tell, done) = oneshot::channel();
        let on_thread = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().context("no runtime can be had");
            // Nobody listens if what is measured has failed.
            let _ = tell.send(runtime.and_then(|runtime| runtime.block_on(work(turns))));
        };
        std::thread::Builder::new().name("aside".to_owned()).spawn(on_thread).context("no thread can be had")?;
        Ok(Self { over, done })
    }

    /// Ends it, and returns what it did.
    ///
    /// # Errors
    /// Those of the work.
    pub(crate) async fn end(mut self) -> Result<T> {
        self.over.store(true, Ordering::Relaxed);
        (&mut self.done).await.context("what went on beside panicked")?
    }
}

impl<T> Drop for Aside<T> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
