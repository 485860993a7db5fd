//! The one task that writes.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Snapshot;
use super::queue::{Queue, Work};
use crate::{Dao, DaoError};

/// Before an attempt to make the records anew: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How long the back end may take to close.
const CLOSING: Duration = Duration::from_secs(2);

/// Writes what was recorded, in order. Whoever made it runs it.
#[derive(Debug)]
pub struct Writer {
    dao: Arc<dyn Dao>,
    queue: Arc<Queue>,
    snapshot: Arc<dyn Snapshot>,
}

impl Writer {
    pub(super) fn new(dao: Arc<dyn Dao>, queue: Arc<Queue>, snapshot: Arc<dyn Snapshot>) -> Self {
        Self { dao, queue, snapshot }
    }

    /// Writes until `stop`, then closes the back end, within 2 s. What still waits then is not written: the rows end with the
    /// run. Queries are refused afterwards.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.write() => {}
        }
        self.queue.close();
        if tokio::time::timeout(CLOSING, self.dao.close()).await.is_err() {
            debug!("the records were not closed in time");
        }
    }

    async fn write(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.queue.next() {
                Work::Nothing => self.queue.work().await,
                Work::Group(changes, upto) => match self.dao.apply(changes).await {
                    Ok(()) => {
                        self.queue.wrote(upto);
                        pause = FIRST_PAUSE;
                    }
                    Err(error) => self.queue.broke(&reason(error)),
                },
                Work::Rebuild => {
                    // The pause ends with what can be written, not with a rebuild: where each breaks again at once, it is
                    // not tried without end.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                    if let Err(error) = self.rebuild().await {
                        debug!(%error, "the records could not be made anew");
                        self.queue.broke(&reason(error));
                    }
                }
            }
        }
    }

    async fn rebuild(&self) -> Result<(), DaoError> {
        let upto = self.queue.begin_rebuild();
        let changes = self.snapshot.take().await;
        self.dao.rebuild(changes).await?;
        self.queue.rebuilt(upto);
        Ok(())
    }
}

fn reason(error: DaoError) -> Arc<str> {
    match error {
        DaoError::Unavailable { reason } => reason,
        other => other.to_string().into(),
    }
}
