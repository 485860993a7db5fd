//! What a scripted peer knows of one of its streams.

use proto::id::{PacketId, SessionId};

use super::ledger::PeerIndex;

/// Bytes that name the sender, in front of its pattern.
pub(crate) const HEAD: usize = 16;

/// The byte at `at` of what `peer` sends on `session`.
fn byte(peer: PeerIndex, session: SessionId, at: usize) -> u8 {
    match at {
        0..8 => (peer as u64).to_be_bytes()[at],
        8..16 => session.0.to_be_bytes()[at - 8],
        _ => ((at * 31) ^ (at >> 8) ^ (peer * 17) ^ session.0 as usize) as u8,
    }
}

/// One session other than session 1.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Bytes that were sent.
    pub(crate) sent: usize,
    /// What the peer may still send, where the gateway grants credit.
    pub(crate) credit: Option<usize>,
    pub(crate) end_sent: bool,
    pub(crate) end_received: bool,
    /// Our Dismiss, and whether it was acked.
    pub(crate) dismiss: Option<PacketId>,
    pub(crate) dismiss_acked: bool,
    /// The gateway's Dismiss came, and whether it came unasked.
    pub(crate) dismissed: bool,
    pub(crate) dismissed_first: bool,
    /// It came because the far end closed.
    pub(crate) by_far_end: bool,
    /// Our Dismiss was acked before the gateway's own came.
    pub(crate) is_clean: bool,
    /// Received: the head, and how much in all.
    head: Vec<u8>,
    pub(crate) received: usize,
}

impl Stream {
    pub(crate) fn new(credit: Option<usize>) -> Self {
        Self {
            sent: 0,
            credit,
            end_sent: false,
            end_received: false,
            dismiss: None,
            dismiss_acked: false,
            dismissed: false,
            dismissed_first: false,
            by_far_end: false,
            is_clean: false,
            head: Vec::new(),
            received: 0,
        }
    }

    /// Whether this peer may still send on it.
    pub(crate) fn is_usable(&self) -> bool {
        self.dismiss.is_none() && !self.dismissed
    }

    /// Whether its dismissal is complete.
    pub(crate) fn is_over(&self) -> bool {
        self.dismissed && self.dismiss_acked
    }

    /// The next bytes of `peer`'s pattern, at most `wanted` and as far as credit goes. The head is sent in one piece.
    pub(crate) fn produce(&mut self, peer: PeerIndex, session: SessionId, wanted: usize) -> Vec<u8> {
        let wanted = if self.sent == 0 { wanted.max(HEAD) } else { wanted };
        let len = self.credit.map_or(wanted, |credit| wanted.min(credit));
        let bytes = (self.sent..self.sent + len).map(|at| byte(peer, session, at)).collect();
        self.sent += len;
        if let Some(credit) = &mut self.credit {
            *credit -= len;
        }
        bytes
    }

    /// Takes in bytes of the far end.
    ///
    /// # Errors
    /// They are not what the far end sends next.
    pub(crate) fn consume(&mut self, data: &[u8]) -> Result<(), String> {
        for received in data {
            if self.head.len() < HEAD {
                self.head.push(*received);
            } else {
                let (peer, session) = self.far_end().expect("the head is complete");
                let expected = byte(peer, session, self.received);
                if *received != expected {
                    return Err(format!("byte {} of peer {peer}'s stream {session} is wrong", self.received));
                }
            }
            self.received += 1;
        }
        Ok(())
    }

    /// Who sends, as soon as it has said so.
    pub(crate) fn far_end(&self) -> Option<(PeerIndex, SessionId)> {
        let (peer, session) = self.head.split_first_chunk::<8>()?;
        let session = session.first_chunk::<8>()?;
        Some((u64::from_be_bytes(*peer) as usize, SessionId(u64::from_be_bytes(*session))))
    }
}
