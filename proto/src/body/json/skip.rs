//! Checking a value nobody wants.

use super::super::BodyError;
use super::{Cursor, MAX_DEPTH};

impl Cursor<'_> {
    /// Reads any value and drops it. `outer` is the number of brackets around it.
    ///
    /// The nesting is kept in one bit per level, never on the call stack.
    pub(crate) fn skip_value(&mut self, outer: usize) -> Result<(), BodyError> {
        let mut open = OpenBrackets::default();
        loop {
            let opened = match self.peek() {
                b'"' => self.string().map(|_| false)?,
                b'n' => self.literal(b"null").map(|()| false)?,
                b't' => self.literal(b"true").map(|()| false)?,
                b'f' => self.literal(b"false").map(|()| false)?,
                b'{' | b'[' => self.open_bracket(&mut open, outer)?,
                b'-' | b'0'..=b'9' => self.number().map(|_| false)?,
                _ => return Err(self.expected("a value")),
            };
            if !opened && !self.close_brackets(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Opens an object or an array, and stops on its first value. `false` if it is empty: then it is
    /// closed again.
    fn open_bracket(&mut self, open: &mut OpenBrackets, outer: usize) -> Result<bool, BodyError> {
        if outer + open.depth >= MAX_DEPTH {
            return Err(BodyError::TooDeep { at: self.at() });
        }
        let object = self.peek() == b'{';
        self.advance(1);
        self.skip_space();
        if self.eat(if object { b'}' } else { b']' }) {
            return Ok(false);
        }
        open.push(object);
        if object {
            self.name()?;
        }
        Ok(true)
    }

    /// Behind a value: closes the brackets that end here, and stops on the next value. `false` if
    /// none is left open.
    fn close_brackets(&mut self, open: &mut OpenBrackets) -> Result<bool, BodyError> {
        while let Some(object) = open.innermost() {
            self.skip_space();
            match (self.peek(), object) {
                (b',', _) => {
                    self.advance(1);
                    self.skip_space();
                    if object {
                        self.name()?;
                    }
                    return Ok(true);
                }
                (b'}', true) | (b']', false) => {
                    self.advance(1);
                    open.pop();
                }
                (_, true) => return Err(self.expected("`,` or `}`")),
                (_, false) => return Err(self.expected("`,` or `]`")),
            }
        }
        Ok(false)
    }
}

/// The brackets that are open, one bit each: set for an object, clear for an array.
#[derive(Default)]
struct OpenBrackets {
    bits: Vec<u64>,
    depth: usize,
}

impl OpenBrackets {
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    fn innermost(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.bits[last / 64] >> (last % 64) & 1 == 1)
    }
}
