//! From bytes to payload and signals. No IO, no clock, no copy: payload is moved together where it lies.

use std::io::Cursor;
use std::mem;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::Role;
use super::head::{self, CONTROL_MAX, Head};

/// What a peer sent that no peer may send, or that is not taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A bit is set that belongs to an extension, and there is none.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// A kind of frame that does not exist.
    #[error("unknown opcode")]
    UnknownOpcode,
    /// A client must mask its frames.
    #[error("a frame is not masked")]
    Unmasked,
    /// A server must not mask its frames.
    #[error("a frame is masked")]
    Masked,
    /// The length of a frame takes more bytes than it needs.
    #[error("a length is not in its shortest form")]
    LongForm,
    /// A ping, pong or close of more than 125 bytes, or in fragments.
    #[error("a control frame is too long or in fragments")]
    BadControl,
    /// A continuation of nothing.
    #[error("a fragment continues no message")]
    NothingToContinue,
    /// A message begins before the one before it has ended.
    #[error("a message begins amid another")]
    Interleaved,
    /// A text message.
    #[error("text messages are not taken, only binary ones")]
    Text,
    /// A message above the limit.
    #[error("a message is larger than the {max} bytes that are taken")]
    TooLarge {
        /// The limit, in bytes.
        max: u32,
    },
    /// A close frame with a single byte, or with a code that may not be sent.
    #[error("a close frame without a code that may be sent")]
    BadClose,
    /// The reason in a close frame is not UTF-8.
    #[error("the reason in a close frame is not UTF-8")]
    BadCloseText,
    /// Pings were not answered.
    #[error("no sign of life after a ping")]
    Silent,
}

impl Violation {
    /// What the peer is told.
    #[must_use]
    pub const fn code(self) -> CloseCode {
        match self {
            Violation::Text => CloseCode::Unsupported,
            Violation::TooLarge { .. } => CloseCode::Size,
            Violation::BadCloseText => CloseCode::Invalid,
            Violation::Silent => CloseCode::Policy,
            _ => CloseCode::Protocol,
        }
    }
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The peer has said goodbye, with this code if it gave one.
    Goodbye(Option<CloseCode>),
    /// The peer did what it may not.
    Violation(Violation),
}

/// The frame whose payload comes next.
#[derive(Debug)]
enum Frame {
    /// None: a head comes next.
    Between,
    /// A fragment of a message, or a whole one: so many bytes are still to come.
    Data { left: u64, mask: [u8; 4] },
    /// A control frame.
    Control { kind: Control, left: u8, mask: [u8; 4] },
}

/// Takes frames apart, in whatever pieces they come. Its memory is bounded by one head and two control frames.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    max_message: u32,
    frame: Frame,
    /// The front of a head whose rest has not come yet.
    head: Head,
    /// The payload of a control frame, as far as it came.
    control: Vec<u8>,
    /// Bytes of the message under way, those announced included.
    message: u64,
    /// Whether a message in fragments is under way.
    fragmented: bool,
    /// The payload of the latest ping that nobody has taken.
    ping: Option<Vec<u8>>,
    stop: Option<Stop>,
}

impl Decoder {
    /// Takes apart what the peer of `role` sends, messages of at most `max_message` bytes.
    #[must_use]
    pub fn new(role: Role, max_message: u32) -> Self {
        Self {
            role,
            max_message,
            frame: Frame::Between,
            head: Head::default(),
            control: Vec::new(),
            message: 0,
            fragmented: false,
            ping: None,
            stop: None,
        }
    }

