//! What a client with one request at a time does with what it was handed, as far as can be told from outside.
//!
//! What it is handed lingers with the client and then makes a request, unless another is under way: then it waits for the answer to that, and
//! what comes meanwhile joins it. A client whose records have lingered asks for that answer again and again. So they are handed over as much
//! earlier than the answer is expected as they have to linger, by how long the one before took: earlier costs processor time; later, and the
//! broker has nothing to do meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::Apart;

/// A request's place in the order in which they are made.
pub(super) type RequestNumber = u64;

#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Those with records that have no outcome: no more than there are such records, which the window bounds.
    open: BTreeMap<RequestNumber, Request>,
    /// The number of the next one.
    next: RequestNumber,
    /// When one was last complete.
    complete: Option<Instant>,
    /// How long its answer took.
    answer: Option<Duration>,
}

#[derive(Debug)]
struct Request {
    /// When the first and the last of its records were handed over.
    begun: Instant,
    handed: Instant,
    records: usize,
    bytes: usize,
    /// Whether nothing more fits.
    full: bool,
    /// Records without an outcome.
    left: usize,
}

impl Request {
    fn is_heard_of(&self) -> bool {
        self.left < self.records
    }

    /// When it is sent, if nothing is before it.
    fn sent_at(&self, apart: Apart) -> Instant {
        if self.full { self.begun } else { self.begun + apart.gathers }
    }
}

impl Requests {
    /// When records that are ready at `ready` may be handed over.
    pub(super) fn next_at(&self, ready: Instant, apart: Apart) -> Instant {
        let newest = self.open.last_key_value().map(|(_, newest)| newest);
        let Some(newest) = newest.filter(|_| self.joined(ready, apart).is_none()) else { return ready };
        let patience = newest.handed + if newest.is_heard_of() { apart.heard } else { apart.silent };
        let next = match self.answer {
            // The newest is the one that is being answered.
            Some(answer) if self.open.len() == 1 => {
                patience.min(self.asked_at(newest, apart) + answer.saturating_sub(apart.lead))
            }
            _ => patience,
        };
        ready.max(next)
    }

    /// The request that records which are handed over at `now` join, if there is one.
    fn joined(&self, now: Instant, apart: Apart) -> Option<(RequestNumber, &Request)> {
        let waits = |newest: &Request| self.open.len() > 1 || now < newest.sent_at(apart);
        let newest = self.open.last_key_value().map(|(number, newest)| (*number, newest));
        newest.filter(|(_, newest)| !newest.full && !newest.is_heard_of() && waits(newest))
    }

    /// Since when a request is being answered.
    fn asked_at(&self, request: &Request, apart: Apart) -> Instant {
        request.sent_at(apart).max(self.complete.unwrap_or(request.begun))
    }

    /// The request that records which are handed over at `now` belong to, and how many bytes of them fit if `most` make one.
    pub(super) fn place(&self, now: Instant, apart: Apart, most: usize) -> (RequestNumber, usize) {
        match self.joined(now, apart) {
            Some((number, newest)) => (number, most.saturating_sub(newest.bytes)),
            None => (self.next, most),
        }
    }

    /// Some records have been handed over as part of `number`, which [`Requests::place`] gave.
    pub(super) fn hand_over(&mut self, now: Instant, number: RequestNumber, records: usize, bytes: usize, most: usize) {
        let new = Request { begun: now, handed: now, records: 0, bytes: 0, full: false, left: 0 };
        let request = self.open.entry(number).or_insert(new);
        request.handed = now;
        request.records += records;
        request.left += records;
        request.bytes += bytes;
        // No room for another of their kind.
        request.full = request.bytes + request.bytes / request.records.max(1) > most;
        self.next = self.next.max(number + 1);
    }

    /// A record of that request has its outcome.
    pub(super) fn settle(&mut self, now: Instant, number: RequestNumber, apart: Apart) {
        let Some(request) = self.open.get_mut(&number) else { return };
        request.left -= 1;
        if request.left > 0 {
            return;
        }
        let request = self.open.remove(&number).expect("it was there just now");
        self.answer = Some(now.saturating_duration_since(self.asked_at(&request, apart)));
        self.complete = Some(now);
    }

