//! Writing objects and strings as Go writes them.

use super::super::{Base64, Timestamp};

/// Writes the members of one object, in the order of the calls.
///
/// Every member starts with a comma; [`Members::end`] turns the first one into the opening brace.
pub(crate) struct Members<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Members<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Members { out, start }
    }

    /// Writes `,"name":` and returns where its value goes. `name` is written as it is.
    #[inline]
    pub(crate) fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes bytes, unless there are none.
    #[inline]
    pub(crate) fn bytes(&mut self, name: &str, value: &Base64<'_>) {
        if !value.is_empty() {
            write_base64(value, self.name(name));
        }
    }

    /// Writes a string, unless it is empty.
    #[inline]
    pub(crate) fn string(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            write_string(value, self.name(name));
        }
    }

    /// Writes a time, if there is one.
    #[inline]
    pub(crate) fn time(&mut self, name: &str, value: Option<Timestamp>) {
        if let Some(time) = value {
            let out = self.name(name);
            out.push(b'"');
            time.write(out);
            out.push(b'"');
        }
    }

    /// Puts the opening brace in front of the members written so far, of which there must be one or
    /// more, and leaves the object open.
    pub(crate) fn leave_open(self) {
        if let Some(first) = self.out.get_mut(self.start) {
            *first = b'{';
        }
    }

    /// Closes an object that other [`Members`] left open.
    pub(crate) fn end_opened(self) {
        self.out.push(b'}');
    }

    /// Closes the object.
    #[inline]
    pub(crate) fn end(self) {
        if self.out.len() == self.start {
            self.out.push(b'{');
        } else {
            self.out[self.start] = b'{';
        }
        self.out.push(b'}');
    }
}

/// Writes base64 text as a JSON string.
#[inline]
pub(crate) fn write_base64(value: &Base64<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(value.text());
    out.push(b'"');
}

/// Writes `text` as a JSON string that is also safe inside HTML, as Go's encoder does.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(plain) = rest.find(needs_escape) {
        out.extend_from_slice(&rest.as_bytes()[..plain]);
        let mut after = rest[plain..].chars();
        if let Some(character) = after.next() {
            write_escape(character, out);
        }
        rest = after.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Length of what [`write_string`] writes.
pub(crate) fn string_len(text: &str) -> usize {
    let escapes = text.chars().filter(|c| needs_escape(*c));
    let extra: usize = escapes.map(|c| escape_len(c) - c.len_utf8()).sum();
    2 + text.len() + extra
}

fn needs_escape(character: char) -> bool {
    matches!(character, '\0'..='\x1f' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

/// The letter of the two-byte escape of `character`, if it has one.
fn short_escape(character: char) -> Option<u8> {
    match character {
        '"' => Some(b'"'),
        '\\' => Some(b'\\'),
        '\u{8}' => Some(b'b'),
        '\u{c}' => Some(b'f'),
        '\n' => Some(b'n'),
        '\r' => Some(b'r'),
        '\t' => Some(b't'),
        _ => None,
    }
}

fn escape_len(character: char) -> usize {
    if short_escape(character).is_some() { 2 } else { 6 }
}

fn write_escape(character: char, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    if let Some(letter) = short_escape(character) {
        out.extend_from_slice(&[b'\\', letter]);
        return;
    }
    let code = u32::from(character);
    out.extend_from_slice(b"\\u");
    out.extend([12, 8, 4, 0].map(|shift| HEX[(code >> shift & 0xf) as usize]));
}
