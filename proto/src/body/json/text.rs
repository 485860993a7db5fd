//! The text of strings: what must not stand in it, and what its escapes mean.

use std::borrow::Cow;

use super::RawString;

/// Whether a control character stands in `text`, which JSON allows only as an escape.
///
/// It looks at every byte, without an early end, so that the compiler can take many at once.
#[inline]
pub(super) fn has_control(text: &[u8]) -> bool {
    text.iter().fold(false, |found, byte| found | (*byte < b' '))
}

impl<'a> RawString<'a> {
    /// The string, with escapes resolved and everything that is not Unicode replaced by U+FFFD.
    pub(crate) fn decode(self) -> Cow<'a, str> {
        if !self.escaped
            && let Ok(text) = std::str::from_utf8(self.raw)
        {
            return Cow::Borrowed(text);
        }
        Cow::Owned(unescape(self.raw))
    }
}

/// Resolves the escapes of `raw`, which are known to be well-formed.
pub(super) fn unescape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        push_replacing(&mut text, &rest[..plain]);
        let (character, length) = escaped_char(&rest[plain..]);
        text.push(character);
        rest = &rest[plain + length..];
    }
    push_replacing(&mut text, rest);
    text
}

/// Appends `bytes`, each byte that is not part of UTF-8 as one U+FFFD, as Go does. (The standard
/// library replaces whole truncated sequences.)
fn push_replacing(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

/// The character that the escape at the start of `raw` means, and the escape's length.
fn escaped_char(raw: &[u8]) -> (char, usize) {
    let simple = match raw.get(1) {
        Some(b'u') => return unicode_escape(raw),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(other) => char::from(*other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

/// `\uXXXX`, or two of them that form a surrogate pair. A surrogate without its other half is
/// U+FFFD, and what follows it is looked at afresh.
fn unicode_escape(raw: &[u8]) -> (char, usize) {
    let first = code_unit(raw).unwrap_or(0xfffd);
    if let Some(character) = char::from_u32(u32::from(first)) {
        return (character, 6);
    }
    let pair = code_unit(&raw[6..]).map(|second| [first, second]);
    match pair.map(|units| char::decode_utf16(units).next()) {
        Some(Some(Ok(character))) => (character, 12),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The code unit of `\uXXXX` at the start of `raw`.
fn code_unit(raw: &[u8]) -> Option<u16> {
    let digits = raw.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
