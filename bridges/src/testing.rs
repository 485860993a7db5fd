//! What the tests of this crate share.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use proto::id::EdgeId;

use crate::record::{Form, Message, MessageIds, Record};
use crate::stage::Stage;
use crate::{Answer, GivenUp};

/// A message of that edge.
pub(crate) fn message(edge: u64, topic: &str, payload: &[u8]) -> Arc<Message> {
    let (id, payload) = (MessageIds::new().next(), Bytes::copy_from_slice(payload));
    Arc::new(Message::new(id, SystemTime::now(), EdgeId(edge), topic, payload, Bytes::new()))
}

/// Its record in the form of `config`.
pub(crate) fn record_as(config: &config::Bridge, message: Arc<Message>) -> Arc<Record> {
    let form = Arc::new(Form::new(config));
    let key = message.edge.to_string().into();
    let destination = message.topic.clone();
    Arc::new(Record { destination, key, meta: Vec::new(), form, message, stage: Stage::default() })
}

/// A record of that edge.
pub(crate) fn record(edge: u64, payload: &[u8]) -> Arc<Record> {
    record_as(&config::Bridge::default(), message(edge, "t", payload))
}

/// What publishers were told, by their number, in order.
pub(crate) type Told = Arc<Mutex<Vec<(u64, Result<(), GivenUp>)>>>;

/// A publisher that writes down what it is told.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) number: u64,
    pub(crate) told: Told,
}

impl Answer for Publisher {
    fn answer(self, outcome: Result<(), GivenUp>) {
        self.told.lock().unwrap().push((self.number, outcome));
    }
}
