//! Bytes on their way between a stream and its link's task.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;

/// Pieces below this size are joined, so that holding them takes no more than their bytes.
const JOIN_BELOW: usize = 4 * 1024;

/// Bytes in order. Owns no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    chunks: VecDeque<Bytes>,
    /// Small pieces, behind the chunks.
    tail: BytesMut,
    len: usize,
}

impl Buffer {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Adds `data`; `keep` makes it last if it is not joined with others.
    pub(super) fn push(&mut self, data: &[u8], keep: impl FnOnce(&[u8]) -> Bytes) {
        self.len += data.len();
        if data.len() < JOIN_BELOW {
            self.tail.extend_from_slice(data);
        } else {
            self.seal();
            self.chunks.push_back(keep(data));
        }
    }

    /// Moves the tail in front of what comes next.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(std::mem::take(&mut self.tail).freeze());
        }
    }

    /// Moves bytes to `buf` as far as it has room; how many.
    pub(super) fn read(&mut self, buf: &mut ReadBuf<'_>) -> usize {
        let room = buf.remaining();
        while let Some(front) = self.chunks.front_mut().filter(|_| buf.remaining() > 0) {
            take(front, buf);
            if front.is_empty() {
                self.chunks.pop_front();
            }
        }
        if self.chunks.is_empty() {
            take(&mut self.tail, buf);
        }
        let read = room - buf.remaining();
        self.len -= read;
        if self.len == 0 {
            *self = Self::default();
        }
        read
    }

    /// Takes everything, in pieces.
    pub(super) fn take(&mut self) -> VecDeque<Bytes> {
        self.seal();
        std::mem::take(self).chunks
    }
}

fn take(from: &mut impl Buf, buf: &mut ReadBuf<'_>) {
    let step = from.remaining().min(buf.remaining());
    buf.put_slice(&from.chunk()[..step]);
    from.advance(step);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [usize; 7] = [1, 5_000, 2, 3, 4_095, 4_096, 7];

    fn filled() -> (Buffer, Vec<u8>) {
        let all: Vec<u8> = (0..PIECES.iter().sum()).map(|at: usize| at as u8).collect();
        let mut buffer = Buffer::default();
        let mut rest = &all[..];
        for piece in PIECES {
            let (data, behind) = rest.split_at(piece);
            buffer.push(data, Bytes::copy_from_slice);
            rest = behind;
        }
        assert_eq!(buffer.len(), all.len());
        (buffer, all)
    }

    #[test]
    fn bytes_are_read_in_order_in_steps_of_any_size() {
        for step in [1, 100, 4_096, 100_000] {
            let (mut buffer, all) = filled();
            let mut read = Vec::new();
            while buffer.len() > 0 {
                let mut room = vec![0; step];
                let mut room = ReadBuf::new(&mut room);
                assert_eq!(buffer.read(&mut room), room.filled().len());
                read.extend_from_slice(room.filled());
            }
            assert!(read == all, "in steps of {step}");
        }
    }

    #[test]
    fn small_pieces_are_taken_as_one() {
        let (mut buffer, all) = filled();
        let pieces = buffer.take();
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [1, 5_000, 4_100, 4_096, 7]);
        assert!(pieces.iter().flatten().eq(&all));
        assert_eq!(buffer.len(), 0);
    }
}
