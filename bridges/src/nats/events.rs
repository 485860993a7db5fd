//! What the client says of its connection beside the answers to what it was asked.
//!
//! The client hands all of it to one callback, in the order in which it came from the server. That order is what core NATS rests on:
//! see `core.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

use async_nats::{ClientError, Event, ServerError};
use tokio::sync::watch;

use crate::PublishError;

/// Refusals that are remembered: more than there are messages under way to core NATS, and than the client itself holds back, which is 128.
const REMEMBERED: usize = 1_100;

/// Overflows of which it is remembered what came before: more than there are barriers under way.
const MARKED: usize = 64;

/// The reason where nobody gives one.
const LOST: &str = "the connection was lost";

/// What has been said so far; whoever waits for more of it is woken.
#[derive(Debug, Default)]
pub(super) struct Events(watch::Sender<Said>);

/// See [`Events`].
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Why the connection is gone.
    lost: Option<Arc<str>>,
    /// What the server complained of last, permissions aside: it closes the connection after most complaints.
    complaint: Option<Arc<str>>,
    /// Messages for which a full subscription had no room.
    overflowed: u64,
    /// The last of them, and how many refusals there were before each.
    marks: VecDeque<(u64, u64)>,
    /// Publishes and subscriptions that the user has no permission for, in order; how many there were, and the last of them.
    refusals: u64,
    refused: VecDeque<(u64, Arc<str>)>,
}

impl Events {
    /// Takes one in.
    pub(super) fn take(&self, event: Event) {
        self.0.send_modify(|said| match event {
            Event::SlowConsumer(_) => said.overflow(),
            Event::ServerError(error) => said.complain(&error),
            Event::Disconnected | Event::Closed | Event::ClientError(ClientError::MaxReconnects) => {
                let reason = said.complaint.clone().unwrap_or_else(|| LOST.into());
                said.lost.get_or_insert(reason);
            }
            _ => {}
        });
    }

    /// How many refusals there were.
    pub(super) fn refusals(&self) -> u64 {
        self.0.borrow().refusals
    }

    /// As [`Said::refusal`].
    pub(super) fn refusal(&self, seen: u64, upto: u64, subject: &str) -> Option<PublishError> {
        self.0.borrow().refusal(seen, upto, subject)
    }

    /// As [`Said::refusals_between`].
    pub(super) fn refusals_between(&self, after: u64, overflow: u64) -> Option<(u64, u64)> {
        self.0.borrow().refusals_between(after, overflow)
    }

    /// Waits until `look` finds what it looks for.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&Said) -> Option<T>) -> T {
        let mut said = self.0.subscribe();
        loop {
            if let Some(found) = look(&said.borrow_and_update()) {
                return found;
            }
            said.changed().await.expect("its sender is borrowed");
        }
    }

    /// Why the connection is gone or about to be, for an error that does not say so itself.
    pub(super) fn loss(&self) -> PublishError {
        let said = self.0.borrow();
        let reason = said.lost.as_deref().or(said.complaint.as_deref());
        PublishError::lost(reason.unwrap_or(LOST))
    }

    /// Why nothing comes of setting a connection up: a missing permission may be the reason, too.
    pub(super) fn obstacle(&self, otherwise: &str) -> PublishError {
        let said = self.0.borrow();
        let refused = said.refused.back().map(|(_, text)| &**text);
        PublishError::lost(said.lost.as_deref().or(said.complaint.as_deref()).or(refused).unwrap_or(otherwise))
    }
}

impl Said {
    fn overflow(&mut self) {
        self.overflowed += 1;
        if self.marks.len() == MARKED {
            self.marks.pop_front();
        }
        self.marks.push_back((self.overflowed, self.refusals));
    }

    /// How many messages had no room so far.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// The refusals between two overflows, by the numbers of these: how many there were before them, and with them. None if there was no
    /// such overflow yet, or that was too long ago.
    pub(super) fn refusals_between(&self, after: u64, overflow: u64) -> Option<(u64, u64)> {
        let mark = |number| self.marks.iter().find(|(overflow, _)| *overflow == number).map(|(_, refusals)| *refusals);
        let upto = mark(overflow)?;
        Some((mark(after).unwrap_or(0), upto))
    }

