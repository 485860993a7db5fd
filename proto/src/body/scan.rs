//! Scanning the body of calls and messages.

use super::json::{Cursor, RawString};
use super::{Body, BodyError};

impl<'a> Body<'a> {
    /// Finds the keys of a body. `value` and the other bytes are checked, but not decoded; nothing
    /// is allocated for a body as Go writes it, unless a string in it has escapes.
    ///
    /// # Errors
    ///
    /// If Go's decoder refuses the text too: see the [module](super).
    pub fn scan(text: &'a [u8]) -> Result<Body<'a>, BodyError> {
        let mut body = Body::default();
        Cursor::document(text, |cursor, name| body.read_member(cursor, name))?;
        Ok(body)
    }

    #[inline]
    fn read_member(&mut self, cursor: &mut Cursor<'a>, name: RawString<'a>) -> Result<(), BodyError> {
        match Key::of(name) {
            Some(Key::Method) => cursor.bytes_field("key", &mut self.key),
            Some(Key::Value) => cursor.bytes_field("value", &mut self.value),
            Some(Key::Topic) => cursor.string_field("topic", &mut self.topic),
            Some(Key::Custom) => cursor.bytes_field("custom", &mut self.custom),
            Some(Key::Error) => cursor.string_field("error", &mut self.error),
            Some(Key::Timeout) => cursor.skip_i64_field("timeout"),
            Some(Key::Deadline) => cursor.time_field("deadline", &mut self.deadline),
            Some(Key::Context) => self.read_context(cursor),
            None => cursor.skip_value(1),
        }
    }

    /// Reads `context`, an object with the one key `deadline`. A later one changes only what it
    /// names.
    fn read_context(&mut self, cursor: &mut Cursor<'a>) -> Result<(), BodyError> {
        match cursor.peek() {
            b'{' => cursor.object(|cursor, name| {
                if name.names("deadline") {
                    cursor.time_field("context.deadline", &mut self.context_deadline)
                } else {
                    cursor.skip_value(2)
                }
            }),
            b'n' => cursor.literal(b"null"),
            _ => Err(cursor.wrong_value("context", "an object or null")),
        }
    }
}

/// The keys of a body.
#[derive(Clone, Copy)]
enum Key {
    Method,
    Value,
    Topic,
    Custom,
    Error,
    Timeout,
    Deadline,
    Context,
}

impl Key {
    #[inline]
    fn of(name: RawString<'_>) -> Option<Key> {
        match name.raw {
            b"key" => Some(Key::Method),
            b"value" => Some(Key::Value),
            b"topic" => Some(Key::Topic),
            b"custom" => Some(Key::Custom),
            b"error" => Some(Key::Error),
            b"timeout" => Some(Key::Timeout),
            b"deadline" => Some(Key::Deadline),
            b"context" => Some(Key::Context),
            _ => Key::of_unusual(name),
        }
    }

    /// A name in another case or with escapes in it, or an unknown one.
    #[cold]
    fn of_unusual(name: RawString<'_>) -> Option<Key> {
        const NAMES: [(&str, Key); 8] = [
            ("key", Key::Method),
            ("value", Key::Value),
            ("topic", Key::Topic),
            ("custom", Key::Custom),
            ("error", Key::Error),
            ("timeout", Key::Timeout),
            ("deadline", Key::Deadline),
            ("context", Key::Context),
        ];
        let known = NAMES.iter().find(|(key, _)| name.names(key))?;
        Some(known.1)
    }
}
