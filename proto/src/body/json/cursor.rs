//! A position in a JSON text, and the small parts that JSON is made of.

use memchr::memchr2;

use super::super::BodyError;
use super::{names, text};

/// What a JSON text can do wrong at one place.
type Read<T> = Result<T, BodyError>;

/// A position in a JSON text.
///
/// Every method that reads a value expects to stand on its first byte and leaves the cursor just
/// behind its last one.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Cursor { text, at: 0 }
    }

    /// Offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next byte. At the end of the text it is NUL, which can start nothing in JSON.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// The bytes not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves over `count` bytes that the caller has looked at.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.at += count;
    }

    /// Moves over `byte` if it is next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// A syntax error at the next byte.
    #[cold]
    pub(crate) fn expected(&self, wanted: &'static str) -> BodyError {
        BodyError::Syntax { at: self.at.min(self.text.len()), wanted }
    }

    /// Reads the whole text: an object whose members go to `member`, or `null`, with nothing but
    /// white space around it.
    #[inline]
    pub(crate) fn document(text: &'a [u8], member: impl FnMut(&mut Self, RawString<'a>) -> Read<()>) -> Read<()> {
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        match cursor.peek() {
            b'{' => cursor.object(member)?,
            b'n' => cursor.literal(b"null")?,
            _ => return Err(cursor.expected("an object or null")),
        }
        cursor.skip_space();
        if cursor.at < text.len() {
            return Err(cursor.expected("the end of the body"));
        }
        Ok(())
    }

    /// Reads an object. `member` is called with each name, standing on its value, which it must
    /// read.
    #[inline]
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, RawString<'a>) -> Read<()>) -> Read<()> {
        self.advance(1);
        self.skip_space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let name = self.name()?;
            member(self, name)?;
            self.skip_space();
            match self.peek() {
                b',' => self.advance(1),
                b'}' => break,
                _ => return Err(self.expected("`,` or `}`")),
            }
            self.skip_space();
        }
        self.advance(1);
        Ok(())
    }

    /// Reads an array. `element` is called standing on each element, which it must read.
    pub(crate) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.advance(1);
        self.skip_space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            self.skip_space();
            match self.peek() {
                b',' => self.advance(1),
                b']' => break,
                _ => return Err(self.expected("`,` or `]`")),
            }
            self.skip_space();
        }
        self.advance(1);
        Ok(())
    }

    /// Reads the name of a member and the colon, and stops on the value.
    #[inline]
    pub(crate) fn name(&mut self) -> Read<RawString<'a>> {
        if self.peek() != b'"' {
            return Err(self.expected("the name of a member, in double quotes"));
        }
        let name = match self.short_string() {
            Some(name) => name,
            None => self.string()?,
        };
        self.skip_space();
        if !self.eat(b':') {
            return Err(self.expected("`:`"));
        }
        self.skip_space();
        Ok(name)
    }

    /// Reads a short string without escapes, byte by byte: for names this is faster than a search.
    /// `None` if the string is of another kind.
    #[inline]
    fn short_string(&mut self) -> Option<RawString<'a>> {
        const SHORT: usize = 16;
        let text = &self.rest()[1..];
        for (length, byte) in text.iter().take(SHORT).enumerate() {
            match byte {
                b'"' => {
                    self.advance(length + 2);
                    return Some(RawString { raw: &text[..length], escaped: false });
                }
                b'\\' | 0..b' ' => return None,
                _ => {}
            }
        }
        None
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Read<RawString<'a>> {
        let start = self.at + 1;
        let mut end = start;
        let mut escaped = false;
        loop {
            let rest = self.text.get(end..).unwrap_or_default();
            let plain = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            if text::has_control(&rest[..plain]) {
                return Err(self.control_in_string(end));
            }
            end += plain;
            match self.text.get(end) {
                Some(b'"') => break,
                Some(_) => end += self.escape_len(end)?,
                None => {
                    self.at = end;
                    return Err(self.expected("the rest of a string"));
                }
            }
            escaped = true;
        }
        self.at = end + 1;
        Ok(RawString { raw: &self.text[start..end], escaped })
    }

    #[cold]
    fn control_in_string(&self, from: usize) -> BodyError {
        let within = self.text[from..].iter().position(|byte| *byte < b' ').unwrap_or(0);
        BodyError::Syntax { at: from + within, wanted: "a control character as an escape" }
    }

    /// Length of the escape that starts at `at`.
    fn escape_len(&self, at: usize) -> Read<usize> {
        match &self.text[at..] {
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [_, b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => Ok(6),
            _ => Err(BodyError::Syntax { at, wanted: "an escape that JSON knows" }),
        }
    }

    /// Reads `null`, `true` or `false`.
    pub(crate) fn literal(&mut self, literal: &'static [u8]) -> Read<()> {
        if !self.rest().starts_with(literal) {
            return Err(self.expected("null, true, false, a string, a number, `{` or `[`"));
        }
        self.advance(literal.len());
        Ok(())
    }

    /// Reads a number and returns its text.
    pub(crate) fn number(&mut self) -> Read<&'a [u8]> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// Reads one digit or more.
    fn digits(&mut self) -> Read<()> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.expected("a digit"));
        }
        self.advance(count);
        Ok(())
    }
}

/// A string as it stands between its quotes. Its escapes are known to be well-formed.
#[derive(Clone, Copy)]
pub(crate) struct RawString<'a> {
    pub(crate) raw: &'a [u8],
    /// Whether `raw` contains an escape.
    pub(crate) escaped: bool,
}

impl RawString<'_> {
    /// Whether this name means the key `key`, by Go's rule: the same up to case.
    pub(crate) fn names(&self, key: &str) -> bool {
        if self.raw == key.as_bytes() {
            return true;
        }
        if self.escaped {
            names::same_folded(&text::unescape(self.raw), key)
        } else {
            std::str::from_utf8(self.raw).is_ok_and(|name| names::same_folded(name, key))
        }
    }
}