    fn complain(&mut self, error: &ServerError) {
        let text: Arc<str> = match error {
            ServerError::Other(text) => text.as_str().into(),
            error => error.to_string().into(),
        };
        if !text.to_ascii_lowercase().starts_with("permissions violation") {
            self.complaint = Some(text);
            return;
        }
        self.refusals += 1;
        if self.refused.len() == REMEMBERED {
            self.refused.pop_front();
        }
        self.refused.push_back((self.refusals, text));
    }

    /// Why the connection is gone, if it is.
    pub(super) fn lost(&self) -> Option<PublishError> {
        self.lost.as_ref().map(PublishError::lost)
    }

    /// How many refusals there were, if that is more than `seen`.
    pub(super) fn more_refusals(&self, seen: u64) -> Option<u64> {
        (self.refusals > seen).then_some(self.refusals)
    }

    /// The refusal of `subject` among those behind the first `seen`, up to the one with number `upto`.
    pub(super) fn refusal(&self, seen: u64, upto: u64, subject: &str) -> Option<PublishError> {
        if upto <= seen {
            return None;
        }
        // The server writes it as a quoted text of Go, which is like that of Rust for all that is ever printed. A subject has no space.
        let quoted = format!(" {subject:?}");
        let recent = self.refused.iter().rev().take_while(|(number, _)| *number > seen);
        let recent = recent.filter(|(number, _)| *number <= upto);
        let found = recent.map(|(_, text)| text).find(|text| text.ends_with(&*quoted));
        found.map(PublishError::refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn refuse(events: &Events, subject: &str) {
        let text = format!("Permissions Violation for Publish to {subject:?}");
        events.take(Event::ServerError(ServerError::Other(text)));
    }

    fn refusal(events: &Events, seen: u64, subject: &str) -> Option<Kind> {
        events.refusal(seen, u64::MAX, subject).map(|error| error.kind())
    }

    #[test]
    fn a_refusal_is_found_by_its_subject_and_not_before_it_was_sent() {
        let events = Events::default();
        refuse(&events, "a");
        let seen = events.refusals();
        assert_eq!(refusal(&events, 0, "a"), Some(Kind::Refused));
        assert_eq!(refusal(&events, seen, "a"), None);
        refuse(&events, "b.\"c");
        assert_eq!(refusal(&events, seen, "b.\"c"), Some(Kind::Refused));
        assert_eq!(refusal(&events, seen, "c"), None);
        (0..REMEMBERED).for_each(|_| refuse(&events, "d"));
        assert_eq!(events.0.borrow().refused.len(), REMEMBERED);
    }

    #[test]
    fn refusals_are_those_between_two_overflows() {
        let events = Events::default();
        let overflow = || events.take(Event::SlowConsumer(1));
        refuse(&events, "a");
        overflow();
        refuse(&events, "b");
        refuse(&events, "c");
        overflow();
        overflow();
        let said = events.0.borrow();
        assert_eq!(
            [(0, 1), (1, 2), (2, 3), (1, 3), (3, 4)].map(|(after, overflow)| said.refusals_between(after, overflow)),
            [Some((0, 1)), Some((1, 3)), Some((3, 3)), Some((1, 3)), None]
        );
        assert!(said.refusal(1, 3, "b").is_some());
        assert_eq!([said.refusal(1, 3, "a"), said.refusal(3, 3, "c"), said.refusal(0, 1, "b")], [None, None, None]);
    }

    #[test]
    fn a_loss_is_told_with_what_the_server_said_before() {
        let events = Events::default();
        events.take(Event::ServerError(ServerError::Other("User Authentication Expired".to_owned())));
        refuse(&events, "a");
        assert_eq!(events.0.borrow().lost(), None);
        events.take(Event::Disconnected);
        events.take(Event::ClientError(ClientError::MaxReconnects));
        assert_eq!(events.0.borrow().lost(), Some(PublishError::lost("User Authentication Expired")));
    }
}