    /// Takes in what came. Returns how many bytes of payload were in it, which then lie at the front of `raw`. Once there is
    /// a reason to stop, what follows it is not looked at.
    pub fn decode(&mut self, raw: &mut [u8]) -> usize {
        let mut payload = 0;
        let mut at = 0;
        while self.stop.is_none() {
            match &mut self.frame {
                Frame::Between => match self.take_head(&raw[at..]) {
                    Some(taken) => at += taken,
                    None => break,
                },
                Frame::Data { left, mask } => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(raw.len() - at);
                    raw.copy_within(at..at + len, payload);
                    head::mask(&mut raw[payload..payload + len], mask);
                    *left -= len as u64;
                    at += len;
                    payload += len;
                    if *left > 0 {
                        break;
                    }
                    self.frame = Frame::Between;
                }
                Frame::Control { left, mask, .. } => {
                    let len = usize::from(*left).min(raw.len() - at);
                    let from = self.control.len();
                    self.control.extend_from_slice(&raw[at..at + len]);
                    head::mask(&mut self.control[from..], mask);
                    *left -= len as u8;
                    at += len;
                    if *left > 0 {
                        break;
                    }
                    self.end_control();
                }
            }
        }
        payload
    }

    /// The payload of the latest ping that came and was not taken before: it is to be answered by a pong with the same.
    pub fn take_ping(&mut self) -> Option<Vec<u8>> {
        self.ping.take()
    }

    /// Whether a ping waits for its pong.
    #[must_use]
    pub fn has_ping(&self) -> bool {
        self.ping.is_some()
    }

    /// Why nothing more is taken in, if so.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Takes in nothing more.
    pub fn give_up(&mut self, violation: Violation) {
        self.stop.get_or_insert(Stop::Violation(violation));
    }

    /// Takes a head from the front of `raw`, behind what is kept of it. `None`: its rest has not come, and what has is kept.
    fn take_head(&mut self, raw: &[u8]) -> Option<usize> {
        let kept = self.head.bytes().len();
        let parsed = if kept == 0 {
            parse(raw)
        } else {
            self.head.fill(raw);
            parse(self.head.bytes())
        };
        match parsed {
            Ok(Some((header, len, size))) => {
                self.head.clear();
                if let Err(violation) = self.begin(&header, len, size) {
                    self.give_up(violation);
                }
                Some(size - kept)
            }
            Ok(None) => {
                if kept == 0 {
                    self.head.fill(raw);
                }
                None
            }
            Err(violation) => {
                self.give_up(violation);
                None
            }
        }
    }

    /// Begins the frame of this head, which took `size` bytes and announces `len`.
    fn begin(&mut self, header: &FrameHeader, len: u64, size: usize) -> Result<(), Violation> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBit);
        }
        let mask = match (self.role, header.mask) {
            (Role::Server, None) => return Err(Violation::Unmasked),
            (Role::Client, Some(_)) => return Err(Violation::Masked),
            (_, mask) => mask.unwrap_or_default(),
        };
        if header.len(len) != size {
            return Err(Violation::LongForm);
        }
        match header.opcode {
            OpCode::Control(kind) => {
                let short = u8::try_from(len).ok().filter(|len| usize::from(*len) <= CONTROL_MAX);
                let left = short.filter(|_| header.is_final).ok_or(Violation::BadControl)?;
                self.frame = Frame::Control { kind, left, mask };
                Ok(())
            }
            OpCode::Data(data) => {
                match (data, self.fragmented) {
                    (Data::Continue, true) | (Data::Binary, false) => {}
                    (Data::Continue, false) => return Err(Violation::NothingToContinue),
                    (_, true) => return Err(Violation::Interleaved),
                    (_, false) => return Err(Violation::Text),
                }
                self.message = self.message.saturating_add(len);
                if self.message > u64::from(self.max_message) {
                    return Err(Violation::TooLarge { max: self.max_message });
                }
                self.fragmented = !header.is_final;
                if header.is_final {
                    self.message = 0;
                }
                self.frame = Frame::Data { left: len, mask };
                Ok(())
            }
        }
    }

    fn end_control(&mut self) {
        let payload = mem::take(&mut self.control);
        match mem::replace(&mut self.frame, Frame::Between) {
            Frame::Control { kind: Control::Ping, .. } => self.ping = Some(payload),
            Frame::Control { kind: Control::Close, .. } => {
                let goodbye = goodbye(&payload);
                self.stop = Some(goodbye.map_or_else(Stop::Violation, Stop::Goodbye));
            }
            // A pong is a sign of life, as every byte is.
            _ => {}
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(FrameHeader, u64, usize)>, Violation> {
    let mut cursor = Cursor::new(bytes);
    match FrameHeader::parse(&mut cursor) {
        Ok(Some((header, len))) => {
            let size = usize::try_from(cursor.position()).expect("a head has at most 14 bytes");
            Ok(Some((header, len, size)))
        }
        Ok(None) => Ok(None),
        Err(_) => Err(Violation::UnknownOpcode),
    }
}

/// What the payload of a close frame says.
fn goodbye(payload: &[u8]) -> Result<Option<CloseCode>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::BadClose) };
    };
    let code = CloseCode::from(u16::from_be_bytes(*code));
    if !code.is_allowed() {
        return Err(Violation::BadClose);
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(Violation::BadCloseText),
    }
}
