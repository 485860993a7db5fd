//! Writing the body of calls and messages.

use super::json::{Members, string_len};
use super::{Base64, Body, Timestamp};

impl Body<'_> {
    /// Appends the body as JSON: the keys in Go's order, without those that are empty or absent.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        let mut members = Members::new(out);
        members.bytes("key", &self.key);
        members.bytes("value", &self.value);
        self.encode_behind_value(&mut members);
        members.end();
    }

    /// Appends to `head` and `tail` what stands before and behind the text of `value`, so that
    /// `head`, `self.value.text()` and `tail` in a row are what [`Body::encode`] writes. A long
    /// value need not be copied then ([`Base64::shared_text`]).
    pub fn encode_around_value(&self, head: &mut Vec<u8>, tail: &mut Vec<u8>) {
        if self.value.is_empty() {
            return self.encode(head);
        }
        let mut members = Members::new(head);
        members.bytes("key", &self.key);
        members.name("value").push(b'"');
        members.leave_open();
        tail.push(b'"');
        let mut members = Members::new(tail);
        self.encode_behind_value(&mut members);
        members.end_opened();
    }

    #[inline]
    fn encode_behind_value(&self, members: &mut Members<'_>) {
        members.string("topic", &self.topic);
        members.bytes("custom", &self.custom);
        members.string("error", &self.error);
        members.time("deadline", self.deadline);
        if self.context_deadline.is_some() {
            let mut context = Members::new(members.name("context"));
            context.time("deadline", self.context_deadline);
            context.end();
        }
    }

    /// The exact length of what [`Body::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let members = [
            bytes_len("key", &self.key),
            bytes_len("value", &self.value),
            text_len("topic", &self.topic),
            bytes_len("custom", &self.custom),
            text_len("error", &self.error),
            time_len("deadline", self.deadline),
            self.context_deadline
                .map_or(0, |_| NAME + "context".len() + 1 + time_len("deadline", self.context_deadline)),
        ];
        // The first comma is the opening brace.
        "}".len() + members.iter().sum::<usize>().max("{".len())
    }
}

/// Length of `,"":`, what a member has around its name.
const NAME: usize = 4;

fn bytes_len(name: &str, value: &Base64<'_>) -> usize {
    if value.is_empty() { 0 } else { NAME + name.len() + 2 + value.text().len() }
}

fn text_len(name: &str, value: &str) -> usize {
    if value.is_empty() { 0 } else { NAME + name.len() + string_len(value) }
}

fn time_len(name: &str, value: Option<Timestamp>) -> usize {
    value.map_or(0, |time| NAME + name.len() + 2 + time.text_len())
}
