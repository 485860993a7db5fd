//! How large a batch may be.
//!
//! Kafka refuses a whole batch that is larger than its topic's `max.message.bytes`, and with it every small record in there. What is
//! behind it may be stored meanwhile, so sending it again would come too late for the order. Hence the cluster is asked before
//! anything is sent to a topic. Where it does not tell, as to a login without the right to know, the first refusal has to do: then there is one
//! way left to tell whose fault it was, and records of that bridge go alone.
//!
//! A record that the broker refuses for its own size holds up its partition, since the client gets a new producer id after each. So what
//! is too large for certain is not sent at all, as far as the cluster has told so lately.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;

/// Topics that are remembered. Of further ones nothing is asked.
const MOST: usize = 4096;

/// How long what the cluster has said of a topic counts, even if it refuses what should fit.
const SETTLED: Duration = Duration::from_secs(60);

/// How long what the cluster has said of a topic will do for refusing a record by it. The topic may take more since.
const FRESH: Duration = Duration::from_secs(10);

/// What a record takes beside its bytes, at most: its own frame and its batch's.
const FRAME: usize = 128;

/// What a bridge knows of its topics, over all its producers.
#[derive(Debug)]
pub(super) struct Limits {
    configured: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The broker's own limit, when it last told it.
    broker: Option<u32>,
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug, Default)]
struct Topic {
    /// Whether each new connection asks again.
    asked_anew: bool,
    /// What it takes, and when the cluster last told.
    told: Option<(u32, Instant)>,
    /// When it was last asked for by itself.
    asked: Option<Instant>,
    /// When it last refused a batch of records that might fit.
    refused: Option<Instant>,
}

/// What one producer gathers.
#[derive(Debug, Clone)]
pub(super) struct Batches {
    /// When that was known.
    since: Instant,
    /// The most bytes.
    bytes: u32,
    /// Whether each record goes alone.
    single: bool,
}

/// What to make of a record that was refused for its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// It is too large itself.
    Record,
    /// It was among others, and may fit: the topic has to be asked, and the batch sent again.
    Batch,
}

impl Limits {
    /// Nothing is known yet of what the cluster takes. `known` are topics that records are going to go to.
    pub(super) fn new(configured: u32, known: Vec<String>) -> Self {
        let topic = |name| (name, Topic { asked_anew: true, ..Topic::default() });
        let state = State { broker: None, topics: known.into_iter().map(topic).collect() };
        Self { configured, state: Mutex::new(state) }
    }

    // Nothing that could panic halfway runs under this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a producer gathers by what is known so far.
    pub(super) fn batches(&self) -> Batches {
        let state = self.state();
        let least = state.topics.values().filter_map(Topic::limit).chain(state.broker).min();
        Batches {
            since: Instant::now(),
            bytes: least.map_or(self.configured, |least| least.min(self.configured)),
            single: state.topics.values().any(Topic::is_silent),
        }
    }

    /// Topics for whose sake records go alone.
    pub(super) fn silent(&self) -> Vec<String> {
        let state = self.state();
        state.topics.iter().filter(|(_, topic)| topic.is_silent()).map(|(name, _)| name.clone()).collect()
    }

    /// The topics that a new connection asks for.
    pub(super) fn asked_anew(&self) -> Vec<String> {
        let state = self.state();
        state.topics.iter().filter(|(_, topic)| topic.asked_anew).map(|(name, _)| name.clone()).collect()
    }

