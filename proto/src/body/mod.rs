//! The JSON bodies of the protocol (wire-protocol §3).
//!
//! [`Body`] is the body of calls, messages and their answers. It is scanned without decoding its
//! bytes, since a gateway only passes them on. [`ConnData`], [`SessionData`] and
//! [`RegisterAckData`] are the small bodies of the connection; [`ServiceMeta`] and [`Presence`] are
//! the two JSON texts which the gateway's conventions put inside such bodies (§11).
//!
//! All of them follow the rules of Go's `encoding/json`, which wrote and reads these texts in the
//! field (§3.1): what it accepts is accepted, what it refuses is refused. A refused body ends the
//! connection that sent it, so both halves of this matter. The rules:
//!
//! * The whole text must be JSON, nested no deeper than 10 000 levels. The text `null` equals `{}`.
//! * Names are matched without regard to case (by Unicode simple folding); unknown ones are ignored.
//! * Of a name that occurs more than once the last value counts. `null` empties bytes and lists, and
//!   leaves everything else as it was, also an element of a list.
//! * Bytes are base64 text of the standard alphabet with padding (CR and LF may stand anywhere), or
//!   an array of integers 0..=255.
//! * In strings, a lone surrogate or a byte that is not UTF-8 becomes U+FFFD.

mod base64_text;
mod data;
mod encode;
mod error;
mod json;
mod presence;
mod scan;
mod service_meta;
mod timestamp;

use std::borrow::Cow;

pub use base64_text::Base64;
pub use data::{Caps, ConnData, RegisterAckData, SessionData};
pub use error::BodyError;
pub use presence::{EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID, Presence};
pub use service_meta::ServiceMeta;
pub use timestamp::Timestamp;

/// The JSON body of Message, MessageAck, Request and Response (wire-protocol §3.9).
///
/// Which fields mean something depends on the packet: see the table in §3.9. Fields borrow from the
/// scanned text where they can.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body<'a> {
    /// Method name: the bytes of a UTF-8 string. Requests, and echoed in responses.
    pub key: Base64<'a>,
    /// Payload of a message or request, result of a response.
    pub value: Base64<'a>,
    /// Topic of a message.
    pub topic: Cow<'a, str>,
    /// Custom bytes of a message or request. Between services and the gateway their last 8 bytes
    /// are an edge id ([`Base64::with_tail`], [`Base64::split_tail`]).
    pub custom: Base64<'a>,
    /// Non-empty: the message was refused or the call failed, and `value` means nothing.
    pub error: Cow<'a, str>,
    /// When the sender gives up, on the sender's clock. `null`, an absent key and Go's zero time
    /// are `None`.
    pub deadline: Option<Timestamp>,
    /// `context.deadline`: the deadline of the caller's context, on the sender's clock.
    pub context_deadline: Option<Timestamp>,
}

impl Body<'_> {
    /// The same body, borrowing nothing.
    pub fn into_owned(self) -> Body<'static> {
        Body {
            key: self.key.into_owned(),
            value: self.value.into_owned(),
            topic: Cow::Owned(self.topic.into_owned()),
            custom: self.custom.into_owned(),
            error: Cow::Owned(self.error.into_owned()),
            deadline: self.deadline,
            context_deadline: self.context_deadline,
        }
    }

    /// What a gateway passes on of a message or request: method, topic and value as they are, with `custom` in the place of
    /// its own and without deadlines, which are stamped anew.
    pub fn passed_on<'b>(&'b self, custom: Base64<'b>) -> Body<'b> {
        Body {
            key: self.key.reborrow(),
            value: self.value.reborrow(),
            topic: Cow::Borrowed(&self.topic),
            custom,
            ..Body::default()
        }
    }

    /// The earlier of the two deadlines, which is the one that counts (wire-protocol §6.3).
    pub fn effective_deadline(&self) -> Option<Timestamp> {
        match (self.deadline, self.context_deadline) {
            (Some(own), Some(context)) => Some(own.min(context)),
            (own, context) => own.or(context),
        }
    }
}

#[cfg(test)]
mod tests;
