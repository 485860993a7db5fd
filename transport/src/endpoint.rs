//! What a link's owner does with what happens on it.

use std::time::Instant;

use bytes::Bytes;
use proto::conn::{Connection, Event};

use crate::driver::LinkEnd;

/// Bodies from this size on are shared instead of copied, where they lie in an allocation of their own.
const SHARE_FROM: usize = 16 * 1024;

/// The allocation in which an event's bytes lie, if it can be shared; else they lie in a buffer that is about to be reused.
#[derive(Debug, Clone, Copy)]
pub struct Backing<'a>(Option<&'a Bytes>);

impl<'a> Backing<'a> {
    pub(crate) const fn borrowed() -> Self {
        Self(None)
    }

    pub(crate) const fn shared(frame: &'a Bytes) -> Self {
        Self(Some(frame))
    }

    /// Keeps `part`, which lies in the event: a large one by sharing the allocation, a small one by copying, so that it
    /// does not hold on to more memory than it accounts for.
    #[must_use]
    pub fn keep(&self, part: &[u8]) -> Bytes {
        match self.0 {
            Some(frame) if part.len() >= SHARE_FROM => frame.slice_ref(part),
            _ => Bytes::copy_from_slice(part),
        }
    }

    /// The whole allocation, if parts of `len` bytes are worth sharing.
    #[must_use]
    pub fn share(&self, len: usize) -> Option<&'a Bytes> {
        self.0.filter(|_| len >= SHARE_FROM)
    }
}

/// What is to become of a link whose peer has closed its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linger {
    /// Nothing is owed to the peer: the link ends at once, with what waits to be written.
    No,
    /// The peer still has answers to get: the link goes on until [`Endpoint::lingers`] is false and everything is written.
    Yes,
}

/// The owner of a link: called by the link's task, and by nobody else. Nothing here may block or wait: what another link
/// or task has to do is queued there.
pub trait Endpoint: Send {
    /// What other tasks may ask of the link.
    type Command: Send + 'static;
    /// What waits for the answers of the peer. Dropped with the link if none came.
    type Waiter: Send;

    /// Something happened on the link.
    fn on_event(
        &mut self,
        conn: &mut Connection<Self::Waiter>,
        now: Instant,
        event: Event<'_, Self::Waiter>,
        backing: Backing<'_>,
    );

    /// Another task asks for something.
    fn on_command(&mut self, conn: &mut Connection<Self::Waiter>, now: Instant, command: Self::Command);

    /// Whether the link is to be read at present.
    fn wants_read(&self, conn: &Connection<Self::Waiter>) -> bool;

    /// When [`Endpoint::on_timeout`] is to be called next.
    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// The time of [`Endpoint::next_timeout`] has come.
    fn on_timeout(&mut self, _conn: &mut Connection<Self::Waiter>, _now: Instant) {}

    /// The peer has closed its direction of the byte stream; nothing more will come from it.
    fn on_peer_closed(&mut self, _conn: &mut Connection<Self::Waiter>, _now: Instant) -> Linger {
        Linger::No
    }

    /// After [`Linger::Yes`]: whether the peer still has answers to get.
    fn lingers(&self) -> bool {
        false
    }

    /// The link is over, for this reason; nothing else is called after it. Not called if the link is dropped before its end.
    fn on_end(&mut self, _end: &LinkEnd) {}

    /// So many bytes were read from the socket.
    fn on_read(&mut self, _bytes: usize) {}

    /// So many bytes were written to the socket.
    fn on_written(&mut self, _bytes: usize) {}
}
