//! Bodies as they leave: rebuilt around the value, which travels as the text in which it came.

use std::sync::Arc;

use bytes::Bytes;
use proto::body::{Base64, Body};
use proto::conn::Text;
use proto::wire::MAX_PAYLOAD;
use transport::Backing;

use super::RouteError;

/// Methods that a link remembers the names of.
const KEPT_KEYS: usize = 4;

/// Encodes `body`; a large value shares the allocation in which it was received. Where the deadlines would make the frame
/// too long it goes without them: the gateway watches them anyway.
///
/// # Errors
/// The frame would be longer than any peer accepts (checklist item 6).
pub(crate) fn encode(body: &Body<'_>, backing: Backing<'_>) -> Result<Text, RouteError> {
    let len = body.encoded_len();
    if len + 8 > MAX_PAYLOAD as usize {
        if body.deadline.is_none() && body.context_deadline.is_none() {
            return Err(RouteError::TooLarge);
        }
        return encode(&Body { deadline: None, context_deadline: None, ..body.clone() }, backing);
    }
    if let Some(frame) = backing.share(body.value.text().len()) {
        let mut head = Vec::new();
        let mut tail = Vec::new();
        body.encode_around_value(&mut head, &mut tail);
        let value = body.value.shared_text(frame);
        return Ok(Text::Parts(vec![Bytes::from(head), value, Bytes::from(tail)]));
    }
    let mut text = Vec::with_capacity(len);
    body.encode(&mut text);
    Ok(Text::from(text))
}

/// The names of the methods that a peer called last, so that a call does not copy its method's name again.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    keys: Vec<Arc<[u8]>>,
    next: usize,
}

impl Bodies {
    /// The shared copy of this name, as base64 text.
    pub(crate) fn key(&mut self, key: &Base64<'_>) -> Arc<[u8]> {
        if let Some(known) = self.keys.iter().find(|known| known[..] == *key.text()) {
            return Arc::clone(known);
        }
        let fresh: Arc<[u8]> = key.text().into();
        if self.keys.len() < KEPT_KEYS {
            // Most peers call one method: room for what there is.
            self.keys.reserve_exact(1);
            self.keys.push(Arc::clone(&fresh));
        } else {
            self.keys[self.next] = Arc::clone(&fresh);
            self.next = (self.next + 1) % KEPT_KEYS;
        }
        fresh
    }
}
