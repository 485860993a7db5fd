//! A record as AMQP has it: key, properties, headers, body, and what of it does not fit.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use config::AmqpBridge;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, ByteArray, FieldTable, LongString, ShortString};

use crate::{PublishError, Record};

/// The header whose bytes need not be text.
const CUSTOM: &str = "frontier-custom";

/// What the header frame has beside the texts and the headers of a message: head and tail of the frame, class, weight, length of the
/// body and flags, the time, mode and priority, and the length of the header table.
const FRAME_OVERHEAD: usize = 8 + 14 + 8 + 2 + 4;

/// Properties that all messages share.
#[derive(Debug)]
pub(super) struct Shape {
    properties: BasicProperties,
    /// Bytes of the texts among them.
    texts: usize,
}

/// What is published.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
}

/// What a broker takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of a body.
    pub(super) body: usize,
    /// Bytes of a frame, and with it of all headers.
    pub(super) frame: usize,
}

impl Shape {
    /// As configured.
    ///
    /// # Errors
    /// A text is longer than AMQP takes.
    pub(super) fn new(config: &AmqpBridge) -> Result<Self, PublishError> {
        // Transient or persistent, in the protocol's numbers.
        let mode = if config.persistent { 2 } else { 1 };
        let mut properties = BasicProperties::default().with_delivery_mode(mode);
        let of = &config.properties;
        if of.priority > 0 {
            properties = properties.with_priority(of.priority);
        }
        type Set = fn(BasicProperties, ShortString) -> BasicProperties;
        let texts: [(&str, Set); 8] = [
            (&of.content_type, BasicProperties::with_content_type),
            (&of.content_encoding, BasicProperties::with_content_encoding),
            (&of.correlation_id, BasicProperties::with_correlation_id),
            (&of.reply_to, BasicProperties::with_reply_to),
            (&of.expiration, BasicProperties::with_expiration),
            (&of.kind, BasicProperties::with_type),
            (&of.user_id, BasicProperties::with_user_id),
            (&of.app_id, BasicProperties::with_app_id),
        ];
        let mut size = 0;
        for (text, set) in texts {
            if !text.is_empty() {
                properties = set(properties, short(text, "a property")?);
                size += 1 + text.len();
            }
        }
        Ok(Self { properties, texts: size })
    }

    /// `record` as a message.
    ///
    /// # Errors
    /// The broker would not take it; it would close the channel or the connection.
    pub(super) fn of(&self, record: &Record, limits: Limits) -> Result<Outgoing, PublishError> {
        let key = routing_key(&record.destination)?;
        let body = record.body();
        if body.len() > limits.body {
            let text = format_args!("message of {} bytes; the broker takes {}", body.len(), limits.body);
            return Err(PublishError::too_large(text));
        }
        let mut headers = FieldTable::default();
        let mut size = 0;
        record.each_header(|name, value| {
            // A length of one byte, a type, and a length of four.
            size += name.len() + value.len() + 6;
            let value = match name {
                CUSTOM => AMQPValue::ByteArray(ByteArray::from(value)),
                _ => AMQPValue::LongString(LongString::from(value)),
            };
            headers.insert(short(name, "the name of a header")?, value);
            Ok(())
        })?;
        let id = record.message.id.to_string();
        if FRAME_OVERHEAD + self.texts + 1 + id.len() + size > limits.frame {
            let text = format_args!("headers of {size} bytes; a frame of {} bytes must hold them", limits.frame);
            return Err(PublishError::too_large(text));
        }
        let message = &record.message;
        let seconds = message.accepted.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let properties = self.properties.clone().with_message_id(id.into());
        let properties = properties.with_timestamp(seconds).with_headers(headers);
        Ok(Outgoing { key, properties, body })
    }
}

fn routing_key(name: &str) -> Result<ShortString, PublishError> {
    short(name, "the routing key")
}

/// Checks a routing key that records get.
///
/// # Errors
/// [`Refused`](crate::Kind::Refused): it is longer than AMQP takes.
pub(crate) fn check_routing_key(name: &str) -> Result<(), PublishError> {
    routing_key(name).map(drop)
}

