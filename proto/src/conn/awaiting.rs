//! Who waits for an answer of the peer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::transmit::Text;
use crate::id::{PacketId, SessionId};

/// What an entry waits for.
#[derive(Debug)]
pub(super) enum Wanted {
    /// A response to a request that was sent.
    Response,
    /// An ack of a message that was sent.
    Ack,
    /// An ack of a message that waits for room in its session's window.
    Window(Text),
    /// An ack of a registration.
    Registration,
    /// A session's confirmation.
    Session,
}

#[derive(Debug)]
pub(super) struct Waiting<W> {
    pub(super) session: SessionId,
    pub(super) wanted: Wanted,
    pub(super) waiter: W,
}

/// Entries by the packet id of what was sent. Bounded by what the owner lets in: every entry stands for bytes that
/// somebody had a budget for, and leaves at its deadline.
#[derive(Debug)]
pub(super) struct Awaiting<W>(HashMap<PacketId, Waiting<W>, BuildHasherDefault<OwnIdHasher>>);

impl<W> Default for Awaiting<W> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<W> Awaiting<W> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, packet: PacketId, waiting: Waiting<W>) {
        let before = self.0.insert(packet, waiting);
        debug_assert!(before.is_none(), "packet ids are unique per connection");
    }

    pub(super) fn contains(&self, packet: PacketId) -> bool {
        self.0.contains_key(&packet)
    }

    pub(super) fn get_mut(&mut self, packet: PacketId) -> Option<&mut Waiting<W>> {
        self.0.get_mut(&packet)
    }

    pub(super) fn remove(&mut self, packet: PacketId) -> Option<Waiting<W>> {
        self.0.remove(&packet)
    }

    /// Removes the entry if it is of this session and waits for this kind of answer.
    pub(super) fn answer(
        &mut self,
        session: SessionId,
        packet: PacketId,
        wanted: impl Fn(&Wanted) -> bool,
    ) -> Option<Waiting<W>> {
        let waiting = self.0.get(&packet)?;
        if waiting.session != session || !wanted(&waiting.wanted) {
            return None;
        }
        self.0.remove(&packet)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiting<W>> {
        std::mem::take(&mut self.0).into_values()
    }

    pub(super) fn drain_session(&mut self, session: SessionId) -> Vec<Waiting<W>> {
        self.0.extract_if(|_, waiting| waiting.session == session).map(|(_, waiting)| waiting).collect()
    }

    pub(super) fn shrink(&mut self) {
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
    }
}

/// Hashes ids that this side has chosen itself, so nobody can choose them to collide: one multiplication.
#[derive(Debug, Default)]
pub(super) struct OwnIdHasher(u64);

impl Hasher for OwnIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // The table takes its group from the low bits and its tag from the high ones: mix both ways.
        let mixed = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
