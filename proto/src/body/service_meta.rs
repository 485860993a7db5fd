//! What a service says about itself.

use std::borrow::Cow;

use super::BodyError;
use super::json::{Cursor, Members, write_string};

/// The meta in the Conn of a service (wire-protocol §11.2): its name, and the topics whose messages
/// it wants. There is no other way to declare topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceMeta {
    /// Name of the service. Several services may have one name.
    pub service: String,
    /// Topics it receives messages of.
    pub topics: Vec<String>,
}

impl ServiceMeta {
    /// Reads `{"service":"name","topics":["a"]}`. A topic that is `null` is the empty one.
    ///
    /// # Errors
    ///
    /// If Go's decoder refuses the text too: see the [module](super).
    pub fn decode(text: &[u8]) -> Result<Self, BodyError> {
        let mut service = Cow::default();
        let mut topics = Vec::new();
        Cursor::document(text, |cursor, name| {
            if name.names("service") {
                cursor.string_field("service", &mut service)
            } else if name.names("topics") {
                topics = read_topics(cursor, &topics)?;
                Ok(())
            } else {
                cursor.skip_value(1)
            }
        })?;
        Ok(ServiceMeta { service: service.into_owned(), topics: topics.into_iter().map(Cow::into_owned).collect() })
    }

    /// Appends the meta as Go writes it: both keys always, and `null` for no topics.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut members = Members::new(out);
        write_string(&self.service, members.name("service"));
        let topics = members.name("topics");
        match self.topics.split_first() {
            None => topics.extend_from_slice(b"null"),
            Some((first, others)) => {
                topics.push(b'[');
                write_string(first, topics);
                for topic in others {
                    topics.push(b',');
                    write_string(topic, topics);
                }
                topics.push(b']');
            }
        }
        members.end();
    }
}

/// Reads the topics. A `null` among them is empty, or where an earlier value of the same name had a
/// topic at this place, that topic: Go decodes into the list it has.
fn read_topics<'a>(cursor: &mut Cursor<'a>, earlier: &[Cow<'a, str>]) -> Result<Vec<Cow<'a, str>>, BodyError> {
    let mut topics = Vec::new();
    match cursor.peek() {
        b'[' => cursor.array(|cursor| {
            let mut topic = earlier.get(topics.len()).cloned().unwrap_or_default();
            cursor.string_field("topics", &mut topic)?;
            topics.push(topic);
            Ok(())
        })?,
        b'n' => cursor.literal(b"null")?,
        _ => return Err(cursor.wrong_value("topics", "an array of strings or null")),
    }
    Ok(topics)
}
