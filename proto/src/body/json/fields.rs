//! Values of the kinds that the bodies know, read into fields. `null` empties bytes and leaves the
//! other kinds as they were, so that of several values under one name the last that is not `null`
//! counts.

use std::borrow::Cow;

use super::super::base64_text::alphabet_run;
use super::super::{Base64, BodyError, Timestamp};
use super::Cursor;

/// Go writes the zero time where no deadline is set, in nearly every packet.
const ZERO_TIME: &[u8] = b"\"0001-01-01T00:00:00Z\"";

impl<'a> Cursor<'a> {
    /// The value of `key` is not of a kind that `key` takes. What follows is not looked at: the body
    /// is refused in any case.
    #[cold]
    pub(crate) fn wrong_value(&self, key: &'static str, wanted: &'static str) -> BodyError {
        BodyError::Value { key, at: self.at(), wanted }
    }

    /// Reads a string or `null`.
    pub(crate) fn string_field(&mut self, key: &'static str, field: &mut Cow<'a, str>) -> Result<(), BodyError> {
        match self.peek() {
            b'"' => *field = self.string()?.decode(),
            b'n' => self.literal(b"null")?,
            _ => return Err(self.wrong_value(key, "a string or null")),
        }
        Ok(())
    }

    /// Reads base64 text, an array of bytes or `null`.
    #[inline]
    pub(crate) fn bytes_field(&mut self, key: &'static str, field: &mut Base64<'a>) -> Result<(), BodyError> {
        *field = match self.peek() {
            b'"' => match self.plain_base64() {
                Some(text) => text,
                None => self.unusual_base64(key)?,
            },
            b'[' => self.byte_array(key, field)?,
            b'n' => self.literal(b"null").map(|()| Base64::default())?,
            _ => return Err(self.wrong_value(key, "base64 text, an array of bytes or null")),
        };
        Ok(())
    }

    /// Base64 text as nearly everybody writes it: nothing but the alphabet and the padding.
    #[inline]
    fn plain_base64(&mut self) -> Option<Base64<'a>> {
        let text = &self.rest()[1..];
        let run = alphabet_run(text);
        let padding = match &text[run..] {
            [b'"', ..] => 0,
            [b'=', b'"', ..] => 1,
            [b'=', b'=', b'"', ..] => 2,
            _ => return None,
        };
        let length = run + padding;
        if !length.is_multiple_of(4) {
            return None;
        }
        self.advance(length + 2);
        Some(Base64::borrowed(&text[..length]))
    }

    /// Base64 text with escapes or line ends in it, or something that is no base64 text.
    #[cold]
    fn unusual_base64(&mut self, key: &'static str) -> Result<Base64<'a>, BodyError> {
        let mut text = self.string()?.decode().into_owned().into_bytes();
        text.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        Base64::from_owned_text(text)
            .ok_or_else(|| self.wrong_value(key, "base64 text of the standard alphabet, padded"))
    }

    /// Bytes written as an array of numbers. A `null` among them is 0, or where an earlier value of
    /// the same name had a byte at this place, that byte: Go decodes into the list it has. (Go may
    /// even show a byte of the value before that one. Nobody can want this; it is 0 here.)
    #[cold]
    fn byte_array(&mut self, key: &'static str, earlier: &Base64<'a>) -> Result<Base64<'a>, BodyError> {
        const WANTED: &str = "an array of integers 0 to 255";
        let earlier = earlier.decode();
        let mut bytes = Vec::new();
        self.array(|cursor| {
            let mut byte = earlier.get(bytes.len()).copied().map_or(0, u64::from);
            cursor.u64_field(key, WANTED, &mut byte)?;
            bytes.push(u8::try_from(byte).map_err(|_| cursor.wrong_value(key, WANTED))?);
            Ok(())
        })?;
        Ok(Base64::encode(&bytes))
    }

    /// Reads an RFC 3339 time or `null`. Go's zero time is `None`.
    #[inline]
    pub(crate) fn time_field(&mut self, key: &'static str, field: &mut Option<Timestamp>) -> Result<(), BodyError> {
        if self.rest().starts_with(ZERO_TIME) {
            self.advance(ZERO_TIME.len());
            *field = None;
            return Ok(());
        }
        match self.peek() {
            b'"' => {
                // Go reads the text as it stands: an escape in it is no part of a time.
                let raw = self.string()?.raw;
                let time = Timestamp::parse(raw).ok_or_else(|| self.wrong_value(key, "an RFC 3339 time or null"))?;
                *field = (time != Timestamp::GO_ZERO).then_some(time);
            }
            b'n' => self.literal(b"null")?,
            _ => return Err(self.wrong_value(key, "an RFC 3339 time or null")),
        }
        Ok(())
    }

    /// Reads an integer that fits an `i64`, or `null`, and drops it.
    pub(crate) fn skip_i64_field(&mut self, key: &'static str) -> Result<(), BodyError> {
        self.integer::<i64>(key, "an integer of 64 bits or null").map(|_| ())
    }

    /// Reads an integer that fits a `u64`, or `null`.
    pub(crate) fn u64_field(
        &mut self,
        key: &'static str,
        wanted: &'static str,
        field: &mut u64,
    ) -> Result<(), BodyError> {
        if let Some(value) = self.integer(key, wanted)? {
            *field = value;
        }
        Ok(())
    }

    /// An integer written without fraction and exponent. `None` if it is `null`.
    fn integer<N: std::str::FromStr>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
    ) -> Result<Option<N>, BodyError> {
        match self.peek() {
            b'-' | b'0'..=b'9' => {
                let number = std::str::from_utf8(self.number()?).ok();
                let value = number.and_then(|number| number.parse().ok());
                value.map(Some).ok_or_else(|| self.wrong_value(key, wanted))
            }
            b'n' => self.literal(b"null").map(|()| None),
            _ => Err(self.wrong_value(key, wanted)),
        }
    }
}
