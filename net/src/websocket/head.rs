//! Heads of frames, and masks.

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;

/// The longest head: two bytes, a length of eight, a mask of four.
const HEAD_MAX: usize = 14;

/// The longest payload of a control frame.
pub(super) const CONTROL_MAX: usize = 125;

/// A head, or the front of one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    bytes: [u8; HEAD_MAX],
    from: u8,
    to: u8,
}

impl Head {
    pub(super) const EMPTY: Self = Self { bytes: [0; HEAD_MAX], from: 0, to: 0 };

    /// The head of a frame that ends its message.
    pub(super) fn of(opcode: OpCode, len: u64, mask: Option<[u8; 4]>) -> Self {
        let mut bytes = [0; HEAD_MAX];
        let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
        header.format(len, &mut &mut bytes[..]).expect("every head fits");
        Self { bytes, from: 0, to: header.len(len) as u8 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.from.into()..self.to.into()]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Appends as many bytes of `more` as there is room for.
    pub(super) fn fill(&mut self, more: &[u8]) {
        let room = &mut self.bytes[self.to.into()..];
        let len = room.len().min(more.len());
        room[..len].copy_from_slice(&more[..len]);
        self.to += len as u8;
    }

    /// Takes `len` bytes off the front.
    pub(super) fn advance(&mut self, len: usize) {
        self.from += len as u8;
    }

    pub(super) fn clear(&mut self) {
        (self.from, self.to) = (0, 0);
    }
}

/// Masks `bytes`, or takes the mask off, and turns it on by as many.
pub(super) fn mask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    if *mask == [0; 4] {
        return;
    }
    let [a, b, c, d] = *mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for chunk in &mut words {
        let eight: &mut [u8; 8] = chunk.try_into().expect("chunks of eight");
        *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
    }
    for (byte, key) in words.into_remainder().iter_mut().zip([a, b, c, d].into_iter().cycle()) {
        *byte ^= key;
    }
    mask.rotate_left(bytes.len() % 4);
}
