//! How other tasks reach a link: a queue bounded in bytes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use proto::conn::Released;
use proto::id::PacketId;

/// What a queue entry is charged to. Calls and messages have bounds of their own, so that neither waits behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Requests to the peer.
    Calls,
    /// Messages to the peer.
    Messages,
}

/// Bounds of a link's queue in bytes, by [`proto::conn::cost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Most bytes in each lane; an empty lane takes any one entry.
    pub lane_bytes: usize,
}

/// Why an entry was not taken; it comes back.
#[derive(Debug)]
pub enum Refused<C> {
    /// The lane is full.
    Full(C),
    /// The link is gone.
    Gone(C),
}

#[derive(Debug)]
struct Queue<C> {
    commands: VecDeque<C>,
    /// Bytes in each lane, from the push until the frame is on its way to the socket.
    lanes: [usize; 2],
    waker: Option<Waker>,
    gone: bool,
}

struct Shared<C> {
    queue: Mutex<Queue<C>>,
    limits: QueueLimits,
    /// Upper half of the packet ids given out here, and the counter that makes the lower one.
    epoch: u32,
    packets: AtomicU32,
}

impl<C> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, Queue<C>> {
        // Nothing that could panic halfway runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cloneable way to reach a link's task. `C` is what the task understands.
pub struct LinkHandle<C>(Arc<Shared<C>>);

impl<C> Clone for LinkHandle<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for LinkHandle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkHandle").field(&Arc::as_ptr(&self.0)).finish()
    }
}

/// The receiving end of a link's queue, owned by its task. Dropping it drops what is queued: entries that owe somebody an
/// answer give it in their own `Drop`.
#[derive(Debug)]
pub struct Inbox<C>(LinkHandle<C>);

/// A queue for a link. `epoch` becomes the upper half of the packet ids that [`LinkHandle::packet`] gives out.
#[must_use]
pub fn link<C>(limits: QueueLimits, epoch: u32) -> (LinkHandle<C>, Inbox<C>) {
    let queue = Queue { commands: VecDeque::new(), lanes: [0; 2], waker: None, gone: false };
    let handle = LinkHandle(Arc::new(Shared { queue: Mutex::new(queue), limits, epoch, packets: AtomicU32::new(0) }));
    (handle.clone(), Inbox(handle))
}

impl<C> LinkHandle<C> {
    /// A packet id for something that is to be sent on this link: known before it is queued, so that it can be cancelled.
    #[must_use]
    pub fn packet(&self) -> PacketId {
        let counter = self.0.packets.fetch_add(1, Ordering::Relaxed);
        PacketId((u64::from(self.0.epoch) << 32) | u64::from(counter))
    }

    /// Queues an entry that always has room: what answers, ends or accompanies something that was counted elsewhere.
    ///
    /// # Errors
    /// The entry itself, if the link is gone.
    pub fn push(&self, command: C) -> Result<(), C> {
        let mut queue = self.0.lock();
        if queue.gone {
            return Err(command);
        }
        queue.commands.push_back(command);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Queues an entry of `bytes` in `lane`.
    ///
    /// # Errors
    /// The entry itself, if the lane has no room or the link is gone.
    pub fn try_push(&self, lane: Lane, bytes: u32, command: C) -> Result<(), Refused<C>> {
        let bytes = bytes as usize;
        let mut queue = self.0.lock();
        if queue.gone {
            return Err(Refused::Gone(command));
        }
        let held = &mut queue.lanes[lane as usize];
        if *held > 0 && *held + bytes > self.0.limits.lane_bytes {
            return Err(Refused::Full(command));
        }
        *held += bytes;
        queue.commands.push_back(command);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Queues an entry of `bytes` in `lane` even if that is full.
    ///
    /// # Errors
    /// The entry itself, if the link is gone.
    pub fn force_push(&self, lane: Lane, bytes: u32, command: C) -> Result<(), C> {
        let mut queue = self.0.lock();
        if queue.gone {
            return Err(command);
        }
        queue.lanes[lane as usize] += bytes as usize;
        queue.commands.push_back(command);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Whether the link's task is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.lock().gone
    }

    /// Whether both reach the same link.
    #[must_use]
    pub fn is(&self, other: &LinkHandle<C>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Bytes that wait in both lanes.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.lock().lanes.iter().sum()
    }
}

impl<C> Inbox<C> {
    /// Moves what is queued behind `commands`, counts out what has left, and asks to be woken for the next entry.
    pub(crate) fn exchange(&self, commands: &mut VecDeque<C>, released: Released, waker: &Waker) {
        /// Links that got fewer entries at a time give their queue's memory back.
        const BUSY: usize = 8;
        let mut spare = VecDeque::new();
        let mut queue = self.0.0.lock();
        queue.lanes[Lane::Calls as usize] = queue.lanes[Lane::Calls as usize].saturating_sub(released.calls);
        queue.lanes[Lane::Messages as usize] = queue.lanes[Lane::Messages as usize].saturating_sub(released.messages);
        let taken = queue.commands.len();
        commands.append(&mut queue.commands);
        if taken < BUSY {
            std::mem::swap(&mut spare, &mut queue.commands);
        }
        if !queue.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            queue.waker = Some(waker.clone());
        }
        drop(queue);
        drop(spare);
    }

    /// A handle to this link.
    #[must_use]
    pub fn handle(&self) -> &LinkHandle<C> {
        &self.0
    }
}

impl<C> Drop for Inbox<C> {
    fn drop(&mut self) {
        let mut queue = self.0.0.lock();
        queue.gone = true;
        let commands = std::mem::take(&mut queue.commands);
        let waker = queue.waker.take();
        drop(queue);
        // Outside the lock: dropping entries may queue answers on other links.
        drop(commands);
        drop(waker);
    }
}

#[cfg(test)]
mod tests;
