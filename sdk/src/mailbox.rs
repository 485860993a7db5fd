//! A bounded queue from the link's task to the application. Owns no memory while it is empty.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    arrived: Notify,
    bounds: Bounds,
}

/// What a mailbox holds at most. An empty one takes any one entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Queue<T> {
    entries: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let queue = Queue { entries: VecDeque::new(), bytes: 0, closed: false };
        Self { queue: Mutex::new(queue), arrived: Notify::new(), bounds }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // Nothing that could panic halfway runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry that counts as `bytes`; gives it back if there is no room or the mailbox is closed.
    pub(crate) fn push(&self, entry: T, bytes: usize) -> Result<(), T> {
        let mut queue = self.lock();
        let held = queue.entries.len();
        let full = held > 0 && (held >= self.bounds.entries || queue.bytes + bytes > self.bounds.bytes);
        if full || queue.closed {
            return Err(entry);
        }
        queue.bytes += bytes;
        queue.entries.push_back((entry, bytes));
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// The oldest entry; waits for one. `None` once the mailbox is closed and empty. Cancel-safe.
    pub(crate) async fn pop(&self) -> Option<T> {
        loop {
            {
                let mut queue = self.lock();
                if let Some((entry, bytes)) = queue.entries.pop_front() {
                    queue.bytes -= bytes;
                    if queue.entries.is_empty() {
                        queue.entries = VecDeque::new();
                    } else {
                        // A notification stands for "not empty", not for one entry.
                        self.arrived.notify_one();
                    }
                    return Some(entry);
                }
                if queue.closed {
                    self.arrived.notify_one();
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Forgets what is queued.
    pub(crate) fn clear(&self) {
        let entries = {
            let mut queue = self.lock();
            queue.bytes = 0;
            std::mem::take(&mut queue.entries)
        };
        // Outside the lock: entries answer somebody when they are dropped.
        drop(entries);
    }

    /// Takes nothing more. What is queued can still be taken out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Mailbox<u8> {
        Mailbox::new(Bounds { entries: 2, bytes: 10 })
    }

    #[tokio::test]
    async fn entries_come_out_in_order_and_bounds_hold() {
        let mailbox = mailbox();
        mailbox.push(1, 50).expect("an empty one takes any entry");
        assert_eq!(mailbox.push(2, 1), Err(2), "too many bytes");
        assert_eq!(mailbox.pop().await, Some(1));
        mailbox.push(3, 1).expect("room again");
        mailbox.push(4, 1).expect("room for two");
        assert_eq!(mailbox.push(5, 1), Err(5), "too many entries");
        assert_eq!((mailbox.pop().await, mailbox.pop().await), (Some(3), Some(4)));
    }

    #[tokio::test]
    async fn closing_wakes_everybody_who_waits() {
        let mailbox = mailbox();
        let (one, two, ()) = tokio::join!(mailbox.pop(), mailbox.pop(), async {
            tokio::task::yield_now().await;
            mailbox.close();
        });
        assert_eq!((one, two), (None, None));
        assert_eq!(mailbox.push(1, 1), Err(1));
    }

    #[tokio::test]
    async fn two_who_wait_get_one_entry_each() {
        let mailbox = mailbox();
        let (one, two, ()) = tokio::join!(mailbox.pop(), mailbox.pop(), async {
            tokio::task::yield_now().await;
            mailbox.push(1, 1).expect("room");
            mailbox.push(2, 1).expect("room");
        });
        assert_eq!((one, two), (Some(1), Some(2)));
    }
}
