//! What can be asked, whichever way it is asked: the messages of the API in, those of the API out.

mod kicks;
mod links;
mod lists;

use std::sync::Arc;

use dao::Records;
use tokio_util::task::TaskTracker;

use crate::running::Running;

/// The most rows of a page.
pub(crate) const MAX_PAGE: i64 = 1000;

/// The most bytes that the text of a page's rows takes, unless it is of one row alone: what gRPC's clients take by default is
/// 4 MiB.
pub(crate) const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

/// The records and the gateway, behind the API.
#[derive(Debug)]
pub(crate) struct Operations {
    records: Records,
    running: Arc<dyn Running>,
    tasks: TaskTracker,
}

impl Operations {
    pub(crate) fn new(records: Records, running: Arc<dyn Running>, tasks: TaskTracker) -> Self {
        Self { records, running, tasks }
    }
}
