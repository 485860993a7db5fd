//! What is handed to a broker.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use config::Payload;
use proto::id::EdgeId;
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::stage::Stage;
use crate::{PublishError, envelope};

/// Names a message from its acceptance on, over every retry and in every broker that it goes to, so that consumers can drop
/// what comes twice. Written as 32 hexadecimal digits; later ones of one gateway sort behind earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand, since each record says it: the formatter's own way takes several times as long.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0F)]]);
        }
        f.write_str(std::str::from_utf8(&text).expect("digits are text"))
    }
}

/// Makes the ids of one gateway: milliseconds of its start, 40 bits that tell it from others that started in the same
/// one, and a counter of 40 bits.
#[derive(Debug)]
pub struct MessageIds {
    base: u128,
    counter: AtomicU64,
}

const COUNTER_BITS: u32 = 40;

impl MessageIds {
    /// Those of a gateway that starts now.
    #[must_use]
    pub fn new() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        // Seeded by the system for each process.
        let own = u128::from(RandomState::new().hash_one(std::process::id()) >> (64 - COUNTER_BITS));
        Self { base: (start << (2 * COUNTER_BITS)) | (own << COUNTER_BITS), counter: AtomicU64::new(0) }
    }

    /// The next one.
    pub fn next(&self) -> MessageId {
        // 2^40 messages are a million a second for twelve days; beyond, the sum runs into the gateway's own part.
        MessageId(self.base.wrapping_add(u128::from(self.counter.fetch_add(1, Ordering::Relaxed))))
    }
}

impl Default for MessageIds {
    fn default() -> Self {
        Self::new()
    }
}

/// A message of an edge, as the gateway has accepted it. Bridges that take it share it.
#[derive(Debug)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// When it was accepted.
    pub accepted: SystemTime,
    /// The edge that published it.
    pub edge: EdgeId,
    /// Its topic.
    pub topic: SmolStr,
    /// Its bytes, decoded.
    pub payload: Bytes,
    /// Its custom bytes, decoded.
    pub custom: Bytes,
    given_up: AtomicBool,
}

impl Message {
    /// A message that nobody has been told about.
    #[must_use]
    pub fn new(
        id: MessageId,
        accepted: SystemTime,
        edge: EdgeId,
        topic: impl Into<SmolStr>,
        payload: Bytes,
        custom: Bytes,
    ) -> Self {
        Self { id, accepted, edge, topic: topic.into(), payload, custom, given_up: AtomicBool::new(false) }
    }

    /// Its publisher is told an error: no bridge that has not handed it to its client by now will. To be called before the answer is
    /// sent.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

/// What an edge said of itself when it came, looked into only if somebody asks.
#[derive(Debug)]
pub struct EdgeMeta<'a> {
    text: &'a [u8],
    parsed: OnceCell<Option<Map<String, Value>>>,
}

impl<'a> EdgeMeta<'a> {
    /// Takes the meta as it came; it need not be JSON.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, parsed: OnceCell::new() }
    }

    /// The value of `key`, if the meta is a JSON object and the value a text, a number or a truth value.
    pub fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let parsed = self.parsed.get_or_init(|| serde_json::from_slice(self.text).ok());
        match parsed.as_ref()?.get(key)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// How a bridge's records look: what all of them share.
#[derive(Debug)]
pub struct Form {
    pub(crate) payload: Payload,
    /// Whether what the gateway knows of a message goes with it.
    pub(crate) own_headers: bool,
    pub(crate) meta: Vec<MetaKey>,
    pub(crate) fixed: BTreeMap<String, String>,
    /// Bytes that every record has beside what is its own.
    common: usize,
}

impl Form {
    /// As configured.
    #[must_use]
    pub fn new(config: &config::Bridge) -> Self {
        let headers = &config.headers;
        let own = if headers.enable { OWN_HEADERS } else { 0 };
        let fixed = headers.fixed.iter().map(|(name, value)| HEADER + name.len() + value.len());
        Self {
            payload: config.payload,
            own_headers: headers.enable,
            meta: headers.meta.iter().map(|key| MetaKey::new(key)).collect(),
            fixed: headers.fixed.clone(),
            common: FRAME + own + fixed.sum::<usize>(),
        }
    }
}