/// A text of AMQP's short kind; `what` names it in the error.
///
/// # Errors
/// It is longer than 255 bytes.
pub(super) fn short(text: &str, what: &str) -> Result<ShortString, PublishError> {
    let told = |_| PublishError::refused(format_args!("{what} is of {} bytes; AMQP takes 255", text.len()));
    ShortString::try_new(text).map_err(told)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use lapin::protocol::basic::gen_properties;
    use proto::id::EdgeId;

    use super::*;
    use crate::record::MessageIds;
    use crate::testing::record_as;
    use crate::{Kind, Message};

    const ROOMY: Limits = Limits { body: 1000, frame: 131_072 };

    fn record(destination: &str, body: usize, custom: usize) -> Arc<Record> {
        let accepted = SystemTime::UNIX_EPOCH + Duration::from_millis(7_900);
        let (body, custom) = (vec![b'x'; body].into(), vec![0xff; custom].into());
        let message = Message::new(MessageIds::new().next(), accepted, EdgeId(7), destination, body, custom);
        record_as(&config::Bridge::default(), Arc::new(message))
    }

    #[test]
    fn a_record_becomes_a_message() {
        let mut config = AmqpBridge::default();
        config.properties.priority = 3;
        config.properties.kind = "reading".to_owned();
        let record = record("a.b", 3, 2);
        let outgoing = Shape::new(&config).unwrap().of(&record, ROOMY).unwrap();
        assert_eq!((outgoing.key.as_str(), &*outgoing.body), ("a.b", &b"xxx"[..]));
        let properties = outgoing.properties;
        let id = record.message.id.to_string();
        assert_eq!(properties.message_id().as_ref().map(ShortString::as_str), Some(&*id));
        assert_eq!((*properties.delivery_mode(), *properties.priority()), (Some(2), Some(3)));
        assert_eq!(*properties.timestamp(), Some(7));
        assert_eq!(properties.kind().as_ref().map(ShortString::as_str), Some("reading"));
        assert_eq!(*properties.content_type(), None);
        let headers: BTreeMap<_, _> = properties.headers().as_ref().unwrap().inner().clone();
        assert_eq!(headers["frontier-custom"], AMQPValue::ByteArray(vec![0xff, 0xff].into()));
        assert_eq!(headers["frontier-edge-id"], AMQPValue::LongString("7".into()));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_just_fits_is_not() {
        let shape = Shape::new(&AmqpBridge::default()).unwrap();
        let of = |record: Arc<Record>, limits| shape.of(&record, limits).map(drop).map_err(|error| error.kind());
        assert_eq!(of(record(&"k".repeat(255), 1000, 0), ROOMY), Ok(()));
        assert_eq!(of(record(&"k".repeat(256), 0, 0), ROOMY), Err(Kind::Refused));
        assert_eq!(of(record("k", 1001, 0), ROOMY), Err(Kind::TooLarge));
    }

    /// The broker closes the connection for one byte more, and nothing less needs to be refused.
    #[test]
    fn the_header_frame_may_be_as_large_as_a_frame_and_no_larger() {
        let mut config = AmqpBridge::default();
        let of = &mut config.properties;
        (of.priority, of.kind, of.correlation_id) = (3, "reading".to_owned(), "c".to_owned());
        let shape = Shape::new(&config).unwrap();
        let record = record("k", 1, 3000);
        let properties = shape.of(&record, ROOMY).unwrap().properties;
        let written: Vec<u8> = gen_properties(&properties)(Vec::new().into()).unwrap().into_inner().0;
        let (head, class_weight_and_length, end) = (7, 2 + 2 + 8, 1);
        let size = head + class_weight_and_length + written.len() + end;
        let narrow = |frame| shape.of(&record, Limits { frame, ..ROOMY }).map(drop).map_err(|error| error.kind());
        assert_eq!((narrow(size), narrow(size - 1)), (Ok(()), Err(Kind::TooLarge)));
    }
}
