//! Stopping: every task is spawned through here and watched to its end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tasks of the gateway and the signal that stops them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Runs a task. It must end soon after [`Lifecycle::stopping`] is done.
    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Done once the gateway stops.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// For a task that has its own way of stopping: cancelled once the gateway stops.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells every task to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits for the tasks to end. `false`: some outlived `grace`.
    pub(crate) async fn wait(&self, grace: Duration) -> bool {
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}
