//! What a bridge holds: the core of its supervisor, without IO and without a clock.
//!
//! Each edge has a *lane*. Records wait there in the order of their acceptance, and lanes take turns by the oldest record
//! at their head. When a record fails in passing, its lane is held: nothing of it is sent until all of it that is under way has an
//! outcome and a while has passed; then it goes on with what failed, in the old order.
//!
//! A record is in one place at any time, and each move between places changes the counters in the same step, so that
//! matched = delivered + failed + dropped + queued + in flight whenever somebody looks.
//!
//! A publisher is answered once. If its deadline passes before the client has claimed the record, the record is withdrawn, else it is
//! *forsaken*. Whatever is part of a batch stays charged until that has let go of it.

mod in_order;
mod requests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use proto::id::EdgeId;

use self::in_order::InOrder;
use self::requests::{RequestNumber, Requests};
use super::backoff::Backoff;
use super::deadlines::Deadlines;
use crate::error::Kind;
use crate::{Answer, GivenUp, Outcome, PublishError, Record, Terms};

/// The first and the longest wait of a lane whose record has failed in passing.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(2);

/// Where a bridge's messages are. `matched` is the sum of the next five at every moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that the bridge was to take.
    pub matched: u64,
    /// Those that the broker has confirmed while their publisher waited.
    pub delivered: u64,
    /// Those whose publisher was answered with an error after the broker's client had them, or because the broker or the
    /// template refuses them. Some may have arrived.
    pub failed: u64,
    /// Those whose publisher was answered with an error before the broker's client had them: no room, too late, or another
    /// target has failed them. None has arrived.
    pub dropped: u64,
    /// Those that wait.
    pub queued: u64,
    /// Those that the broker's client has.
    pub in_flight: u64,
    /// Times that a record was queued again after a failure.
    pub retried: u64,
    /// Records that were confirmed after their publisher had been answered with an error.
    pub late: u64,
    /// Bytes of everything that is held, forsaken records included.
    pub bytes: u64,
}

/// Owed to a publisher: its answer, and what it is.
pub(crate) type Owed<A> = (A, Result<(), GivenUp>);

/// A record's place in the order of acceptance.
pub(crate) type Number = u64;

#[derive(Debug)]
struct Entry<A> {
    record: Arc<Record>,
    /// Bytes that it takes of memory.
    bytes: usize,
    /// Bytes that it takes of a batch.
    size: usize,
    since: Instant,
    /// None once the publisher is answered.
    answer: Option<A>,
    /// The request that it is part of, once it is under way.
    in_flight: Option<RequestNumber>,
    /// What went wrong last.
    failure: Option<Arc<str>>,
}

type Entries<A> = HashMap<Number, Entry<A>, InOrder>;

/// What the supervisor waits for while it has nothing to do.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// When it looks again by itself.
    until: Option<Instant>,
    /// Whether it would send a batch; else deadlines alone matter.
    sends: bool,
}

