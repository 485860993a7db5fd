//! How large a batch may be.
//!
//! Kafka refuses a whole batch that is larger than its topic's `max.message.bytes`, and with it every small record in there. So the
//! cluster is asked before anything is sent, as far as topics are known: for those that edges choose, when the first batch
//! is refused. A login that may not ask leaves one way to tell whose fault it was: records of such a bridge then go alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;

/// Topics that are asked for beside those of the configuration.
const LEARNED: usize = 64;

/// How long what the cluster has said of a topic counts, even if it refuses what should fit.
const SETTLED: Duration = Duration::from_secs(60);

/// What a record takes beside its bytes, at most: its own frame and its batch's.
const FRAME: usize = 128;

/// What a bridge knows of its topics, over all its producers.
#[derive(Debug)]
pub(super) struct Limits {
    configured: u32,
    known: Vec<String>,
    learned: Mutex<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// Topics that have refused a batch, and when they did last.
    topics: BTreeMap<String, Instant>,
    batches: Option<Batches>,
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
    /// What topics take, as far as they have said.
    topics: BTreeMap<String, u32>,
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
        Self { configured, known, learned: Mutex::default() }
    }

    // Nothing that could panic halfway runs under this lock.
    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a producer gathers by what is known so far.
    pub(super) fn batches(&self) -> Batches {
        let unknown =
            || Batches { since: Instant::now(), bytes: self.configured, single: false, topics: BTreeMap::new() };
        self.learned().batches.clone().unwrap_or_else(unknown)
    }

    /// The topics to ask for.
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.learned().topics.keys().chain(&self.known).cloned().collect()
    }

    /// What the cluster has said: the broker's own limit, and that of each topic that was asked for and has one. Returns what a
    /// producer gathers by that, and the topics for whose sake records go alone.
    pub(super) fn told(&self, broker: Option<u32>, topics: BTreeMap<String, u32>) -> (Batches, Vec<String>) {
        let mut learned = self.learned();
        let silent = learned.topics.keys().filter(|topic| !topics.contains_key(*topic)).cloned();
        let silent: Vec<String> = silent.collect();
        let least = topics.values().copied().chain(broker).min().unwrap_or(u32::MAX);
        let since = Instant::now();
        let batches = Batches { since, bytes: self.configured.min(least), single: !silent.is_empty(), topics };
        learned.batches = Some(batches.clone());
        (batches, silent)
    }

    /// Who is to blame for a refusal. `size` is the record's, with key and headers.
    pub(super) fn blame(&self, batches: &Batches, topic: &str, size: usize) -> Blame {
        let size = size + FRAME;
        let alone = batches.single || size > batches.bytes as usize;
        if alone || batches.topics.get(topic).is_some_and(|limit| size > *limit as usize) {
            return Blame::Record;
        }
        let mut learned = self.learned();
        let now = Instant::now();
        let room = learned.topics.len() < LEARNED;
        match learned.topics.get_mut(topic) {
            // One of the same batch was here before.
            Some(last) if *last > batches.since => Blame::Batch,
            Some(last) if now.saturating_duration_since(*last) < SETTLED => Blame::Record,
            Some(last) => {
                *last = now;
                Blame::Batch
            }
            None if room => {
                learned.topics.insert(topic.to_owned(), now);
                Blame::Batch
            }
            None => Blame::Record,
        }
    }
}

impl Batches {
    /// Whether both gather the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.bytes, self.single) == (other.bytes, other.single)
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
        assert_eq!(limits.asked(), BTreeSet::from(["t".to_owned()]));
        let (batches, silent) = limits.told(Some(1_048_588), told(&[("t", 10_000)]));
        assert_eq!((batches.bytes, batches.single, silent.len()), (10_000, false, 0));
        assert!(limits.batches().is_like(&batches), "so does the next producer");
        assert_eq!(limits.blame(&batches, "t", 20_000), Blame::Record);
        let (batches, _) = limits.told(None, BTreeMap::new());
        assert_eq!((batches.bytes, batches.single), (1_000_000, false), "nobody has refused anything");
    }

    #[test]
    fn a_topic_that_refuses_a_batch_is_asked_once_for_all_its_records() {
        let limits = Limits::new(1_000_000, Vec::new());
        let (first, _) = limits.told(Some(1_048_588), BTreeMap::new());
        assert_eq!(limits.blame(&first, "t", 2_000_000), Blame::Record, "it was alone");
        assert_eq!(limits.blame(&first, "t", 100), Blame::Batch);
        assert_eq!(limits.blame(&first, "t", 100), Blame::Batch, "another of the same batch");
        assert_eq!(limits.asked(), BTreeSet::from(["t".to_owned()]));
        let (second, _) = limits.told(Some(1_048_588), told(&[("t", 10_000)]));
        assert!(!second.is_like(&first));
        assert_eq!(limits.blame(&second, "t", 9_000), Blame::Record, "it has just been asked");
        assert_eq!(limits.blame(&second, "other", 100), Blame::Batch);
    }

    #[test]
    fn where_a_topic_does_not_tell_records_go_alone() {
        let limits = Limits::new(1_000_000, Vec::new());
        let (first, _) = limits.told(None, BTreeMap::new());
        assert_eq!(limits.blame(&first, "t", 100), Blame::Batch);
        let (second, silent) = limits.told(None, BTreeMap::new());
        assert_eq!((second.single, silent), (true, vec!["t".to_owned()]));
        assert_eq!(limits.blame(&second, "t", 100), Blame::Record);
    }

    #[test]
    fn no_more_topics_are_learned_than_may_be() {
        let limits = Limits::new(1_000_000, Vec::new());
        let (batches, _) = limits.told(None, BTreeMap::new());
        let blamed = (0..=LEARNED).map(|number| limits.blame(&batches, &number.to_string(), 100));
        let blamed: Vec<Blame> = blamed.collect();
        assert_eq!(blamed.iter().filter(|blame| **blame == Blame::Batch).count(), LEARNED);
        assert_eq!(blamed[LEARNED], Blame::Record);
    }
}
