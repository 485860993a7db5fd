//! Frames on their way out.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::id::{PacketId, SessionId};
use crate::wire::{Frame, FrameKind, HEADER_LEN, Header};

/// A body's text or raw bytes: what follows the session id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// In one piece.
    Whole(Bytes),
    /// In several, sent back to back: a large value stays in the allocation in which it was received.
    Parts(Vec<Bytes>),
}

impl Text {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Text::Whole(bytes) => bytes.len(),
            Text::Parts(parts) => parts.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Vec<u8>> for Text {
    fn from(text: Vec<u8>) -> Self {
        Text::Whole(Bytes::from(text))
    }
}

/// What a frame counts in queues and budgets: its text and what it takes to hold it.
#[must_use]
pub fn cost(text_len: usize) -> u32 {
    const OVERHEAD: usize = 96;
    u32::try_from(text_len + OVERHEAD).unwrap_or(u32::MAX)
}

/// A frame to be written.
#[derive(Debug)]
pub enum Transmit {
    /// A frame of the connection or of a session's life, already in bytes.
    Encoded {
        /// The whole frame.
        bytes: Bytes,
        /// Whether it must not share a socket write with others (§5.6).
        alone: bool,
    },
    /// A frame that carries a body or raw bytes.
    Data(Data),
}

/// A frame that carries a body or raw bytes.
#[derive(Debug)]
pub struct Data {
    /// Message, MessageAck, Request, Response or Stream.
    pub kind: FrameKind,
    /// The packet's id.
    pub packet: PacketId,
    /// Its session.
    pub session: SessionId,
    /// What follows the session id.
    pub text: Text,
    /// Un-answered bytes of the peer that this frame answers.
    pub settles: u32,
}

impl Data {
    /// Header and session id, which stand in front of the text.
    #[must_use]
    pub fn prefix(&self) -> [u8; HEADER_LEN + 8] {
        let len = u32::try_from(8 + self.text.len()).expect("bodies above the protocol's maximum are refused before");
        let mut prefix = [0; HEADER_LEN + 8];
        prefix[..HEADER_LEN].copy_from_slice(&Header { kind: self.kind, packet: self.packet, len }.encode());
        prefix[HEADER_LEN..].copy_from_slice(&self.session.0.to_be_bytes());
        prefix
    }
}

/// Frames that wait to be written, and what they add up to.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Short frames that others must not delay: heartbeat acks, registration acks, the closing handshake (§8.2).
    urgent: VecDeque<Transmit>,
    ordinary: VecDeque<Transmit>,
    /// What the frames without a body add up to, by [`cost`]. Those with one are counted by whoever queues them.
    encoded: usize,
}

impl Outbox {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.ordinary.is_empty()
    }

    pub(super) fn urgent(&mut self, packet: PacketId, frame: &Frame<'_>) {
        let transmit = encoded(packet, frame, false);
        self.encoded += encoded_cost(&transmit);
        self.urgent.push_back(transmit);
    }

    pub(super) fn push(&mut self, transmit: Transmit) {
        self.encoded += encoded_cost(&transmit);
        self.ordinary.push_back(transmit);
    }

    pub(super) fn pop(&mut self) -> Option<Transmit> {
        let transmit = self.urgent.pop_front().or_else(|| self.ordinary.pop_front())?;
        self.encoded -= encoded_cost(&transmit);
        Some(transmit)
    }

    pub(super) const fn encoded(&self) -> usize {
        self.encoded
    }
}

fn encoded_cost(transmit: &Transmit) -> usize {
    match transmit {
        Transmit::Encoded { bytes, .. } => cost(bytes.len()) as usize,
        Transmit::Data(_) => 0,
    }
}

pub(super) fn encoded(packet: PacketId, frame: &Frame<'_>, alone: bool) -> Transmit {
    let mut bytes = Vec::with_capacity(48);
    frame.encode(packet, &mut bytes);
    Transmit::Encoded { bytes: Bytes::from(bytes), alone }
}
