//! Bytes as the base64 text they travel in.

use std::fmt;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

/// Go's decoder wants padding, but does not mind bits behind the last byte.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);

/// For what is short.
const ENGINE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG);

/// For what is long: with the vector instructions that the processor has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static LONG_ENGINE: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::standard(CONFIG));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static LONG_ENGINE: LazyLock<GeneralPurpose> = LazyLock::new(|| ENGINE);

/// From this length on the vector instructions are worth their start.
const LONG: usize = 64;

/// Longest text kept without an allocation, a custom of 7 bytes with its id: as much as makes the value no larger than an
/// owned text does.
const INLINE: usize = 22;

/// Length of the id at the end of a custom (wire-protocol §11).
const TAIL: usize = 8;

/// Bytes in the form in which they travel: base64 text of the standard alphabet, padded and known to
/// be valid.
///
/// The text is passed on as it came: it may carry bits behind the last byte, which decoders ignore
/// and which make the text differ from what [`Base64::encode`] gives. Two values are equal if their
/// texts are.
#[derive(Clone)]
pub struct Base64<'a>(Text<'a>);

#[derive(Clone)]
enum Text<'a> {
    Borrowed(&'a [u8]),
    Inline { length: u8, text: [u8; INLINE] },
    Owned(Box<[u8]>),
}

impl<'a> Base64<'a> {
    /// Encodes `bytes`.
    pub fn encode(bytes: &[u8]) -> Base64<'static> {
        joined(&[], bytes)
    }

    /// Takes `text` if it is base64 of the standard alphabet with padding, without line ends.
    pub fn from_text(text: &'a [u8]) -> Option<Base64<'a>> {
        is_base64(text).then_some(Base64(Text::Borrowed(text)))
    }

    /// As [`Base64::from_text`].
    pub(super) fn from_owned_text(text: Vec<u8>) -> Option<Base64<'a>> {
        is_base64(&text).then(|| Base64(Text::Owned(text.into_boxed_slice())))
    }

    /// `text` must be valid.
    #[inline]
    pub(super) fn borrowed(text: &'a [u8]) -> Self {
        debug_assert!(is_base64(text));
        Base64(Text::Borrowed(text))
    }

    /// The base64 text.
    #[inline]
    pub fn text(&self) -> &[u8] {
        match &self.0 {
            Text::Borrowed(text) => text,
            Text::Inline { length, text } => &text[..usize::from(*length)],
            Text::Owned(text) => text,
        }
    }

    /// The base64 text as a slice of `frame` if it was borrowed from there, else as a copy.
    pub fn shared_text(&self, frame: &Bytes) -> Bytes {
        let text = self.text();
        let (outer, inner) = (frame.as_ptr_range(), text.as_ptr_range());
        if outer.start <= inner.start && inner.end <= outer.end {
            frame.slice_ref(text)
        } else {
            Bytes::copy_from_slice(text)
        }
    }

    /// Whether there are no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// Number of bytes that the text stands for.
    pub fn decoded_len(&self) -> usize {
        let text = self.text();
        text.len() / 4 * 3 - padding(text)
    }

    /// The bytes.
    pub fn decode(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.decoded_len()];
        decode_text(self.text(), &mut bytes);
        bytes
    }

    /// Writes the bytes to the front of `out` and returns how many there are, which is
    /// [`Base64::decoded_len`]. `None`, with nothing written, if they do not fit.
    pub fn decode_into(&self, out: &mut [u8]) -> Option<usize> {
        (self.decoded_len() <= out.len()).then(|| decode_text(self.text(), out))
    }

    /// The bytes, if there are exactly `N` of them.
    pub fn decode_array<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.decode_into(&mut bytes)? == N).then_some(bytes)
    }

    /// The same bytes, borrowed from here.
    pub fn reborrow(&self) -> Base64<'_> {
        Base64(Text::Borrowed(self.text()))
    }

    /// The same bytes, borrowing nothing.
    pub fn into_owned(self) -> Base64<'static> {
        match self.0 {
            Text::Borrowed(text) => joined(text, &[]),
            Text::Inline { length, text } => Base64(Text::Inline { length, text }),
            Text::Owned(text) => Base64(Text::Owned(text)),
        }
    }

    /// These bytes with `id` appended as 8 bytes, the highest first. Only the last group of the text
    /// is encoded anew (wire-protocol §14.1).
    pub fn with_tail(&self, id: u64) -> Base64<'static> {
        let text = self.text();
        let whole = text.len() - if padding(text) > 0 { 4 } else { 0 };
        let mut last = [0; 2 + TAIL];
        let kept = decode_text(&text[whole..], &mut last);
        last[kept..kept + TAIL].copy_from_slice(&id.to_be_bytes());
        joined(&text[..whole], &last[..kept + TAIL])
    }

    /// The last 8 bytes as an id, the highest first, and what precedes them. `None` if there are
    /// fewer than 8 bytes. The inverse of [`Base64::with_tail`].
    pub fn split_tail(&self) -> Option<(Base64<'a>, u64)> {
        let head = self.decoded_len().checked_sub(TAIL)?;
        // Whole groups of 3 bytes in the head stay as they are; the rest of it is up to 2 bytes in
        // the group that the id starts in.
        let (whole, kept) = (head / 3 * 4, head % 3);
        let mut last = [0; 2 + TAIL];
        decode_text(&self.text()[whole..], &mut last);
        let mut id = [0; TAIL];
        id.copy_from_slice(&last[kept..kept + TAIL]);
        let head = match self.0 {
            Text::Borrowed(text) if kept == 0 => Base64(Text::Borrowed(&text[..whole])),
            _ => joined(&self.text()[..whole], &last[..kept]),
        };
        Some((head, u64::from_be_bytes(id)))
    }
}

