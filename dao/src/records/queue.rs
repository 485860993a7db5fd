//! Changes that wait to be written, and whether the records are worth asking.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tracing::{info, warn};

use super::{State, Status};
use crate::Change;

/// Bytes of changes that may wait: some 100 000 of usual size.
const BYTES: usize = 16 << 20;

/// Changes that are written together.
const GROUP: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    /// Rung for the writer.
    work: Notify,
    /// Rung for queries that wait.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Change>,
    bytes: usize,
    /// Changes that were ever pushed.
    recorded: u64,
    /// So many of them are written, or held by a snapshot that is.
    settled: u64,
    broken: Option<Broken>,
    /// Nothing is kept: what the records lack will come with a snapshot.
    dropping: bool,
    closed: bool,
    breaks: u64,
    rebuilds: u64,
}

#[derive(Debug, Clone)]
struct Broken {
    reason: Arc<str>,
    since: SystemTime,
}

/// What the writer has to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Write these; then so many are settled.
    Group(Vec<Change>, u64),
    /// Make the records anew.
    Rebuild,
    Nothing,
}

/// Whether a query may go on.
#[derive(Debug)]
pub(super) enum Settled {
    Yes,
    NotYet,
    Never(Arc<str>),
}

impl Queue {
    // Nothing that could panic halfway runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, change: Change) {
        let weight = change.weight();
        let mut inner = self.lock();
        inner.recorded += 1;
        if inner.dropping || inner.closed {
            return;
        }
        if inner.bytes + weight > BYTES && !inner.waiting.is_empty() {
            let reason = format!("more than {} MiB of changes wait to be written", BYTES >> 20);
            return self.give_up(inner, &reason.into());
        }
        inner.bytes += weight;
        inner.waiting.push_back(change);
        let first = inner.waiting.len() == 1;
        drop(inner);
        if first {
            self.work.notify_one();
        }
    }

    /// The records are not right any more.
    pub(super) fn broke(&self, reason: &Arc<str>) {
        self.give_up(self.lock(), reason);
    }

    fn give_up(&self, mut inner: MutexGuard<'_, Inner>, reason: &Arc<str>) {
        if inner.closed {
            return;
        }
        inner.dropping = true;
        inner.bytes = 0;
        let waiting = std::mem::take(&mut inner.waiting);
        let first = inner.broken.is_none();
        let since = inner.broken.as_ref().map_or_else(SystemTime::now, |broken| broken.since);
        inner.broken = Some(Broken { reason: Arc::clone(reason), since });
        inner.breaks += u64::from(first);
        drop(inner);
        drop(waiting);
        if first {
            warn!(%reason, "records of who is online are not available and will be made anew; links are not affected");
        }
        self.work.notify_one();
        self.changed.notify_waiters();
    }

    pub(super) fn next(&self) -> Work {
        let mut inner = self.lock();
        if inner.dropping {
            return Work::Rebuild;
        }
        if inner.waiting.is_empty() {
            return Work::Nothing;
        }
        let many = inner.waiting.len().min(GROUP);
        let group: Vec<Change> = inner.waiting.drain(..many).collect();
        inner.bytes -= group.iter().map(Change::weight).sum::<usize>();
        if inner.waiting.is_empty() && inner.waiting.capacity() > GROUP {
            // A storm is over: what it needed is given back.
            inner.waiting = VecDeque::new();
        }
        let upto = inner.recorded - inner.waiting.len() as u64;
        Work::Group(group, upto)
    }

    pub(super) async fn work(&self) {
        self.work.notified().await;
    }

    pub(super) fn wrote(&self, upto: u64) {
        let mut inner = self.lock();
        inner.settled = inner.settled.max(upto);
        drop(inner);
        self.changed.notify_waiters();
    }

    /// From now on changes are kept again; a snapshot that is taken after this holds what so many of them did.
    pub(super) fn begin_rebuild(&self) -> u64 {
        let mut inner = self.lock();
        inner.dropping = false;
        inner.recorded
    }

    /// The snapshot is written. Queries go on, unless the records broke again meanwhile.
    pub(super) fn rebuilt(&self, upto: u64) {
        let mut inner = self.lock();
        if inner.dropping {
            return;
        }
        inner.settled = inner.settled.max(upto);
        inner.rebuilds += 1;
        let broken = inner.broken.take();
        drop(inner);
        if broken.is_some() {
            info!("records of who is online are available again");
        }
        self.changed.notify_waiters();
    }

    /// Nothing will be written any more.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.bytes = 0;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        drop(waiting);
        self.changed.notify_waiters();
    }

    pub(super) fn recorded(&self) -> u64 {
        self.lock().recorded
    }

    pub(super) fn settled(&self, upto: u64) -> Settled {
        let inner = self.lock();
        if inner.closed {
            return Settled::Never("the gateway stops".into());
        }
        match &inner.broken {
            Some(broken) => Settled::Never(Arc::clone(&broken.reason)),
            None if inner.settled >= upto => Settled::Yes,
            None => Settled::NotYet,
        }
    }

    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn status(&self) -> Status {
        let inner = self.lock();
        let state = match &inner.broken {
            Some(Broken { reason, since }) => State::Unavailable { reason: Arc::clone(reason), since: *since },
            None => State::Healthy,
        };
        Status {
            state,
            waiting: inner.waiting.len(),
            waiting_bytes: inner.bytes,
            recorded: inner.recorded,
            breaks: inner.breaks,
            rebuilds: inner.rebuilds,
        }
    }
}