/// A key of the edges' meta that goes along.
#[derive(Debug)]
pub(crate) struct MetaKey {
    pub(crate) key: Box<str>,
    header: Box<str>,
}

impl MetaKey {
    fn new(key: &str) -> Self {
        Self { key: key.into(), header: format!("frontier-meta-{key}").into() }
    }
}

/// A message on its way to one bridge.
#[derive(Debug)]
pub struct Record {
    /// The message.
    pub message: Arc<Message>,
    /// Where it goes: a topic, routing key, subject, channel or stream. The broker may forbid it.
    pub destination: SmolStr,
    /// What keeps records together that must stay in order.
    pub key: SmolStr,
    /// Values of the edge's meta that go along, by their key.
    pub(crate) meta: Vec<(usize, Box<str>)>,
    pub(crate) form: Arc<Form>,
    pub(crate) stage: Stage,
}

/// What a record costs beside its texts and bytes: its place in queue, lane and table of deadlines.
const OVERHEAD: usize = 512;

/// What a record takes beside what is in it, and a header beside name and value.
const FRAME: usize = 20;
const HEADER: usize = 2;

/// The names of the headers that say what the gateway knows of a message.
pub(crate) const OWN_NAMES: [&str; 5] =
    ["frontier-edge-id", "frontier-topic", "frontier-message-id", "frontier-time", "frontier-custom"];

/// The headers of every message, without its topic; and that of one with `custom`, without that.
const OWN_HEADERS: usize = 4 * HEADER + 62 + 20 + 32 + 24;
const CUSTOM_HEADER: usize = HEADER + 15;

/// Room for one short text after another.
#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    fn empty(&mut self) -> &mut Vec<u8> {
        self.0.clear();
        &mut self.0
    }

    fn of(&mut self, value: impl fmt::Display) -> &[u8] {
        write!(self.empty(), "{value}").expect("a Vec takes all that is written");
        &self.0
    }
}

impl Record {
    /// Says that the client gets it now. To be called last of all before that, since what is told its publisher depends on it.
    ///
    /// # Errors
    /// [`Kind::Withdrawn`](crate::Kind::Withdrawn): its publisher was told an error already. It must not be sent; this is its outcome.
    pub fn claim(&self) -> Result<(), PublishError> {
        let claimed = if self.message.is_given_up() {
            self.stage.withdraw();
            false
        } else {
            self.stage.hand_over()
        };
        if claimed { Ok(()) } else { Err(PublishError::withdrawn()) }
    }

    /// What is sent as the broker's payload: the edge's bytes, or the JSON object in their place.
    #[must_use]
    pub fn body(&self) -> Bytes {
        match self.form.payload {
            Payload::Raw => self.message.payload.clone(),
            Payload::Json => self.envelope().into(),
        }
    }

