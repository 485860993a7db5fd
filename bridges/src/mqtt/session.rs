//! What is under way on a session: packet identifiers, the window, and the steps of a message to its confirmation. No IO, no
//! clock.
//!
//! With QoS 2 and a session that the broker keeps, identifiers outlive their connection. What was under way is then *parked*:
//! the supervisor sends all of it again before anything new, and each message takes up its old identifier where it had stopped,
//! so that the broker does not take it twice. An outcome that the supervisor has not heard, since it gave the connection up in
//! the same moment, is repeated. What is still parked when something new comes will not come any more, since its publisher has
//! given up: its identifier is released before it is used for anything else, for the broker would take a new message under it
//! for the old one, and throw it away.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::reason;
use crate::{MessageId, Outcome, PublishError};

/// A broker's answer that names a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ack {
    /// The packet's identifier.
    pub(super) id: u16,
    /// What the broker says, by the numbers of MQTT 5; zero in 3.1.1, which says nothing.
    pub(super) reason: u8,
    /// The same in its own words, if it has any.
    pub(super) words: Option<String>,
}

/// How a message begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin<T> {
    /// PUBLISH under this identifier, marked as a copy or not.
    Publish { id: u16, copy: bool },
    /// The broker has it already: PUBREL.
    Release(u16),
    /// It had its outcome on the connection before.
    Settled(T, Outcome),
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect<T> {
    /// Nothing.
    None,
    /// PUBREL with this identifier is due.
    Release(u16),
    /// The message has its outcome.
    Settled(T, Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// PUBLISH is on its way, or was.
    Published,
    /// The broker has it (PUBREC), or is asked to forget it: PUBCOMP ends it.
    Released,
}

#[derive(Debug)]
struct Open<T> {
    message: MessageId,
    stage: Stage,
    /// Whether it has outlived a connection.
    carried: bool,
    /// None while it is parked, and if nobody waits for it any more.
    ticket: Option<T>,
}

/// See the module. `T` is what a message's sender is told by.
#[derive(Debug)]
pub(super) struct Session<T> {
    /// Whether identifiers outlive their connection.
    keeps: bool,
    window: usize,
    open: HashMap<u16, Open<T>, RandomState>,
    parked: HashMap<MessageId, u16>,
    /// The last outcomes, as many as the supervisor may not have heard: those of this connection, and of the one before.
    told: VecDeque<(MessageId, Outcome)>,
    unheard: HashMap<MessageId, Outcome>,
    last: u16,
}

impl<T> Session<T> {
    /// One with nothing under way; `keeps`: QoS 2, in a session that the broker keeps.
    pub(super) fn new(keeps: bool) -> Self {
        let (open, parked, unheard) = (HashMap::default(), HashMap::new(), HashMap::new());
        Self { keeps, window: 1, open, parked, told: VecDeque::new(), unheard, last: 0 }
    }

    /// There is a connection, on which `window` messages may be under way, below 65 536. `present`: the broker has the session
    /// that was there before.
    pub(super) fn connected(&mut self, present: bool, window: usize) {
        self.window = window;
        if !present {
            self.open.clear();
            self.parked.clear();
            self.unheard.clear();
        }
    }

    /// The connection is gone. Returns what nobody knows the outcome of.
    pub(super) fn lost(&mut self) -> Vec<T> {
        let tickets = self.open.values_mut().filter_map(|open| open.ticket.take()).collect();
        if !self.keeps {
            self.open.clear();
        }
        self.open.values_mut().for_each(|open| open.carried = true);
        self.parked = self.open.iter().map(|(id, open)| (open.message, *id)).collect();
        self.unheard.extend(self.told.drain(..));
        tickets
    }

    /// Identifiers of messages that will not come any more, as `message` comes: PUBREL is due for each.
    pub(super) fn outdated(&mut self, message: MessageId) -> Vec<u16> {
        if self.parked.contains_key(&message) || self.unheard.contains_key(&message) {
            return Vec::new();
        }
        self.unheard.clear();
        let outdated: Vec<u16> = self.parked.drain().map(|(_, id)| id).collect();
        for id in &outdated {
            self.open.get_mut(id).expect("what is parked is open").stage = Stage::Released;
        }
        outdated
    }

    /// Begins `message`, after [`Session::outdated`].
    ///
    /// # Errors
    /// The window is full.
    pub(super) fn begin(&mut self, message: MessageId, ticket: T) -> Result<Begin<T>, T> {
        // Both are empty but for a moment after a connection was lost.
        if !self.unheard.is_empty()
            && let Some(outcome) = self.unheard.remove(&message)
        {
            return Ok(Begin::Settled(ticket, outcome));
        }
        if !self.parked.is_empty()
            && let Some(id) = self.parked.remove(&message)
        {
            let open = self.open.get_mut(&id).expect("what is parked is open");
            open.ticket = Some(ticket);
            return Ok(match open.stage {
                Stage::Published => Begin::Publish { id, copy: true },
                Stage::Released => Begin::Release(id),
            });
        }
        if self.open.len() >= self.window {
            return Err(ticket);
        }
        let id = self.free();
        let open = Open { message, stage: Stage::Published, carried: false, ticket: Some(ticket) };
        self.open.insert(id, open);
        Ok(Begin::Publish { id, copy: false })
    }

    /// What has begun under `id` was not sent after all, and will not be, for `error`. If the broker may have it from a
    /// connection before, PUBREL is due, and the identifier is in use until PUBCOMP.
    pub(super) fn withdraw(&mut self, id: u16, error: &PublishError) -> Option<T> {
        let open = self.open.get_mut(&id)?;
        let (ticket, message) = (open.ticket.take(), open.message);
        open.stage = Stage::Released;
        if !open.carried {
            self.open.remove(&id);
        }
        self.remember(message, &Err(error.clone()));
        ticket
    }

    fn remember(&mut self, message: MessageId, outcome: &Outcome) {
        if self.keeps {
            if self.told.len() >= self.window {
                self.told.pop_front();
            }
            self.told.push_back((message, outcome.clone()));
        }
    }

    /// The next identifier that is in nobody's use: zero is none.
    fn free(&mut self) -> u16 {
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if !self.open.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    /// PUBACK: the end of QoS 1.
    pub(super) fn acknowledged(&mut self, ack: &Ack) -> Effect<T> {
        self.settle(ack.id, reason::outcome(ack))
    }

    /// PUBREC: the broker has it, or will not.
    pub(super) fn received(&mut self, ack: &Ack) -> Effect<T> {
        let outcome = reason::outcome(ack);
        if outcome.is_err() {
            return self.settle(ack.id, outcome);
        }
        // One that is not known here is released as well, so that the broker forgets it.
        if let Some(open) = self.open.get_mut(&ack.id) {
            open.stage = Stage::Released;
        }
        Effect::Release(ack.id)
    }

    /// PUBCOMP: the end of QoS 2.
    pub(super) fn completed(&mut self, ack: &Ack) -> Effect<T> {
        // The broker had forgotten the identifier, since its PUBCOMP was lost with the connection before.
        let was_complete = ack.reason == reason::UNKNOWN_ID && self.open.get(&ack.id).is_some_and(|open| open.carried);
        let outcome = if was_complete { Ok(()) } else { reason::outcome(ack) };
        self.settle(ack.id, outcome)
    }

    fn settle(&mut self, id: u16, outcome: Outcome) -> Effect<T> {
        let Some(open) = self.open.remove(&id) else { return Effect::None };
        if !self.parked.is_empty() {
            self.parked.remove(&open.message);
        }
        self.remember(open.message, &outcome);
        open.ticket.map_or(Effect::None, |ticket| Effect::Settled(ticket, outcome))
    }
}

#[cfg(test)]
mod tests;