impl Default for Base64<'_> {
    /// No bytes.
    fn default() -> Self {
        Base64(Text::Borrowed(&[]))
    }
}

impl PartialEq for Base64<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Base64<'_> {}

impl fmt::Debug for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({})", String::from_utf8_lossy(self.text()))
    }
}

/// The groups `head` followed by the encoding of `bytes`.
fn joined(head: &[u8], bytes: &[u8]) -> Base64<'static> {
    let length = head.len() + bytes.len().div_ceil(3) * 4;
    build(length, |out| {
        let (front, back) = out.split_at_mut(head.len());
        front.copy_from_slice(head);
        let written = match bytes.len() {
            ..LONG => ENGINE.encode_slice(bytes, back),
            _ => LONG_ENGINE.encode_slice(bytes, back),
        };
        debug_assert_eq!(written, Ok(back.len()));
    })
}

/// A text of `length` bytes that `fill` writes.
fn build(length: usize, fill: impl FnOnce(&mut [u8])) -> Base64<'static> {
    let mut inline = [0; INLINE];
    match (inline.get_mut(..length), u8::try_from(length)) {
        (Some(text), Ok(length)) => {
            fill(text);
            Base64(Text::Inline { length, text: inline })
        }
        _ => {
            let mut text = vec![0; length];
            fill(&mut text);
            Base64(Text::Owned(text.into_boxed_slice()))
        }
    }
}

/// Decodes valid text into `out`, which has room for it, and returns the number of bytes.
fn decode_text(text: &[u8], out: &mut [u8]) -> usize {
    let decoded = match text.len() {
        ..LONG => ENGINE.decode_slice(text, out),
        _ => LONG_ENGINE.decode_slice(text, out),
    };
    decoded.expect("the text was checked when the value was made")
}

/// Number of padding characters at the end of valid text.
#[inline]
fn padding(text: &[u8]) -> usize {
    match text {
        [.., b'=', b'='] => 2,
        [.., b'='] => 1,
        _ => 0,
    }
}

/// Whether `text` is base64 of the standard alphabet, in whole groups, padded.
fn is_base64(text: &[u8]) -> bool {
    text.len().is_multiple_of(4) && alphabet_run(text) + padding(text) == text.len()
}

/// Number of bytes at the start of `text` that belong to the alphabet.
#[inline]
pub(super) fn alphabet_run(text: &[u8]) -> usize {
    const CHUNK: usize = 32;
    let mut run = 0;
    for chunk in text.chunks_exact(CHUNK) {
        if !chunk.iter().fold(true, |all, byte| all & in_alphabet(*byte)) {
            break;
        }
        run += CHUNK;
    }
    run + text[run..].iter().take_while(|byte| ALPHABET[usize::from(**byte)]).count()
}

/// [`in_alphabet`] for every byte: faster than asking where bytes are looked at one by one.
static ALPHABET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = in_alphabet(byte as u8);
        byte += 1;
    }
    table
};

/// Whether `byte` is one of the 64 characters. Written without branches and tables, so that the
/// compiler can ask it of many bytes at once.
#[inline]
const fn in_alphabet(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte == b'+') | (byte == b'/')
}
