//! Bytes on their way to a socket: small frames joined, large bodies passed through.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use proto::conn::{Text, Transmit};

use crate::buffers;

/// Bodies from this size on are not copied.
const SHARE_FROM: usize = 16 * 1024;

/// Slices that one vectored write takes at most.
const SLICES: usize = 16;

/// Owns memory only while something waits to be written.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    /// What precedes `tail`.
    chunks: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// Bytes of `tail` that are already written; only without chunks before it.
    written: usize,
    len: usize,
}

impl WriteQueue {
    /// Bytes that wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push(&mut self, transmit: Transmit) {
        match transmit {
            Transmit::Encoded { bytes, .. } => self.copy(&bytes),
            Transmit::Data(data) => {
                self.copy(&data.prefix());
                match data.text {
                    Text::Whole(bytes) => self.append(bytes),
                    Text::Parts(parts) => parts.into_iter().for_each(|part| self.append(part)),
                }
            }
        }
    }

    fn append(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_FROM {
            self.copy(&bytes);
        } else {
            self.len += bytes.len();
            self.seal();
            self.chunks.push_back(bytes);
        }
    }

    fn copy(&mut self, bytes: &[u8]) {
        if self.tail.capacity() == 0 {
            self.tail = buffers::take_write();
        }
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Moves the tail in front of what comes next.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let mut sealed = Bytes::from(std::mem::take(&mut self.tail));
            sealed.advance(std::mem::take(&mut self.written));
            self.chunks.push_back(sealed);
        }
    }

    /// The bytes to write next, in at most 16 slices.
    pub(crate) fn slices<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) {
        slices.extend(self.chunks.iter().take(SLICES - 1).map(|chunk| IoSlice::new(chunk)));
        if self.chunks.len() < SLICES && self.tail.len() > self.written {
            slices.push(IoSlice::new(&self.tail[self.written..]));
        }
    }

    /// The bytes to write next where they are in one piece, which is the usual case.
    pub(crate) fn single(&self) -> Option<&[u8]> {
        self.chunks.is_empty().then(|| &self.tail[self.written..])
    }

    /// Takes off what was written.
    pub(crate) fn advance(&mut self, mut written: usize) {
        self.len -= written;
        while let Some(chunk) = self.chunks.front_mut() {
            if written < chunk.len() {
                chunk.advance(written);
                return;
            }
            written -= chunk.len();
            self.chunks.pop_front();
        }
        self.written += written;
        if self.written == self.tail.len() {
            self.written = 0;
            self.tail.clear();
        }
    }

    /// Gives back the memory if nothing waits.
    pub(crate) fn release(&mut self) {
        if self.len == 0 && self.tail.capacity() > 0 {
            buffers::give_write(std::mem::take(&mut self.tail));
            self.chunks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::conn::Data;
    use proto::id::{PacketId, SessionId};
    use proto::wire::FrameKind;

    fn data(text: Text) -> Transmit {
        Transmit::Data(Data { kind: FrameKind::Stream, packet: PacketId(1), session: SessionId(2), text, settles: 0 })
    }

    /// Everything in the queue, written `step` bytes at a time.
    fn drain(queue: &mut WriteQueue, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !queue.is_empty() {
            let mut slices = Vec::new();
            queue.slices(&mut slices);
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let written = step.min(bytes.len());
            out.extend_from_slice(&bytes[..written]);
            drop(slices);
            queue.advance(written);
        }
        out
    }

    #[test]
    fn order_holds_across_small_and_large_and_partial_writes() {
        let large = Bytes::from(vec![7u8; SHARE_FROM + 3]);
        let parts = Text::Parts(vec![Bytes::from_static(b"head"), large.clone(), Bytes::from_static(b"tail")]);
        let expected = {
            let mut all = Vec::new();
            for text in [Text::from(b"one".to_vec()), parts.clone(), Text::from(b"two".to_vec())] {
                let Transmit::Data(data) = data(text) else { unreachable!("made as data") };
                all.extend_from_slice(&data.prefix());
                match data.text {
                    Text::Whole(bytes) => all.extend_from_slice(&bytes),
                    Text::Parts(parts) => parts.iter().for_each(|part| all.extend_from_slice(part)),
                }
            }
            all
        };
        for step in [1, 13, 16_000, usize::MAX] {
            let mut queue = WriteQueue::default();
            queue.push(data(Text::from(b"one".to_vec())));
            queue.push(data(parts.clone()));
            queue.push(data(Text::from(b"two".to_vec())));
            assert_eq!(queue.len(), expected.len());
            assert!(drain(&mut queue, step) == expected, "written {step} bytes at a time");
        }
    }

    #[test]
    fn an_empty_queue_owns_no_memory() {
        let mut queue = WriteQueue::default();
        queue.push(data(Text::from(b"one".to_vec())));
        drain(&mut queue, 5);
        queue.release();
        assert_eq!(queue.tail.capacity(), 0);
    }
}
