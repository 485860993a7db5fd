//! Messages of the other side.

use bytes::Bytes;
use proto::id::{EdgeId, PacketId, SessionId};
use tokio::time::Instant;

use crate::command::{Command, Link};
use crate::serve::shorten;

/// A message that the other side published. Its publisher waits until it is answered: [`Message::ack`] or
/// [`Message::reject`]. Dropped without either, it is rejected with "dropped without ack".
///
/// An answer to a message of a link that has been lost since goes nowhere: its publisher has been told of the loss.
#[derive(Debug)]
#[must_use = "a message that is dropped is rejected"]
#[non_exhaustive]
pub struct Message {
    /// What it is about. Empty where the publisher gave none.
    pub topic: String,
    /// What was published.
    pub payload: Bytes,
    /// Bytes that accompany the payload. On services without the edge's id, which is in [`Message::edge_id`].
    pub custom: Bytes,
    /// On services: the edge that published. `None` on edges and within streams.
    pub edge_id: Option<EdgeId>,
    /// When the publisher gives up, as far as its clock can be believed: a time of more than 60 s ago or 1 h ahead counts
    /// as none.
    pub deadline: Option<Instant>,
    pub(crate) receipt: Receipt,
}

impl Message {
    /// The message's number on its way here: unique on its link, and not the one that it left its publisher with.
    #[must_use]
    pub fn id(&self) -> PacketId {
        self.receipt.packet
    }

    /// The stream that it came on, [`SessionId::MAIN`] if on none.
    #[must_use]
    pub fn stream_id(&self) -> SessionId {
        self.receipt.session
    }

    /// What it takes to hold it, in bytes.
    pub(crate) fn held(&self) -> usize {
        size_of::<Message>() + self.topic.len() + self.payload.len() + self.custom.len()
    }

    /// Tells the publisher that the message was accepted.
    pub fn ack(mut self) {
        self.receipt.answer(String::new());
    }

    /// Tells the publisher that the message was not accepted, and why. An empty text becomes "rejected"; one of more than
    /// 16 KiB is cut.
    pub fn reject(mut self, reason: impl AsRef<str>) {
        let reason = reason.as_ref();
        self.receipt.answer(if reason.is_empty() { "rejected".to_owned() } else { shorten(reason).to_owned() });
    }
}

/// The right and duty to answer a message.
#[derive(Debug)]
pub(crate) struct Receipt {
    link: Link,
    session: SessionId,
    packet: PacketId,
    cost: u32,
    answered: bool,
}

impl Receipt {
    pub(crate) fn new(link: Link, session: SessionId, packet: PacketId, cost: u32) -> Self {
        Self { link, session, packet, cost, answered: false }
    }

    fn answer(&mut self, error: String) {
        if !std::mem::replace(&mut self.answered, true) {
            let ack = Command::Ack { session: self.session, packet: self.packet, error, cost: self.cost };
            // A link that is gone took the publisher's wait with it.
            let _ = self.link.push(ack);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.answer("dropped without ack".to_owned());
    }
}
