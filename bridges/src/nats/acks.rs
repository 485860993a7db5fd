//! Messages that a stream has not acknowledged yet.
//!
//! All acknowledgements come to one subscription, below a subject that ends with the message's number. Its task tells what has come, what
//! the server has refused by a line of its own, and what has taken too long.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{Message, Subject, Subscriber};
use foldhash::fast::RandomState;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::jetstream::Stream;
use crate::confirmations::others_first;
use crate::{Outcome, PublishError, Teller};

/// How long a message may take, while others are acknowledged: longer than the stream may be silent, so that one which does not answer at all is
/// found to be gone, and not to be slow.
pub(super) const ACK: Duration = Duration::from_secs(12);

/// How often it is looked for messages that take longer.
const LOOK: Duration = Duration::from_secs(1);

/// Acknowledgements that wait to be taken: more than there are messages under way.
pub(super) const ROOM: usize = 8_192;

/// After so many in one go the next ones are worth waiting for.
const BUSY: usize = 4;

/// A message under way.
#[derive(Debug)]
pub(super) struct Flight {
    /// Where its outcome goes, and its place in the batch.
    pub(super) teller: Teller<Outcome>,
    pub(super) place: usize,
    pub(super) subject: Subject,
    /// How many refusals there were when it was sent.
    pub(super) refusals: u64,
    /// Held if nothing was acknowledged on its subject yet.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// All that are under way on a connection, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    under_way: HashMap<u64, (Instant, Flight), RandomState>,
}

impl Flights {
    // Nothing that could panic halfway runs under this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a message before it is sent; returns its number.
    pub(super) fn begin(&self, flight: Flight) -> u64 {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number, (Instant::now(), flight));
        number
    }

    /// Takes one out, if it is still under way.
    pub(super) fn end(&self, number: u64) -> Option<Flight> {
        self.state().under_way.remove(&number).map(|(_, flight)| flight)
    }

    /// Takes out those of which `ended` says why.
    fn end_those(
        &self,
        mut ended: impl FnMut(Instant, &Flight) -> Option<PublishError>,
    ) -> Vec<(Flight, PublishError)> {
        let mut state = self.state();
        let each = state.under_way.iter();
        let found: Vec<_> =
            each.filter_map(|(number, (since, flight))| Some((*number, ended(*since, flight)?))).collect();
        let taken = found.into_iter().map(|(number, error)| (state.under_way.remove(&number), error));
        taken.filter_map(|(flight, error)| Some((flight?.1, error))).collect()
    }
}

/// Takes in what comes to the subscription, until it ends with its connection.
pub(super) async fn run(stream: &Stream, mut acks: Subscriber) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = 0;
    loop {
        tokio::select! {
            ack = acks.next() => {
                let Some(ack) = ack else { return };
                stream.take_in(&ack);
                let mut count = 1;
                while let Some(Some(ack)) = acks.next().now_or_never() {
                    stream.take_in(&ack);
                    count += 1;
                }
                if count >= BUSY {
                    others_first().await;
                }
            }
            refusals = stream.link.events.until(|said| said.more_refusals(seen)) => {
                stream.take_in_refusals(refusals);
                seen = refusals;
            }
            _ = look.tick() => {
                let late = || PublishError::passing(format_args!(
                    "stream {:?}: not acknowledged in {} s", stream.name, ACK.as_secs()
                ));
                stream.give_up(|since, _| (since.elapsed() >= ACK).then(late));
            }
        }
    }
}

impl Stream {
    /// Tells those whose subject the server has refused. If something had passed on one of these, the user has lost a right: more may have
    /// been refused than the client tells of, so all that is under way goes over another connection, which takes no subject for proven.
    fn take_in_refusals(&self, refusals: u64) {
        let refused = |flight: &Flight| self.link.events.refusal(flight.refusals, refusals, &flight.subject);
        if self.give_up(|_, flight| refused(flight)) {
            self.give_up(|_, _| Some(PublishError::lost("the user's permissions have changed")));
        }
    }

    /// Ends those of which `ended` says why. Returns whether one was sent as on a subject on which something has passed.
    fn give_up(&self, ended: impl FnMut(Instant, &Flight) -> Option<PublishError>) -> bool {
        let given_up = self.flights.end_those(ended);
        let proven = given_up.iter().any(|(flight, _)| flight.permit.is_none());
        given_up.into_iter().for_each(|(flight, error)| flight.teller.tell(flight.place, Err(error)));
        proven
    }

    fn take_in(&self, ack: &Message) {
        let number = ack.subject.rsplit_once('.').and_then(|(_, number)| number.parse().ok());
        // What is not known has been given up.
        let Some(Flight { teller, place, subject, permit, .. }) = number.and_then(|number| self.flights.end(number))
        else {
            return;
        };
        let outcome = self.outcome(&subject, ack);
        if outcome.is_ok() && permit.is_some() {
            self.proven.add(&subject);
        }
        teller.tell(place, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Confirmations;

    #[test]
    fn one_ends_once_and_by_its_own_number() {
        let flights = Flights::default();
        let (teller, mut told) = Confirmations::told(|_, outcome| outcome);
        let numbers: Vec<_> = ["a", "b", "a"]
            .into_iter()
            .enumerate()
            .map(|(place, subject)| {
                let subject = Subject::from(subject);
                flights.begin(Flight { teller: teller.clone(), place, subject, refusals: 0, permit: None })
            })
            .collect();
        assert_eq!(flights.end(numbers[2]).map(|flight| flight.place), Some(2));
        assert!(flights.end(numbers[2]).is_none());
        let ended = flights.end_those(|_, flight| (&*flight.subject == "a").then(|| PublishError::refused("no")));
        assert_eq!(ended.iter().map(|(flight, _)| flight.place).collect::<Vec<_>>(), [0]);
        drop((ended, teller));
        assert_eq!(told.next().now_or_never(), None, "one is under way, and may still be told");
        drop(flights);
        assert_eq!(told.next().now_or_never(), Some(None));
    }
}