    /// The same, for clients that copy it.
    #[must_use]
    pub fn body_bytes(&self) -> Cow<'_, [u8]> {
        match self.form.payload {
            Payload::Raw => Cow::Borrowed(&self.message.payload),
            Payload::Json => Cow::Owned(self.envelope().into()),
        }
    }

    /// One JSON object with all there is, without a line end: for brokers without headers, and for files. The payload stands
    /// as text under `payload` if it is UTF-8, else as base64 under `payload_base64`; so does `custom`. The edge's id is text,
    /// since many readers of JSON round large numbers.
    #[must_use]
    pub fn envelope(&self) -> String {
        envelope::write(self)
    }

    /// Hands out what goes beside the payload, for brokers that have headers: `frontier-edge-id`, `frontier-topic`,
    /// `frontier-message-id`, `frontier-time` (RFC 3339, UTC) and, unless it is empty, `frontier-custom`; then
    /// `frontier-meta-KEY`, then those that are the same for every record. Values are text but for `frontier-custom`.
    ///
    /// # Errors
    /// The first of `take`'s.
    pub fn each_header<E>(&self, mut take: impl FnMut(&str, &[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.form.own_headers {
            let [edge, topic, id, time, custom] = OWN_NAMES;
            let mut text = Text::default();
            take(edge, text.of(self.message.edge))?;
            take(topic, self.message.topic.as_bytes())?;
            take(id, text.of(self.message.id))?;
            take(time, envelope::write_time(self.message.accepted, text.empty()))?;
            if !self.message.custom.is_empty() {
                take(custom, &self.message.custom)?;
            }
        }
        for (at, value) in &self.meta {
            take(&self.form.meta[*at].header, value.as_bytes())?;
        }
        for (name, value) in &self.form.fixed {
            take(name, value.as_bytes())?;
        }
        Ok(())
    }

    /// How many headers there are.
    #[must_use]
    pub fn header_count(&self) -> usize {
        let own = if self.form.own_headers { 4 + usize::from(!self.message.custom.is_empty()) } else { 0 };
        own + self.meta.len() + self.form.fixed.len()
    }

    /// When the message was accepted: RFC 3339, in UTC, in milliseconds.
    #[must_use]
    pub fn time(&self) -> String {
        envelope::time(self.message.accepted)
    }

    /// Configured keys of the edge's meta, with their values.
    pub(crate) fn meta(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meta.iter().map(|(at, value)| (&*self.form.meta[*at].key, &**value))
    }

    /// About how many bytes the broker gets. What JSON escapes in the payload is not looked for.
    #[must_use]
    pub fn size(&self) -> usize {
        let message = &self.message;
        let custom = if message.custom.is_empty() { 0 } else { CUSTOM_HEADER + message.custom.len() };
        let own = if self.form.own_headers { message.topic.len() + custom } else { 0 };
        let meta = self.meta.iter().map(|(at, value)| HEADER + self.form.meta[*at].header.len() + value.len());
        let beside = self.form.common + self.key.len() + own + meta.sum::<usize>();
        match self.form.payload {
            Payload::Raw => beside + message.payload.len(),
            // In base64, with the names of the members.
            Payload::Json => 2 * beside + message.payload.len() * 4 / 3,
        }
    }

    /// Bytes that this holds in memory, for as long as it waits or is under way. A message that several bridges share counts
    /// for each.
    #[must_use]
    pub fn cost(&self) -> usize {
        let meta: usize = self.meta.iter().map(|(_, value)| value.len()).sum();
        let message = self.message.payload.len() + self.message.topic.len() + self.message.custom.len();
        OVERHEAD + message + self.destination.len() + self.key.len() + meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_sort_in_order() {
        let (one, other) = (MessageIds::new(), MessageIds::new());
        let made: Vec<MessageId> = (0..1000).map(|_| one.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(!made.contains(&other.next()), "another gateway, or another run, has ids of its own");
        assert_eq!(made[7].to_string(), format!("{:032x}", made[7].0));
    }

    #[test]
    fn the_size_is_about_what_all_parts_have_together() {
        let mut with = config::Bridge::default();
        with.headers.fixed.insert("site".to_owned(), "lab".to_owned());
        let mut without = config::Bridge::default();
        without.headers.enable = false;
        for config in [config::Bridge::default(), with, without] {
            let mut record = Arc::into_inner(crate::testing::record(7_642_381_904_561_537_024, &[0; 300])).unwrap();
            record.form = Arc::new(Form::new(&config));
            let mut parts = record.body().len() + record.key.len();
            let Ok(()) = record.each_header(|name, value| {
                parts += name.len() + value.len();
                Ok::<_, std::convert::Infallible>(())
            });
            assert!((parts..parts + 40).contains(&record.size()), "{} of {parts}", record.size());
        }
    }

    #[test]
    fn meta_is_looked_into_as_far_as_it_is_simple() {
        let meta = EdgeMeta::new(br#"{"site":"a","floor":3,"big":9007199254740993,"on":true,"list":[1],"none":null}"#);
        for (key, expected) in [
            ("site", Some("a")),
            ("floor", Some("3")),
            ("big", Some("9007199254740993")),
            ("on", Some("true")),
            ("list", None),
            ("none", None),
            ("other", None),
        ] {
            assert_eq!(meta.value(key).as_deref(), expected, "{key}");
        }
        for text in ["sensor 7", "", "[1]", "{\"site\":"] {
            assert_eq!(EdgeMeta::new(text.as_bytes()).value("site"), None, "{text}");
        }
    }
}
