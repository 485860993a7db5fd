//! What must not leave on a channel that is closed.
//!
//! lapin confirms that the server has closed a channel before it has sent all that it was given for that channel; what
//! comes behind is an error to the server, which then closes the connection. So frames for a channel whose end was confirmed go no
//! further until it is opened again. Whoever waits for them has been told of the channel's end.

use std::collections::HashSet;

const METHOD: u8 = 1;
const CHANNEL_OPEN: [u8; 4] = [0, 20, 0, 10];
const CHANNEL_CLOSE_OK: [u8; 4] = [0, 20, 0, 41];

/// The head of a frame: its type, its channel, the size of what follows.
const HEAD: usize = 7;
/// The head of a frame with a method, and the method.
const METHOD_HEAD: usize = HEAD + 4;

/// Lets whole frames through, or not.
#[derive(Debug)]
pub(super) struct Sieve {
    /// The beginning of a frame that is not known to pass yet.
    head: Vec<u8>,
    /// Bytes that are left of the frame before it, and whether they pass.
    left: usize,
    passes: bool,
    closed: HashSet<u16>,
}

impl Sieve {
    /// Before anything was sent.
    pub(super) fn new() -> Self {
        // The first thing is no frame: "AMQP" and a version.
        Self { head: Vec::with_capacity(METHOD_HEAD), left: 8, passes: true, closed: HashSet::new() }
    }

    /// Puts what passes of `bytes` behind `out`.
    pub(super) fn sift(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let wanted = match (self.left, self.head.first()) {
                (0, Some(&METHOD)) => METHOD_HEAD - self.head.len(),
                // The type comes first, and says how long the head is.
                (0, None) => 1,
                (0, Some(_)) => HEAD - self.head.len(),
                (left, _) => left,
            };
            let (now, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if self.left > 0 {
                self.left -= now.len();
                if self.passes {
                    out.extend_from_slice(now);
                }
                continue;
            }
            self.head.extend_from_slice(now);
            let whole = if self.head[0] == METHOD { METHOD_HEAD } else { HEAD };
            if self.head.len() == whole {
                self.decide(out);
            }
        }
    }

    /// The head is there.
    fn decide(&mut self, out: &mut Vec<u8>) {
        let channel = u16::from_be_bytes([self.head[1], self.head[2]]);
        let size = u32::from_be_bytes([self.head[3], self.head[4], self.head[5], self.head[6]]) as usize;
        let method = self.head.get(HEAD..).filter(|method| !method.is_empty());
        if method == Some(&CHANNEL_OPEN) {
            self.closed.remove(&channel);
        }
        self.passes = !self.closed.contains(&channel);
        if method == Some(&CHANNEL_CLOSE_OK) {
            self.closed.insert(channel);
        }
        if self.passes {
            out.extend_from_slice(&self.head);
        }
        // One byte ends the frame. Every method has at least its own four.
        self.left = (size + 1).saturating_sub(self.head.len() - HEAD);
        self.head.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
        let size = (payload.len() as u32).to_be_bytes();
        [&[kind][..], &channel.to_be_bytes(), &size, payload, &[0xce]].concat()
    }

    /// What comes out if it goes in in pieces of `piece` bytes.
    fn sifted(frames: &[Vec<u8>], piece: usize) -> Vec<u8> {
        let (mut sieve, mut out) = (Sieve::new(), Vec::new());
        let all = [b"AMQP\0\0\x09\x01".to_vec(), frames.concat()].concat();
        all.chunks(piece).for_each(|piece| sieve.sift(piece, &mut out));
        assert_eq!(&out[..8], b"AMQP\0\0\x09\x01");
        out[8..].to_vec()
    }

    #[test]
    fn what_comes_behind_the_end_of_a_channel_is_held_back_until_it_is_opened_again() {
        let publish = |channel| {
            let method = frame(METHOD, channel, b"\x00\x3c\x00\x28key");
            [method, frame(2, channel, b"header"), frame(3, channel, b"body")].concat()
        };
        let (close_ok, open) = (frame(METHOD, 1, &CHANNEL_CLOSE_OK), frame(METHOD, 1, b"\x00\x14\x00\x0a\x00"));
        let heartbeat = frame(8, 0, b"");
        let frames = [
            publish(1),
            close_ok.clone(),
            publish(1),
            publish(2),
            heartbeat.clone(),
            frame(3, 1, b""),
            open.clone(),
            publish(1),
        ];
        let expected = [publish(1), close_ok, publish(2), heartbeat, open, publish(1)].concat();
        for piece in [1, 2, 3, 7, 10, 11, 12, 64, 1000] {
            assert_eq!(sifted(&frames, piece), expected, "in pieces of {piece}");
        }
    }
}
