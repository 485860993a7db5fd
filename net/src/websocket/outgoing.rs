//! From payload and signals to bytes. No IO.

use std::io::IoSlice;

use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::Role;
use super::head::{self, CONTROL_MAX, Head};

/// Payload of one data frame at most: between two frames a pong or a ping can go out.
const FRAME_MAX: usize = 64 * 1024;

/// Slices that one write takes at most, the head aside.
const SLICES: usize = 16;

/// How far this end's direction is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// The close frame goes out as soon as it can.
    Wanted(CloseCode, &'static str),
    /// It is on its way, or gone. Nothing follows it.
    Said,
}

/// What waits to be written, and the data frame under way.
///
/// A server announces a data frame by its head and passes its payload on from the caller's memory; a client has to
/// change each byte, and so keeps a frame until the socket has taken it.
#[derive(Debug)]
pub(super) struct Outgoing {
    role: Role,
    /// The head of the data frame under way, as far as it is not written. Servers only.
    head: Head,
    /// Payload of that frame which is still to come. Servers only.
    owed: usize,
    /// Whole frames, written from `at` on.
    frames: Vec<u8>,
    at: usize,
    closing: Closing,
}

impl Outgoing {
    pub(super) const fn new(role: Role) -> Self {
        Self { role, head: Head::EMPTY, owed: 0, frames: Vec::new(), at: 0, closing: Closing::No }
    }

    pub(super) const fn role(&self) -> Role {
        self.role
    }

    /// Whether no data frame is in its middle.
    pub(super) fn is_between(&self) -> bool {
        self.owed == 0 && self.head.is_empty()
    }

    /// Whether a close frame is on its way or gone.
    pub(super) fn is_closed(&self) -> bool {
        self.closing == Closing::Said
    }

    /// Whether a close frame still waits for the end of a data frame.
    pub(super) fn wants_close(&self) -> bool {
        matches!(self.closing, Closing::Wanted(..))
    }

    /// Says goodbye as soon as it can, unless that is said already.
    pub(super) fn close(&mut self, code: CloseCode, reason: &'static str) {
        if self.closing == Closing::No {
            self.closing = Closing::Wanted(code, reason);
        }
    }

    /// Whole frames that wait to be written; only between data frames.
    pub(super) fn frames(&self) -> &[u8] {
        &self.frames[self.at..]
    }

    /// So many bytes of [`Outgoing::frames`] are written.
    pub(super) fn frames_written(&mut self, len: usize) {
        self.at += len;
        if self.at == self.frames.len() {
            self.frames = Vec::new();
            self.at = 0;
        }
    }

    /// Puts a ping or pong behind what waits.
    pub(super) fn control(&mut self, control: Control, payload: &[u8]) {
        debug_assert!(payload.len() <= CONTROL_MAX, "a control frame is short");
        self.whole(OpCode::Control(control), &[IoSlice::new(payload)], payload.len());
    }

    /// Puts the close frame behind what waits, if one is wanted. The code that says that there is none is sent as none.
    pub(super) fn say_goodbye(&mut self) {
        let Closing::Wanted(code, reason) = self.closing else { return };
        self.closing = Closing::Said;
        let mut payload = [0; CONTROL_MAX];
        let mut len = 0;
        if code != CloseCode::Status {
            payload[..2].copy_from_slice(&u16::from(code).to_be_bytes());
            let reason = &reason.as_bytes()[..reason.len().min(CONTROL_MAX - 2)];
            len = 2 + reason.len();
            payload[2..len].copy_from_slice(reason);
        }
        self.whole(OpCode::Control(Control::Close), &[IoSlice::new(&payload[..len])], len);
    }

    /// Puts a whole frame with the first `len` bytes of `slices` behind what waits.
    fn whole(&mut self, opcode: OpCode, slices: &[IoSlice<'_>], len: usize) {
        let key = (self.role == Role::Client).then(random_mask);
        self.frames.extend_from_slice(Head::of(opcode, len as u64, key).bytes());
        let from = self.frames.len();
        for slice in slices {
            let room = from + len - self.frames.len();
            self.frames.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        if let Some(mut key) = key {
            head::mask(&mut self.frames[from..], &mut key);
        }
    }

    /// A client's data frame of what is in `slices`: put behind what waits. Returns how much of it.
    pub(super) fn masked(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let len = slices.iter().map(|slice| slice.len()).sum::<usize>().min(FRAME_MAX);
        if len > 0 {
            self.whole(OpCode::Data(Data::Binary), slices, len);
        }
        len
    }

    /// A server's data frame: begins one for what is in `slices` unless one is under way, and returns what of head and
    /// payload is to be written next.
    pub(super) fn next<'a>(&'a mut self, slices: &'a [IoSlice<'a>]) -> ([IoSlice<'a>; SLICES + 1], usize) {
        let slices = &slices[..slices.len().min(SLICES)];
        if self.is_between() {
            let len = slices.iter().map(|slice| slice.len()).sum::<usize>().min(FRAME_MAX);
            self.owed = len;
            self.head = if len == 0 { Head::EMPTY } else { Head::of(OpCode::Data(Data::Binary), len as u64, None) };
        }
        let mut next = [IoSlice::new(&[]); SLICES + 1];
        let mut count = 0;
        if !self.head.is_empty() {
            next[0] = IoSlice::new(self.head.bytes());
            count = 1;
        }
        let mut room = self.owed;
        for slice in slices {
            let len = slice.len().min(room);
            if len > 0 {
                next[count] = IoSlice::new(&slice[..len]);
                count += 1;
                room -= len;
            }
        }
        (next, count)
    }

    /// So many bytes of what [`Outgoing::next`] gave are written. Returns how many of them were payload.
    pub(super) fn written(&mut self, len: usize) -> usize {
        let of_head = len.min(self.head.bytes().len());
        self.head.advance(of_head);
        self.owed -= len - of_head;
        len - of_head
    }
}

/// Those between the ends must not be able to choose what the bytes will be.
fn random_mask() -> [u8; 4] {
    let mut mask = [0; 4];
    aws_lc_rs::rand::fill(&mut mask).expect("the system gives random bytes");
    mask
}
