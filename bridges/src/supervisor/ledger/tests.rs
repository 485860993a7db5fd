//! The ledger against a model of it, under any order of events, and its rules one by one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::Apart;
use crate::testing::{Publisher, Told, record};

fn tell(error: &PublishError) -> Arc<str> {
    error.to_string().into()
}

/// What can happen to a ledger; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Offer { edge: u64, bytes: usize, patience: u64 },
    Take,
    Claim { which: usize },
    Settle { which: usize, outcome: Result<(), Kind> },
    Lose,
    Pass { millis: u64 },
    Rest { sends: bool },
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kinds = [Kind::Passing, Kind::Lost, Kind::Full, Kind::Refused, Kind::TooLarge];
    let failure = prop::sample::select(kinds.to_vec());
    let outcome = prop_oneof![3 => Just(Ok(())), 2 => failure.prop_map(Err)];
    let offer = (0..4u64, 0..600usize, prop_oneof![1..40u64, 1..4_000u64]);
    let step = prop_oneof![
        8 => offer.prop_map(|(edge, bytes, patience)| Step::Offer { edge, bytes, patience }),
        6 => Just(Step::Take),
        6 => any::<usize>().prop_map(|which| Step::Claim { which }),
        10 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::Settle { which, outcome }),
        1 => Just(Step::Lose),
        4 => (0..1_500u64).prop_map(|millis| Step::Pass { millis }),
        6 => any::<bool>().prop_map(|sends| Step::Rest { sends }),
    ];
    (prop::collection::vec(step, 1..150), any::<bool>()).prop_map(|(mut steps, close)| {
        if close {
            steps.insert(steps.len() / 2, Step::Close);
        }
        steps
    })
}

const APART: Apart = Apart {
    gathers: Duration::from_millis(4),
    lead: Duration::from_millis(5),
    silent: Duration::from_millis(100),
    heard: Duration::from_millis(10),
};

/// A ledger, and what must be true of it.
struct World {
    ledger: Ledger<Publisher>,
    now: Instant,
    offered: u64,
    told: Told,
    /// Edge of each record under way.
    under_way: BTreeMap<Number, u64>,
    /// What was under way at any time.
    records: BTreeMap<Number, Arc<Record>>,
    /// Those of them that the client has claimed.
    claimed: BTreeSet<Number>,
    /// The record of each publisher.
    numbers: BTreeMap<u64, Number>,
    /// Publishers who were told an error before the client had their record.
    dropped: u64,
    waiting: BTreeMap<u64, BTreeSet<Number>>,
    /// Records that failed in passing and were not sent since.
    failed: BTreeSet<Number>,
    /// If the supervisor rests: until when, and whether it sends.
    resting: Option<(Option<Instant>, bool)>,
}

impl World {
    fn new() -> Self {
        Self::with(Duration::ZERO, None)
    }

    fn with(linger: Duration, apart: Option<Apart>) -> Self {
        let mut ledger = Ledger::new(8 * 1024);
        ledger.agree(Terms { batch_records: 3, batch_bytes: 2_000, window: 6, linger, apart, ..Terms::default() });
        Self {
            ledger,
            now: Instant::now(),
            offered: 0,
            told: Told::default(),
            under_way: BTreeMap::new(),
            records: BTreeMap::new(),
            claimed: BTreeSet::new(),
            numbers: BTreeMap::new(),
            dropped: 0,
            waiting: BTreeMap::new(),
            failed: BTreeSet::new(),
            resting: None,
        }
    }

    fn step(&mut self, step: Step) {
        if !matches!(step, Step::Offer { .. }) {
            // The supervisor does that, so it looks before it rests again.
            self.ledger.rest = None;
            self.resting = None;
        }
        match step {
            Step::Offer { edge, bytes, patience } => self.offer(edge, bytes, patience),
            Step::Take => {
                self.take();
            }
            Step::Claim { which } => {
                if let Some(number) = self.choose(which) {
                    // If it fails, the outcome comes later.
                    let _ = self.claim(number);
                }
            }
            Step::Settle { which, outcome } => {
                if let Some(number) = self.choose(which) {
                    // Nothing is confirmed that was not handed over.
                    let outcome = if outcome.is_ok() { self.claim(number) } else { outcome };
                    self.settle(number, outcome);
                }
            }
            Step::Lose => {
                self.ledger.lose(self.now, &PublishError::lost("gone"), tell);
                for (number, edge) in std::mem::take(&mut self.under_way) {
                    self.fails(number, edge);
                }
            }
            Step::Pass { millis } => {
                self.now += Duration::from_millis(millis);
                let owed = self.ledger.expire(self.now, || "late".into());
                self.pay(owed);
                let still: BTreeSet<Number> = self.ledger.entries.keys().copied().collect();
                self.waiting.values_mut().for_each(|waiting| waiting.retain(|number| still.contains(number)));
            }
            Step::Rest { sends } => {
                self.step(Step::Pass { millis: 0 });
                while sends && self.take() {}
                let until = self.rest(self.now, sends);
                assert!(until.is_none_or(|until| until > self.now), "who rests has nothing to do at present");
            }
            Step::Close => self.ledger.close(),
        }
        self.check();
    }