#[derive(Debug, Default)]
struct Lane {
    /// In the order of their acceptance.
    waiting: VecDeque<Number>,
    in_flight: usize,
    /// Something of it has failed: nothing is sent before this.
    held_until: Option<Instant>,
    /// Failures since the last success.
    failures: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger<A> {
    bound: usize,
    terms: Terms,
    next: Number,
    entries: Entries<A>,
    lanes: HashMap<EdgeId, Lane, RandomState>,
    /// Lanes that may send, by the record at their head.
    ready: BTreeMap<Number, EdgeId>,
    /// Lanes that are held and have nothing under way, by when they go on.
    held: BTreeSet<(Instant, EdgeId)>,
    /// Those of records whose publishers wait.
    deadlines: Deadlines,
    waiting_bytes: usize,
    /// Records under way, forsaken ones included.
    window: usize,
    requests: Requests,
    counters: Counters,
    backoff: Backoff,
    closed: bool,
    /// None while the supervisor is at work: it looks before it rests.
    rest: Option<Rest>,
}

impl<A: Answer> Ledger<A> {
    /// A ledger that holds at most `bound` bytes; when it holds none it takes any one record.
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            bound,
            terms: Terms::default(),
            next: 0,
            entries: HashMap::default(),
            lanes: HashMap::default(),
            ready: BTreeMap::new(),
            held: BTreeSet::new(),
            deadlines: Deadlines::default(),
            waiting_bytes: 0,
            window: 0,
            requests: Requests::default(),
            counters: Counters::default(),
            backoff: Backoff::new(RETRY_FIRST, RETRY_MOST),
            closed: false,
            rest: None,
        }
    }

    /// Batches are made by `terms` from now on.
    pub(crate) fn agree(&mut self, terms: Terms) {
        self.terms = terms;
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether nothing is held whose publisher waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.awaited() == 0
    }

    /// Records whose publishers wait.
    fn awaited(&self) -> usize {
        (self.counters.queued + self.counters.in_flight) as usize
    }

    /// Records that are under way, forsaken ones included.
    pub(crate) fn under_way(&self) -> usize {
        self.window
    }

    // --- in

    /// Counts a message that matches and cannot be made a record.
    pub(crate) fn refuse(&mut self) {
        self.counters.matched += 1;
        self.counters.failed += 1;
    }

    /// Takes a record. Returns whether the supervisor must be woken: it rests, and there is something to do earlier than it thinks.
    ///
    /// # Errors
    /// There is no room, or no more are taken; the answer is handed back.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        record: Arc<Record>,
        deadline: Instant,
        answer: A,
    ) -> Result<bool, Owed<A>> {
        self.counters.matched += 1;
        let bytes = record.cost();
        let held = self.counters.bytes as usize;
        let full = held > 0 && held + bytes > self.bound;
        if self.closed || full {
            self.counters.dropped += 1;
            return Err((answer, Err(if self.closed { GivenUp::Closing } else { GivenUp::Congested })));
        }
        let number = self.next;
        self.next += 1;
        self.counters.queued += 1;
        self.counters.bytes += bytes as u64;
        let edge = record.message.edge;
        let size = record.size();
        let entry = Entry { record, bytes, size, since: now, answer: Some(answer), in_flight: None, failure: None };
        self.entries.insert(number, entry);
        self.wait(edge, number, size);
        let awaited = self.awaited();
        self.deadlines.add(deadline, number, awaited, is_awaited(&self.entries));
        let wakes = self.rest.is_some_and(|rest| {
            let batch = rest.sends.then(|| self.next_batch(now)).flatten();
            let next = batch.map_or(deadline, |batch| batch.min(deadline));
            rest.until.is_none_or(|until| next < until)
        });
        if wakes {
            self.rest = None;
        }
        Ok(wakes)
    }

    // --- out

    /// The next batch, with the records' numbers: at most as much as the terms allow. `None` if there is nothing to send
    /// now; [`Ledger::rest`] tells when to ask again. What has expired must have been taken out before.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(Vec<Number>, Vec<Arc<Record>>)> {
        self.release(now);
        let room = self.terms.batch_records.min(self.terms.window.saturating_sub(self.window));
        let due = self.closed && !self.ready.is_empty() || self.batch_at(now).is_some_and(|at| at <= now);
        if room == 0 || !due {
            return None;
        }
        let (request, bytes_room) = self.place(now);
        let (mut numbers, mut records, mut bytes) = (Vec::new(), Vec::new(), 0);
        while numbers.len() < room {
            let Some((number, edge)) = self.ready.first_key_value().map(|(number, edge)| (*number, *edge)) else {
                break;
            };
            let entry = self.entries.get_mut(&number).expect("what waits is in the table");
            if bytes > 0 && bytes + entry.size > bytes_room {
                break;
            }
            bytes += entry.size;
            self.waiting_bytes -= entry.size;
            entry.in_flight = Some(request);
            numbers.push(number);
            records.push(Arc::clone(&entry.record));
            self.ready.pop_first();
            let lane = self.lanes.get_mut(&edge).expect("a lane is kept while something of it waits");
            lane.waiting.pop_front();
            lane.in_flight += 1;
            if let Some(next) = lane.waiting.front() {
                self.ready.insert(*next, edge);
            }
            self.window += 1;
            self.counters.queued -= 1;
            self.counters.in_flight += 1;
        }
        if self.terms.apart.is_some() {
            self.requests.hand_over(now, request, numbers.len(), bytes, self.terms.batch_bytes);
        }
        Some((numbers, records))
    }

    /// The request that the next batch is part of, and how many bytes it may have. Without requests to keep apart all are one.
    fn place(&self, now: Instant) -> (RequestNumber, usize) {
        let most = self.terms.batch_bytes;
        self.terms.apart.map_or((0, most), |apart| self.requests.place(now, apart, most))
    }

    /// When there may be something to send.
    fn next_batch(&self, now: Instant) -> Option<Instant> {
        (self.window < self.terms.window).then(|| self.batch_at(now)).flatten()
    }

    /// When what waits is a batch: it is full or has waited for more for long enough, and for requests before it. Not before `now`.
    fn batch_at(&self, now: Instant) -> Option<Instant> {
        let (oldest, _) = self.ready.first_key_value()?;
        let records = self.counters.queued as usize;
        let full = records >= self.terms.batch_records || self.waiting_bytes >= self.place(now).1;
        let ready = if full { now } else { now.max(self.entries[oldest].since + self.terms.linger) };
        Some(self.terms.apart.map_or(ready, |apart| self.requests.next_at(ready, apart)))
    }

    /// Lanes that were held for long enough go on.
    fn release(&mut self, now: Instant) {
        while let Some(&(until, edge)) = self.held.first()
            && until <= now
        {
            self.held.pop_first();
            let lane = self.lanes.get_mut(&edge).expect("a held lane has records");
            lane.held_until = None;
            self.enter_ready(edge);
        }
    }

    // --- outcomes

    /// The client has let go of a record. Returns the publisher's answer, if it is due now; `tell` words a failure.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        number: Number,
        outcome: Outcome,
        tell: impl FnOnce(&PublishError) -> Arc<str>,
    ) -> Option<Owed<A>> {
        let entry = self.entries.get_mut(&number)?;
        let request = entry.in_flight.take()?;
        if let Some(apart) = self.terms.apart {
            self.requests.settle(now, request, apart);
        }
        let edge = entry.record.message.edge;
        self.window -= 1;
        let lane = self.lanes.get_mut(&edge).expect("a lane is kept while something of it is under way");
        lane.in_flight -= 1;
        let forsaken = entry.answer.is_none();
        if !forsaken {
            self.counters.in_flight -= 1;
        }
        let owed = match outcome {
            Ok(()) => {
                lane.failures = 0;
                let owed = self.let_go(number).map(|answer| (answer, Ok(())));
                *(if forsaken { &mut self.counters.late } else { &mut self.counters.delivered }) += 1;
                owed
            }
            Err(error) if error.is_transient() && !forsaken => {
                entry.failure = Some(tell(&error));
                let size = entry.size;
                self.counters.queued += 1;
                self.counters.retried += 1;
                self.hold(now, edge, error.kind());
                self.wait(edge, number, size);
                None
            }
            Err(error) => {
                let dropped = error.kind() == Kind::Withdrawn && !entry.record.stage.is_handed_over();
                let answer = self.let_go(number);
                if !forsaken {
                    self.count_given_up(!dropped);
                }
                answer.map(|answer| (answer, Err(GivenUp::Failed(tell(&error)))))
            }
        };
        self.relieve(edge);
        owed
    }

    /// The lane sends nothing for a while. After the loss of a connection that is not its own fault, so it goes on as soon
    /// as there is a new one.
    fn hold(&mut self, now: Instant, edge: EdgeId, kind: Kind) {
        self.leave_ready(edge);
        let lane = self.lanes.get_mut(&edge).expect("its record has just failed");
        let until = match kind {
            Kind::Lost => now,
            _ => {
                // Several that fail together are one failure.
                lane.failures += u32::from(lane.held_until.is_none());
                now + self.backoff.after(lane.failures)
            }
        };
        lane.held_until = Some(lane.held_until.map_or(until, |before| before.max(until)));
    }

    /// A lane with nothing under way is forgotten, or told when to go on.
    fn relieve(&mut self, edge: EdgeId) {
        let Some(lane) = self.lanes.get_mut(&edge) else { return };
        if lane.in_flight > 0 {
            return;
        }
        if lane.waiting.is_empty() {
            if let Some(until) = lane.held_until {
                self.held.remove(&(until, edge));
            }
            self.lanes.remove(&edge);
        } else if let Some(until) = lane.held_until {
            self.held.insert((until, edge));
        }
    }

    // --- time

    /// Records whose publishers' deadline has passed: those that the client has not claimed are withdrawn, the others forsaken. `cause` makes what
    /// stands in the way of those that have not failed before.
    pub(crate) fn expire(&mut self, now: Instant, cause: impl Fn() -> Arc<str>) -> Vec<Owed<A>> {
        self.rest = None;
        let mut owed = Vec::new();
        while let Some(number) = self.deadlines.passed(now, is_awaited(&self.entries)) {
            let cause = self.entries[&number].failure.clone().unwrap_or_else(&cause);
            owed.extend(self.give_up(number).map(|answer| (answer, Err(GivenUp::Expired { cause }))));
        }
        owed
    }

    /// The connection is gone: all that is under way is sent again over the next one, and what is forsaken is let go.
    pub(crate) fn lose(&mut self, now: Instant, error: &PublishError, tell: impl Fn(&PublishError) -> Arc<str>) {
        let under_way = self.entries.iter().filter(|(_, entry)| entry.in_flight.is_some());
        let mut numbers: Vec<Number> = under_way.map(|(number, _)| *number).collect();
        // Each goes back in front of those that wait in its lane.
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        for number in numbers {
            let owed = self.settle(now, number, Err(error.clone()), &tell);
            debug_assert!(owed.is_none(), "what is lost with a connection is tried again");
        }
    }

    /// No more are taken; what is held can still go out.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Gives up all that is held.
    pub(crate) fn give_up_all(&mut self) -> Vec<Owed<A>> {
        self.closed = true;
        let awaited = self.entries.iter().filter(|(_, entry)| entry.answer.is_some());
        let mut numbers: Vec<Number> = awaited.map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        let answers = numbers.into_iter().filter_map(|number| self.give_up(number));
        answers.map(|answer| (answer, Err(GivenUp::Closing))).collect()
    }

    fn give_up(&mut self, number: Number) -> Option<A> {
        let entry = self.entries.get_mut(&number)?;
        let handed_over = !entry.record.stage.withdraw();
        if entry.in_flight.is_some() {
            self.counters.in_flight -= 1;
            let answer = entry.answer.take();
            self.count_given_up(handed_over);
            return answer;
        }
        self.counters.queued -= 1;
        let (edge, size) = (entry.record.message.edge, entry.size);
        self.count_given_up(handed_over);
        self.unwait(edge, number, size);
        let answer = self.let_go(number);
        self.relieve(edge);
        answer
    }

    /// A publisher is told an error, because its record has failed or for other reasons.
    fn count_given_up(&mut self, failed: bool) {
        *(if failed { &mut self.counters.failed } else { &mut self.counters.dropped }) += 1;
    }

    /// The supervisor rests now. Returns when to look again: a deadline and, if it `sends`, a lane that goes on or a batch that has
    /// waited for long enough.
    pub(crate) fn rest(&mut self, now: Instant, sends: bool) -> Option<Instant> {
        let deadline = self.deadlines.next(is_awaited(&self.entries));
        let until = if sends {
            let held = self.held.first().map(|(at, _)| *at);
            deadline.into_iter().chain(held).chain(self.next_batch(now)).min()
        } else {
            deadline
        };
        self.rest = Some(Rest { until, sends });
        until
    }

    // --- places

    /// Forgets a record; returns its publisher's answer, if that is still owed.
    fn let_go(&mut self, number: Number) -> Option<A> {
        let entry = self.entries.remove(&number)?;
        self.counters.bytes -= entry.bytes as u64;
        entry.answer
    }

    fn wait(&mut self, edge: EdgeId, number: Number, size: usize) {
        self.waiting_bytes += size;
        let lane = self.lanes.entry(edge).or_default();
        let place = match lane.waiting.back() {
            Some(last) if *last > number => lane.waiting.partition_point(|before| *before < number),
            _ => lane.waiting.len(),
        };
        lane.waiting.insert(place, number);
        if place == 0 && lane.held_until.is_none() {
            if let Some(head) = lane.waiting.get(1) {
                self.ready.remove(head);
            }
            self.ready.insert(number, edge);
        }
    }

    fn unwait(&mut self, edge: EdgeId, number: Number, size: usize) {
        self.waiting_bytes -= size;
        let Some(lane) = self.lanes.get_mut(&edge) else { return };
        let Ok(place) = lane.waiting.binary_search(&number) else { return };
        lane.waiting.remove(place);
        if place == 0 {
            self.ready.remove(&number);
            self.enter_ready(edge);
        }
    }

    fn leave_ready(&mut self, edge: EdgeId) {
        if let Some(head) = self.lanes.get(&edge).and_then(|lane| lane.waiting.front()) {
            self.ready.remove(head);
        }
    }

    fn enter_ready(&mut self, edge: EdgeId) {
        if let Some(lane) = self.lanes.get(&edge)
            && lane.held_until.is_none()
            && let Some(head) = lane.waiting.front()
        {
            self.ready.insert(*head, edge);
        }
    }
}

/// Whether a record's publisher waits.
fn is_awaited<A>(entries: &Entries<A>) -> impl Fn(Number) -> bool {
    |number| entries.get(&number).is_some_and(|entry| entry.answer.is_some())
}

#[cfg(test)]
mod tests;