    /// Those of `topics` to ask for now: nobody has yet, or that was a while ago and there is a record, as the flag says, which might be
    /// too large.
    pub(super) fn to_ask<'a>(&self, topics: impl Iterator<Item = (&'a str, bool)>) -> Vec<String> {
        let now = Instant::now();
        let mut state = self.state();
        let mut asked = Vec::new();
        for (name, large) in topics {
            if !state.topics.contains_key(name) && state.topics.len() < MOST {
                state.topics.insert(name.to_owned(), Topic::default());
            } else if !large {
                continue;
            }
            if let Some(topic) = state.topics.get_mut(name).filter(|topic| topic.is_stale(now)) {
                topic.asked = Some(now);
                asked.push(name.to_owned());
            }
        }
        asked
    }

    /// What the cluster has said: the broker's own limit, and those of topics. What it does not say this time is as it was.
    pub(super) fn told(&self, broker: Option<u32>, limits: BTreeMap<String, u32>) {
        let now = Instant::now();
        let mut state = self.state();
        state.broker = broker.or(state.broker);
        for (name, limit) in limits {
            if let Some(topic) = state.topics.get_mut(&name) {
                topic.told = Some((limit, now));
            }
        }
    }

    /// What a topic takes, if that is less than `size`, as the broker would measure it, and was told lately.
    pub(super) fn surely_less(&self, topic: &str, size: usize) -> Option<u32> {
        let state = self.state();
        let (limit, at) = state.topics.get(topic)?.told?;
        (size > limit as usize && at.elapsed() < FRESH).then_some(limit)
    }

    /// Who is to blame for a refusal. `size` is the record's, with key and headers.
    pub(super) fn blame(&self, batches: &Batches, topic: &str, size: usize) -> Blame {
        let size = size + FRAME;
        if batches.single || size > batches.bytes as usize {
            return Blame::Record;
        }
        let mut state = self.state();
        if state.topics.len() >= MOST && !state.topics.contains_key(topic) {
            return Blame::Record;
        }
        let topic = state.topics.entry(topic.to_owned()).or_default();
        if topic.limit().is_some_and(|limit| size > limit as usize) {
            return Blame::Record;
        }
        let now = Instant::now();
        let again = topic.refused.filter(|last| now.saturating_duration_since(*last) < SETTLED);
        match again {
            // One of the same batch was here before.
            Some(last) if last > batches.since => Blame::Batch,
            Some(_) => Blame::Record,
            None => {
                topic.refused = Some(now);
                topic.asked_anew = true;
                Blame::Batch
            }
        }
    }
}

impl Topic {
    fn limit(&self) -> Option<u32> {
        self.told.map(|(limit, _)| limit)
    }

    fn is_silent(&self) -> bool {
        self.refused.is_some() && self.told.is_none()
    }

    /// Whether what is known of it is too old to refuse anything by.
    fn is_stale(&self, now: Instant) -> bool {
        self.asked.max(self.told.map(|(_, at)| at)).is_none_or(|last| now.saturating_duration_since(last) >= FRESH)
    }
}