    fn offer(&mut self, edge: u64, bytes: usize, patience: u64) {
        let publisher = Publisher { number: self.offered, told: Arc::clone(&self.told) };
        self.offered += 1;
        let number = self.ledger.next;
        self.numbers.insert(publisher.number, number);
        let deadline = self.now + Duration::from_millis(patience);
        match self.ledger.offer(self.now, record(edge, &vec![0; bytes]), deadline, publisher) {
            Ok(wakes) => {
                self.waiting.entry(edge).or_default().insert(number);
                let Some((until, sends)) = self.resting else { return assert!(!wakes, "it is at work") };
                let next = self.rest(self.now, sends).expect("there is a deadline");
                assert_eq!(wakes, until.is_none_or(|until| next < until), "it is woken if it must look earlier");
            }
            Err((publisher, outcome)) => {
                self.numbers.remove(&publisher.number);
                self.pay([(publisher, outcome)]);
            }
        }
    }

    /// One of those under way.
    fn choose(&self, which: usize) -> Option<Number> {
        self.under_way.keys().nth(which % self.under_way.len().max(1)).copied()
    }

    /// The client is about to get it.
    fn claim(&mut self, number: Number) -> Result<(), Kind> {
        let claim = self.records[&number].claim().map_err(|error| error.kind());
        let told = self.told.lock().unwrap().iter().any(|(publisher, _)| self.numbers.get(publisher) == Some(&number));
        let expected = if told && !self.claimed.contains(&number) { Err(Kind::Withdrawn) } else { Ok(()) };
        assert_eq!(claim, expected, "what was answered before is not sent");
        if claim.is_ok() {
            self.claimed.insert(number);
        }
        claim
    }

    /// The supervisor rests.
    fn rest(&mut self, now: Instant, sends: bool) -> Option<Instant> {
        let until = self.ledger.rest(now, sends);
        self.resting = Some((until, sends));
        until
    }

    /// Returns whether there was a batch.
    fn take(&mut self) -> bool {
        let before = self.under_way.clone();
        let Some((numbers, records)) = self.ledger.take(self.now) else { return false };
        assert!(numbers.len() <= 3 && before.len() + numbers.len() <= 6, "batch and window");
        for (number, record) in numbers.into_iter().zip(records) {
            let edge = record.message.edge.0;
            let waiting = self.waiting.get_mut(&edge).expect("it waited");
            assert_eq!(waiting.first(), Some(&number), "the oldest of its edge goes first");
            waiting.remove(&number);
            if self.failed.remove(&number) {
                let newer = before.iter().find(|(other, its)| **its == edge && **other > number);
                assert_eq!(newer, None, "nothing newer of its edge is under way when a record is sent again");
            }
            self.under_way.insert(number, edge);
            self.records.insert(number, record);
        }
        true
    }

    fn settle(&mut self, number: Number, outcome: Result<(), Kind>) {
        let edge = self.under_way.remove(&number).expect("it was under way");
        let result = outcome.map_err(|kind| PublishError::new(kind, "no"));
        let owed = self.ledger.settle(self.now, number, result, tell);
        self.pay(owed);
        self.fails(number, edge);
    }

    /// If the ledger still has it, it failed in passing.
    fn fails(&mut self, number: Number, edge: u64) {
        if self.ledger.entries.contains_key(&number) {
            self.failed.insert(number);
            self.waiting.entry(edge).or_default().insert(number);
        }
    }

    fn pay(&mut self, owed: impl IntoIterator<Item = Owed<Publisher>>) {
        for (publisher, outcome) in owed {
            let number = self.numbers.get(&publisher.number);
            let claimed = number.is_some_and(|number| self.claimed.contains(number));
            let for_others = !matches!(&outcome, Ok(()) | Err(GivenUp::Failed(_)));
            self.dropped += u64::from(for_others && !claimed);
            publisher.answer(outcome);
        }
    }

