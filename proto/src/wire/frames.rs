//! Cuts a byte stream into frames, in place.

use super::{HEADER_LEN, Header, WireError};

/// Walks over bytes that were read and yields the whole frames at their front.
///
/// Borrowed from the read buffer: nothing is copied. What is left when no whole frame remains is told by [`Frames::rest`].
#[derive(Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    max_payload: u32,
}

/// What stands at the front of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut<'a> {
    /// A whole frame.
    Frame(Header, &'a [u8]),
    /// The front is a part of a frame. As far as is known yet, the whole takes that many bytes, header included.
    Partial {
        /// Length of the whole frame, or of a header while that is incomplete.
        need: usize,
    },
}

impl<'a> Frames<'a> {
    /// Walks over `bytes`; payloads above `max_payload` are refused as soon as their header is there.
    #[must_use]
    pub const fn new(bytes: &'a [u8], max_payload: u32) -> Self {
        Self { bytes, max_payload }
    }

    /// The next frame.
    ///
    /// # Errors
    /// A header that no peer may send; the stream cannot be followed any further.
    pub fn cut(&mut self) -> Result<Cut<'a>, WireError> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER_LEN>() else {
            return Ok(Cut::Partial { need: HEADER_LEN });
        };
        let header = Header::decode(header, self.max_payload)?;
        match rest.split_at_checked(header.len as usize) {
            Some((payload, rest)) => {
                self.bytes = rest;
                Ok(Cut::Frame(header, payload))
            }
            None => Ok(Cut::Partial { need: HEADER_LEN + header.len as usize }),
        }
    }

    /// The bytes that were not yet cut.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}
