//! Edges that publish all the time and write down what became of each message.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Arrived;
use crate::raw::{Body, Client, Frame, Lost, kind, time};

/// Messages of one edge that may be without an answer.
const WINDOW: usize = 32;

/// How often an edge shows that it is there, whatever it waits for.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// The deadline of every message: a broker that comes back within it costs nothing.
const DEADLINE: Duration = Duration::from_secs(240);

/// How long the last answers may take after that.
const LATEST: Duration = Duration::from_secs(270);

/// Edges that publish until they are stopped.
#[derive(Debug)]
pub struct Load {
    edges: Vec<JoinHandle<Told>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    acked: AtomicUsize,
}

/// What one edge was told.
#[derive(Debug, Default)]
pub struct Told {
    /// The edge.
    pub edge: u64,
    /// How many messages it has sent, numbered from 0.
    pub sent: usize,
    /// Those that were acked.
    pub acked: BTreeSet<usize>,
    /// Those that were answered with an error.
    pub refused: BTreeMap<usize, String>,
    /// Whether its link was lost.
    pub cut: bool,
}

impl Load {
    /// Starts `edges` edges that publish `topic`, each a message every `pause` unless as many as may be are unanswered.
    #[must_use]
    pub fn start(gateway: SocketAddr, edges: usize, topic: &str, pause: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let edge = |_| {
            let (shared, topic) = (Arc::clone(&shared), topic.to_owned());
            thread::spawn(move || Publisher::new(gateway, &topic).run(&shared, pause))
        };
        Self { edges: (0..edges).map(edge).collect(), shared }
    }

    /// How many messages were acked so far.
    #[must_use]
    pub fn acked(&self) -> usize {
        self.shared.acked.load(Ordering::Relaxed)
    }

    /// Ends it: nothing more is published, and every answer that is due is waited for.
    ///
    /// # Panics
    /// When an edge panicked, as it does if an answer does not come in time.
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> Vec<Told> {
        self.shared.over.store(true, Ordering::Relaxed);
        self.edges.into_iter().map(|edge| edge.join().expect("an edge gets its answers")).collect()
    }
}

struct Publisher {
    client: Client,
    topic: String,
    told: Told,
    /// Packet ids that have no answer yet, with the number of their message.
    open: BTreeMap<u64, usize>,
}

impl Publisher {
    fn new(gateway: SocketAddr, topic: &str) -> Self {
        let client = Client::edge(gateway);
        let told = Told { edge: client.id, ..Told::default() };
        Self { client, topic: topic.to_owned(), told, open: BTreeMap::new() }
    }

    fn run(mut self, shared: &Shared, pause: Duration) -> Told {
        let (mut next, mut beat) = (Instant::now(), Instant::now());
        while !shared.over.load(Ordering::Relaxed) && !self.told.cut {
            if self.open.len() < WINDOW && next <= Instant::now() {
                self.publish();
                next = Instant::now() + pause;
            }
            self.show(&mut beat);
            let patience = if self.open.len() < WINDOW { pause } else { Duration::from_millis(20) };
            self.take(shared, patience.max(Duration::from_micros(100)));
        }
        let latest = Instant::now() + LATEST;
        while !self.open.is_empty() && !self.told.cut {
            assert!(Instant::now() < latest, "edge {}: no answer for {:?}", self.told.edge, self.open);
            self.show(&mut beat);
            self.take(shared, Duration::from_millis(20));
        }
        self.told
    }

    fn publish(&mut self) {
        let number = self.told.sent;
        let deadline = time::from_now_millis(DEADLINE.as_millis() as i64);
        let value = format!("{}/{number:06}", self.told.edge);
        let body = Body::new().topic(&self.topic).value(value.as_bytes()).deadline(&deadline).on(1);
        let packet = self.client.fresh();
        self.told.cut = self.client.try_send_bytes(&Frame::bytes_of(kind::MESSAGE, packet, &body)).is_err();
        self.told.sent += 1;
        self.open.insert(packet, number);
    }

    fn show(&mut self, beat: &mut Instant) {
        if beat.elapsed() >= HEARTBEAT {
            let packet = self.client.fresh();
            self.told.cut |= self.client.try_send_bytes(&Frame::bytes_of(kind::HEARTBEAT, packet, &[])).is_err();
            *beat = Instant::now();
        }
    }

    /// Takes one answer, if there is one within `patience`.
    fn take(&mut self, shared: &Shared, patience: Duration) {
        let frame = match self.client.try_next(patience) {
            Ok(frame) if frame.kind == kind::MESSAGE_ACK => frame,
            Ok(_) | Err(Lost::TimedOut) => return,
            Err(Lost::Ended) => {
                self.told.cut = true;
                return;
            }
        };
        let number = self.open.remove(&frame.id).expect("one answer to each message");
        match frame.outcome() {
            Ok(_) => {
                self.told.acked.insert(number);
                shared.acked.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.told.refused.insert(number, error);
            }
        }
    }
}

impl Told {
    /// Those that were acked and have not arrived.
    #[must_use]
    pub fn missing(&self, arrived: &[Arrived]) -> Vec<usize> {
        let there: BTreeSet<usize> = self.its_own(arrived).map(|(number, _)| number).collect();
        self.acked.difference(&there).copied().collect()
    }

    /// Checks what has arrived of this edge: of what was acked the first copies in the order in which they were sent, and copies of
    /// one message, and no others, under one id.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn is_in_order(&self, arrived: &[Arrived]) {
        let mut first: BTreeMap<usize, Option<&String>> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        let mut last = None;
        for (number, record) in self.its_own(arrived) {
            assert!(number < self.sent, "edge {}: {number} of {} arrived", self.edge, self.sent);
            let id = record.headers.get("frontier-message-id");
            if let Some(copy) = first.get(&number) {
                assert_eq!(*copy, id, "edge {}: a copy of {number} has the id of the first", self.edge);
                continue;
            }
            assert!(id.is_none_or(|id| ids.insert(id)), "edge {}: {id:?} is the id of two messages", self.edge);
            first.insert(number, id);
            // What was given up may have been on its way, and come whenever it does.
            if self.acked.contains(&number) {
                assert!(last.is_none_or(|last| last < number), "edge {}: {number} came behind {last:?}", self.edge);
                last = Some(number);
            }
        }
    }

    fn its_own<'a>(&self, arrived: &'a [Arrived]) -> impl Iterator<Item = (usize, &'a Arrived)> {
        let own = format!("{}/", self.edge);
        arrived.iter().filter_map(move |record| {
            let payload = str::from_utf8(&record.payload).expect("payloads are text");
            let number = payload.strip_prefix(&own)?;
            Some((number.parse().expect("a number stands behind the edge"), record))
        })
    }
}