    fn check(&self) {
        let counters = self.ledger.counters();
        let Counters { matched, delivered, failed, dropped, queued, in_flight, .. } = counters;
        assert_eq!(matched, delivered + failed + dropped + queued + in_flight, "{counters:?}");
        assert_eq!((matched, dropped), (self.offered, self.dropped));
        assert_eq!(queued as usize, self.waiting.values().map(BTreeSet::len).sum::<usize>());
        assert_eq!(self.ledger.under_way(), self.under_way.len());
        let told = self.told.lock().unwrap();
        let ok = told.iter().filter(|(_, outcome)| outcome.is_ok()).count() as u64;
        assert_eq!((ok, told.len() as u64 - ok), (delivered, failed + dropped));
        let held: usize = self.ledger.entries.values().map(|entry| entry.bytes).sum();
        assert_eq!(counters.bytes as usize, held);
        let waiting = self.ledger.entries.values().filter(|entry| entry.in_flight.is_none());
        assert_eq!(self.ledger.waiting_bytes, waiting.map(|entry| entry.size).sum::<usize>());
        if self.ledger.terms.apart.is_some() {
            assert_eq!(self.ledger.requests.left(), self.under_way.len());
        }
    }

    fn end(mut self) {
        for number in self.under_way.clone().into_keys() {
            let outcome = self.claim(number);
            self.settle(number, outcome);
        }
        let owed = self.ledger.give_up_all();
        self.pay(owed);
        self.waiting.clear();
        self.check();
        let mut numbers: Vec<u64> = self.told.lock().unwrap().iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..self.offered).collect::<Vec<_>>(), "every publisher is told once");
        assert_eq!(self.rest(self.now, true), None, "nothing is waited for");
        let Ledger { entries, lanes, ready, held, counters, .. } = &self.ledger;
        assert!(entries.is_empty() && lanes.is_empty() && ready.is_empty() && held.is_empty());
        assert_eq!((counters.bytes, self.ledger.waiting_bytes), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_adds_up_and_keeps_order_and_everybody_is_told_once(
        steps in steps(), lingers in any::<bool>(), apart in any::<bool>(),
    ) {
        let linger = if lingers { Duration::from_millis(20) } else { Duration::ZERO };
        let mut world = World::with(linger, apart.then_some(APART));
        for step in steps {
            world.step(step);
        }
        world.end();
    }
}

/// A ledger with `numbers` of one edge under way, each its own batch.
fn under_way(count: u64) -> (World, Vec<Number>) {
    let mut world = World::new();
    world.ledger.agree(Terms { batch_records: 1, ..Terms::default() });
    (0..count).for_each(|_| world.step(Step::Offer { edge: 1, bytes: 10, patience: 3_000 }));
    (0..count).for_each(|_| world.step(Step::Take));
    let numbers = world.under_way.keys().copied().collect();
    (world, numbers)
}

#[test]
fn what_failed_is_sent_again_before_anything_newer_of_its_edge() {
    let (mut world, numbers) = under_way(3);
    world.step(Step::Offer { edge: 1, bytes: 10, patience: 3_000 });
    world.step(Step::Offer { edge: 2, bytes: 10, patience: 3_000 });
    world.settle(numbers[1], Err(Kind::Passing));
    world.step(Step::Take);
    assert_eq!(world.under_way.values().filter(|edge| **edge == 2).count(), 1, "other edges go on");
    world.settle(numbers[0], Ok(()));
    world.settle(numbers[2], Err(Kind::Passing));
    assert_eq!(world.ledger.take(world.now).map(|(numbers, _)| numbers), None, "not at once");
    world.now += RETRY_FIRST;
    let again: Vec<Number> =
        std::iter::from_fn(|| world.ledger.take(world.now)).flat_map(|(numbers, _)| numbers).collect();
    assert_eq!(again, [numbers[1], numbers[2], 3]);
}

#[test]
fn a_lost_connection_costs_no_wait_of_the_lane() {
    let (mut world, numbers) = under_way(2);
    world.ledger.lose(world.now, &PublishError::lost("gone"), tell);
    let (again, _) = world.ledger.take(world.now).unwrap();
    assert_eq!(again, [numbers[0]]);
}

