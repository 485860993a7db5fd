//! Which message was returned.
//!
//! With `mandatory` a server returns what no queue takes, and acks it all the same, the return before the ack. One ack can be
//! for many messages, of several batches; lapin completes these in any order, and hands each returned message to whichever comes
//! first. So a returned message is known by its id alone. It belongs to one whose own confirm is there by then, or was completed by
//! the same ack: a batch is judged when its confirms are there, and those of all that was published by then.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapin::Confirmation;
use lapin::message::{BasicReturnMessage, Delivery};
use tokio::sync::watch;

use crate::{MessageId, PublishError};

/// Messages that came back, until their batch is judged.
#[derive(Debug)]
pub(super) struct Returned {
    state: Mutex<State>,
    /// The first batch that has confirms to come; the next one's number, if none has.
    first_open: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeSet<u64>,
    /// Why, by the message's id.
    messages: HashMap<String, PublishError>,
}

impl State {
    fn first_open(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.next)
    }
}

impl Returned {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), first_open: watch::Sender::new(0) })
    }

    /// A batch that is about to be published.
    pub(super) fn batch(self: &Arc<Self>) -> Batch {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open.insert(number);
        Batch { returned: Arc::clone(self), number }
    }

    // Nothing that could panic halfway runs under this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the message came back, if it did.
    pub(super) fn take(&self, message: MessageId) -> Option<PublishError> {
        let messages = &mut self.state().messages;
        // As it is for nearly all.
        if messages.is_empty() { None } else { messages.remove(&message.to_string()) }
    }
}

/// A batch that has confirms to come.
#[derive(Debug)]
pub(super) struct Batch {
    returned: Arc<Returned>,
    number: u64,
}

impl Batch {
    /// Takes in what a confirm has brought along.
    pub(super) fn note(&self, confirmation: Confirmation) {
        let Some(message) = confirmation.take_message() else { return };
        let id = message.delivery.properties.message_id().as_ref().map(ToString::to_string);
        self.returned.state().messages.insert(id.unwrap_or_default(), unrouted(&message));
    }

    /// All of its confirms are there. Waits until it is known what of it was returned.
    pub(super) async fn confirmed(self) -> Arc<Returned> {
        let returned = Arc::clone(&self.returned);
        drop(self);
        let published = returned.state().next;
        let mut first_open = returned.first_open.subscribe();
        first_open.wait_for(|first| *first >= published).await.expect("the sender is held here");
        drop(first_open);
        returned
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let mut state = self.returned.state();
        state.open.remove(&self.number);
        let now = state.first_open();
        self.returned.first_open.send_if_modified(|first| std::mem::replace(first, now) != now);
    }
}

/// What its publisher is told of a message that no queue takes.
pub(super) fn unrouted(message: &BasicReturnMessage) -> PublishError {
    let Delivery { exchange, routing_key, .. } = &message.delivery;
    let (code, text) = (message.reply_code, &message.reply_text);
    PublishError::refused(format_args!(
        "{code} {text}: exchange {:?} has no queue for routing key {:?}",
        exchange.as_str(),
        routing_key.as_str()
    ))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_batch_is_judged_when_all_that_was_published_confirmed() {
        let returned = Returned::new();
        let (first, second) = (returned.batch(), returned.batch());
        let judged = first.confirmed().shared();
        assert!(judged.clone().now_or_never().is_none(), "the second may hold what belongs to it");
        let third = returned.batch();
        drop(second);
        assert!(judged.now_or_never().is_some(), "what was published later does not matter");
        assert!(third.confirmed().now_or_never().is_some(), "nothing else is open");
    }
}