impl Batches {
    /// Whether a producer that gathers so gathers no more than one that gathers as `other`, nor less.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.bytes, self.single) == (other.bytes, other.single)
    }

    /// Whether it gathers more than one that gathers as `other`.
    pub(super) fn exceeds(&self, other: &Self) -> bool {
        !self.single && (other.single || self.bytes > other.bytes)
    }

    /// The most bytes that a producer sends together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Whether each record goes alone.
    pub(super) fn is_single(&self) -> bool {
        self.single
    }

    /// Tells librdkafka.
    pub(super) fn limit(&self, config: &mut ClientConfig) {
        config.set("batch.size", self.bytes.to_string());
        if self.single {
            config.set("batch.num.messages", "1");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(topics: &[(&str, u32)]) -> BTreeMap<String, u32> {
        topics.iter().map(|(topic, limit)| ((*topic).to_owned(), *limit)).collect()
    }

    #[test]
    fn batches_fit_the_smallest_of_what_is_known() {
        let limits = Limits::new(1_000_000, vec!["t".to_owned()]);
        assert_eq!(limits.asked_anew(), ["t"]);
        let before = limits.batches();
        limits.told(Some(1_048_588), told(&[("t", 10_000)]));
        let batches = limits.batches();
        assert_eq!((batches.bytes, batches.single), (10_000, false));
        assert!(before.exceeds(&batches) && !batches.exceeds(&before) && !before.is_like(&batches));
        assert_eq!(limits.blame(&batches, "t", 20_000), Blame::Record);
        limits.told(None, BTreeMap::new());
        assert!(limits.batches().is_like(&batches), "what is not said is as it was");
        limits.told(None, told(&[("t", 20_000)]));
        assert_eq!(limits.batches().bytes, 20_000);
    }

    #[test]
    fn each_topic_that_comes_up_is_asked_for_once() {
        let limits = Limits::new(1_000_000, vec!["t".to_owned()]);
        let to_ask = |topics: &[&str]| limits.to_ask(topics.iter().map(|topic| (*topic, false)));
        assert_eq!(to_ask(&["a", "t", "b", "a"]), ["a", "b"]);
        assert!(to_ask(&["a", "b"]).is_empty());
        limits.told(None, told(&[("a", 10_000)]));
        assert_eq!((limits.batches().bytes, limits.asked_anew()), (10_000, vec!["t".to_owned()]));
        let many: Vec<String> = (0..MOST).map(|number| number.to_string()).collect();
        assert_eq!(limits.to_ask(many.iter().map(|topic| (topic.as_str(), true))).len(), MOST - 3);
        assert_eq!(limits.blame(&limits.batches(), "one more", 100), Blame::Record);
    }

    #[test]
    fn what_is_too_large_for_certain_is_refused_as_long_as_the_cluster_has_just_said_so() {
        let limits = Limits::new(1_000_000, vec!["t".to_owned()]);
        let asked_for = |large| !limits.to_ask([("t", large)].into_iter()).is_empty();
        assert!(asked_for(true), "nobody has told");
        assert_eq!(limits.surely_less("t", 20_000), None);
        assert!(!asked_for(true), "it may be that nobody will");
        limits.told(None, told(&[("t", 10_000)]));
        assert_eq!((limits.surely_less("t", 10_000), limits.surely_less("t", 10_001)), (None, Some(10_000)));
        assert_eq!(limits.surely_less("u", 10_001), None);
        let before = |at: Instant| at.checked_sub(FRESH).unwrap();
        {
            let mut state = limits.state();
            let topic = state.topics.get_mut("t").unwrap();
            topic.told = topic.told.map(|(limit, at)| (limit, before(at)));
            topic.asked = topic.asked.map(before);
        }
        assert_eq!(limits.surely_less("t", 10_001), None, "it may take more by now");
        assert!(!asked_for(false) && asked_for(true) && !asked_for(true));
        assert_eq!(limits.surely_less("t", 10_001), None, "no answer has come");
        limits.told(None, told(&[("t", 20_000)]));
        assert_eq!((limits.surely_less("t", 10_001), limits.surely_less("t", 20_001)), (None, Some(20_000)));
    }

    #[test]
    fn a_topic_that_refuses_a_batch_is_asked_once_for_all_its_records() {
        let limits = Limits::new(1_000_000, Vec::new());
        let first = limits.batches();
        assert_eq!(limits.blame(&first, "t", 2_000_000), Blame::Record, "it was alone");
        assert_eq!(limits.blame(&first, "t", 100), Blame::Batch);
        assert_eq!(limits.blame(&first, "t", 100), Blame::Batch, "another of the same batch");
        assert_eq!(limits.asked_anew(), ["t"]);
        limits.told(Some(1_048_588), told(&[("t", 10_000)]));
        let second = limits.batches();
        assert_eq!(limits.blame(&second, "t", 9_000), Blame::Record, "it has just been asked");
    }

    #[test]
    fn where_a_topic_does_not_tell_records_go_alone() {
        let limits = Limits::new(1_000_000, Vec::new());
        assert_eq!(limits.blame(&limits.batches(), "t", 100), Blame::Batch);
        let second = limits.batches();
        assert_eq!((second.single, limits.silent()), (true, vec!["t".to_owned()]));
        assert_eq!(limits.blame(&second, "t", 100), Blame::Record);
    }
}