    /// Records without an outcome.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.open.values().map(|request| request.left).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_000;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn apart() -> Apart {
        Apart { gathers: millis(4), lead: millis(5), silent: millis(250), heard: millis(20) }
    }

    /// Requests, and the time at which they began.
    struct Client(Requests, Instant);

    impl Client {
        fn new() -> Self {
            Self(Requests::default(), Instant::now())
        }

        fn hand_over(&mut self, at: u64, records: usize, bytes: usize) -> RequestNumber {
            let now = self.1 + millis(at);
            let (number, _) = self.0.place(now, apart(), MOST);
            self.0.hand_over(now, number, records, bytes, MOST);
            number
        }

        fn settle(&mut self, at: u64, number: RequestNumber, records: usize) {
            (0..records).for_each(|_| self.0.settle(self.1 + millis(at), number, apart()));
        }

        /// When records that are ready at `ready` may go.
        fn next(&self, ready: u64) -> u128 {
            (self.0.next_at(self.1 + millis(ready), apart()) - self.1).as_millis()
        }

        fn room(&self, at: u64) -> usize {
            self.0.place(self.1 + millis(at), apart(), MOST).1
        }
    }

    #[test]
    fn what_the_client_still_gathers_is_joined() {
        let mut client = Client::new();
        assert_eq!((client.next(0), client.room(0)), (0, MOST));
        assert_eq!(client.hand_over(0, 1, 100), 0);
        assert_eq!((client.next(3), client.room(3)), (3, MOST - 100));
        assert_eq!(client.hand_over(3, 2, 200), 0);
        assert_eq!(client.next(4), 253, "it is on its way, and how long the answer takes is not known");
        assert_eq!(client.room(4), MOST);
    }

    #[test]
    fn a_full_request_is_not_joined() {
        let mut client = Client::new();
        client.hand_over(0, 9, 900);
        assert_eq!(client.next(1), 1, "another of their size has room");
        client.hand_over(1, 1, 100);
        assert_eq!(client.next(1), 251);
    }

    #[test]
    fn the_next_goes_shortly_before_the_answer_as_the_last_one_tells() {
        let mut client = Client::new();
        client.hand_over(0, 2, 200);
        client.settle(24, 0, 2);
        assert_eq!(client.next(24), 24, "nothing is under way");
        // Sent 4 ms later, and answered after 20 ms.
        client.hand_over(30, 10, MOST);
        assert_eq!(client.next(31), 30 + 20 - 5);
        assert_eq!(client.hand_over(45, 3, 300), 2);
        assert_eq!(
            (client.next(46), client.room(46)),
            (46, MOST - 300),
            "with the client it waits for the answer, and is joined"
        );
        client.hand_over(46, 7, 700);
        assert_eq!(client.next(47), 296, "two are enough");
        client.settle(60, 1, 10);
        // That one was sent at once, for it was full, and took 30 ms; so is the next since the answer.
        assert_eq!(client.next(61), 60 + 30 - 5);
    }

    #[test]
    fn a_request_of_which_a_part_is_confirmed_holds_up_nobody_for_long() {
        let mut client = Client::new();
        client.hand_over(0, 10, MOST);
        client.settle(5, 0, 9);
        assert_eq!(client.next(6), 20);
        assert_eq!(client.hand_over(20, 10, MOST), 1);
        client.settle(22, 1, 10);
        assert_eq!(client.next(23), 23, "one of the first stays, and nothing else is under way");
        client.hand_over(23, 10, MOST);
        assert_eq!(client.next(24), 273);
        client.settle(30, 2, 1);
        assert_eq!(client.next(30), 43);
        client.settle(31, 2, 9);
        client.settle(50, 0, 1);
        assert_eq!((client.next(50), client.0.left()), (50, 0));
        assert_eq!(client.hand_over(50, 1, 1), 3);
    }

    #[test]
    fn what_is_complete_is_forgotten_whatever_is_stuck_before_it() {
        let mut client = Client::new();
        client.hand_over(0, 1, MOST);
        for at in 1..1_000 {
            let number = client.hand_over(at, 1, MOST);
            client.settle(at, number, 1);
        }
        assert_eq!((client.0.open.len(), client.0.left()), (1, 1));
    }

    #[test]
    fn what_it_does_not_know_is_nothing_to_it() {
        let mut client = Client::new();
        client.hand_over(0, 1, 1);
        client.settle(1, 0, 1);
        client.settle(2, 0, 1);
        client.settle(2, 7, 1);
        assert_eq!(client.0.left(), 0);
    }
}