#[test]
fn what_the_client_has_not_claimed_is_withdrawn_when_its_publisher_gives_up_and_what_is_under_way_stays_charged() {
    let (mut world, numbers) = under_way(2);
    assert_eq!(world.claim(numbers[0]), Ok(()));
    world.step(Step::Offer { edge: 1, bytes: 10, patience: 100 });
    let before = world.ledger.counters().bytes;
    world.step(Step::Pass { millis: 3_000 });
    let counters = world.ledger.counters();
    assert_eq!((counters.dropped, counters.failed, counters.in_flight), (2, 1, 0));
    assert_eq!(counters.bytes, before / 3 * 2, "two are in batches");
    let second = world.claim(numbers[1]);
    assert_eq!(second, Err(Kind::Withdrawn));
    world.settle(numbers[1], second);
    world.settle(numbers[0], Err(Kind::Passing));
    let counters = world.ledger.counters();
    assert_eq!((counters.bytes, counters.retried), (0, 0), "nobody waits: it is not sent again");
    assert_eq!((counters.dropped, counters.failed), (2, 1));
}

#[test]
fn what_another_target_has_failed_is_not_sent_and_counts_as_dropped() {
    let (mut world, numbers) = under_way(1);
    world.records[&numbers[0]].message.give_up();
    let claim = world.records[&numbers[0]].claim();
    assert_eq!(claim, Err(PublishError::withdrawn()));
    let owed = world.ledger.settle(world.now, numbers[0], claim, tell);
    assert!(owed.is_some_and(|(_, outcome)| outcome.is_err()));
    let counters = world.ledger.counters();
    assert_eq!((counters.dropped, counters.failed, counters.bytes), (1, 0, 0));
}

#[test]
fn above_its_bound_it_takes_nothing_but_when_empty_any_one() {
    let mut world = World::new();
    world.step(Step::Offer { edge: 1, bytes: 20_000, patience: 100 });
    world.step(Step::Offer { edge: 1, bytes: 0, patience: 100 });
    let told = world.told.lock().unwrap().clone();
    assert_eq!(told, [(1, Err(GivenUp::Congested))]);
    assert_eq!(world.ledger.counters().queued, 1);
}

#[test]
fn a_batch_waits_for_more_until_it_is_full_or_has_lingered() {
    let mut world = World::new();
    let linger = Duration::from_millis(20);
    world.ledger.agree(Terms { batch_records: 2, linger, ..Terms::default() });
    world.step(Step::Offer { edge: 1, bytes: 10, patience: 3_000 });
    world.step(Step::Take);
    assert_eq!(world.under_way.len(), 0);
    assert_eq!(world.rest(world.now, true), Some(world.now + linger));
    world.step(Step::Offer { edge: 2, bytes: 10, patience: 3_000 });
    world.step(Step::Take);
    assert_eq!(world.under_way.len(), 2, "full");
    world.step(Step::Offer { edge: 3, bytes: 10, patience: 3_000 });
    world.step(Step::Pass { millis: 20 });
    world.step(Step::Take);
    assert_eq!(world.under_way.len(), 3, "lingered");
}

#[test]
fn requests_are_kept_apart_and_filled_up() {
    let mut world = World::new();
    let linger = Duration::from_millis(4);
    let batch_bytes = 3 * record(1, &[0; 10]).size();
    world.ledger.agree(Terms { linger, batch_bytes, apart: Some(APART), ..Terms::default() });
    let offer = |world: &mut World, count| (0..count).for_each(|edge| world.offer(edge, 10, 30_000));
    let taken = |world: &mut World, at| world.ledger.take(at).map_or(Vec::new(), |(numbers, _)| numbers);
    let begin = world.now;
    offer(&mut world, 1);
    assert!(taken(&mut world, begin).is_empty());
    assert_eq!(world.rest(begin, true), Some(begin + linger));
    let first = begin + linger;
    assert_eq!(taken(&mut world, first), [0]);
    offer(&mut world, 5);
    assert_eq!(
        taken(&mut world, first),
        [1, 2],
        "as many as fit beside the one that is with the client need not linger"
    );
    let end = first + APART.silent;
    assert!(taken(&mut world, first + linger).is_empty(), "they have lingered, and those before are under way");
    assert_eq!(world.rest(first + linger, true), Some(end));
    (0..3).for_each(|number| assert!(world.ledger.settle(first + linger, number, Ok(()), tell).is_some()));
    assert_eq!(taken(&mut world, first + linger), [3, 4, 5]);
    offer(&mut world, 1);
    assert_eq!(taken(&mut world, first + linger + APART.silent), [6], "nothing is heard of any");
}
