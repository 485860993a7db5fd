//! A supervisor over a scripted broker, in paused time.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::record::{EdgeMeta, MessageIds};
use crate::testing::{Publisher, Told, message};
use crate::{Confirmations, GivenUp, Kind, Message, Outcome, Record, Terms};

/// A broker: what it stores, and how it behaves.
#[derive(Debug, Default)]
struct Broker {
    state: Mutex<BrokerState>,
    cut: Notify,
    /// The client says that it has lost it.
    trouble: Notify,
}

#[derive(Debug, Default)]
struct BrokerState {
    /// Edge and payload of each record, in order.
    stored: Vec<(u64, String)>,
    /// What connects meet, in order; then they succeed.
    connects: VecDeque<PublishError>,
    connected: usize,
    /// What becomes of records, in order; then they are stored.
    outcomes: VecDeque<Outcome>,
    /// It takes records and says nothing.
    silent: bool,
    /// It confirms in the moment in which the connection is cut.
    late: bool,
    /// What a check meets.
    check: Option<PublishError>,
    terms: Terms,
    closed: usize,
    /// It hears of no farewell.
    deaf: bool,
    random: u64,
}

impl Broker {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn set(&self) -> MutexGuard<'_, BrokerState> {
        self.state.lock().unwrap()
    }

    /// Payloads that are stored.
    fn stored(&self) -> Vec<String> {
        self.set().stored.iter().map(|(_, payload)| payload.clone()).collect()
    }
}

#[derive(Debug)]
struct ToBroker(Arc<Broker>);

#[async_trait]
impl Connector for ToBroker {
    fn target(&self) -> String {
        "script".to_owned()
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let mut state = self.0.set();
        state.connected += 1;
        match state.connects.pop_front() {
            Some(error) => Err(error),
            None => Ok(Arc::new(Connected { broker: Arc::clone(&self.0), dead: AtomicBool::new(false) })),
        }
    }
}

#[derive(Debug)]
struct Connected {
    broker: Arc<Broker>,
    /// A connection that is lost loses all that comes behind.
    dead: AtomicBool,
}

#[async_trait]
impl Bridge for Connected {
    fn terms(&self) -> Terms {
        self.broker.set().terms
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(PublishError::lost("reset before"));
        }
        let mut state = self.broker.set();
        if state.silent {
            return Ok(Confirmations::batch(std::future::pending()));
        }
        let each = records.iter().map(|record| {
            record.claim()?;
            let next = state.outcomes.pop_front().unwrap_or(Ok(()));
            let outcome = if self.dead.load(Ordering::Relaxed) { Err(PublishError::lost("reset")) } else { next };
            if matches!(&outcome, Err(error) if error.kind() == Kind::Lost) {
                self.dead.store(true, Ordering::Relaxed);
            }
            if outcome.is_ok() {
                let payload = String::from_utf8_lossy(&record.message.payload).into_owned();
                state.stored.push((record.message.edge.0, payload));
            }
            outcome
        });
        let outcomes: Vec<Outcome> = each.collect();
        if state.late {
            let broker = Arc::clone(&self.broker);
            return Ok(Confirmations::batch(async move {
                broker.cut.notified().await;
                outcomes
            }));
        }
        drop(state);
        Ok(Confirmations::each(outcomes.into_iter().map(|outcome| std::future::ready(outcome).boxed())))
    }

    async fn check(&self) -> Result<(), PublishError> {
        self.broker.set().check.clone().map_or(Ok(()), Err)
    }

    async fn lost(&self) -> PublishError {
        self.broker.cut.notified().await;
        self.dead.store(true, Ordering::Relaxed);
        PublishError::lost("cut")
    }

    async fn troubled(&self) {
        self.broker.trouble.notified().await;
    }

    async fn close(&self) {
        if self.broker.set().deaf {
            return std::future::pending().await;
        }
        self.broker.set().closed += 1;
    }
}

/// A publisher that one waits for.
struct Waits(oneshot::Sender<Result<(), GivenUp>>);

impl Answer for Waits {
    fn answer(self, outcome: Result<(), GivenUp>) {
        // The test may have stopped waiting.
        let _ = self.0.send(outcome);
    }
}

struct Fixture {
    broker: Arc<Broker>,
    handle: BridgeHandle<Waits>,
    task: JoinHandle<()>,
}

fn start(broker: &Arc<Broker>, config: config::Bridge) -> Fixture {
    let config = config::Bridge { name: "b".to_owned(), ..config };
    let (handle, task) = supervise(&config, Arc::new(ToBroker(Arc::clone(broker))));
    Fixture { broker: Arc::clone(broker), handle, task: tokio::spawn(task) }
}

type Told1 = oneshot::Receiver<Result<(), GivenUp>>;

impl Fixture {
    fn publish_within(&self, edge: u64, payload: &str, patience: Duration) -> Told1 {
        let (answer, told) = oneshot::channel();
        let message = message(edge, "t", payload.as_bytes());
        self.handle.publish(now(), &message, &EdgeMeta::new(b""), now() + patience, Waits(answer));
        told
    }

    fn publish(&self, edge: u64, payload: &str) -> Told1 {
        self.publish_within(edge, payload, Duration::from_secs(30))
    }

    /// Waits until it is up, or is not.
    async fn becomes(&self, up: bool) {
        while self.handle.is_up() != up {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn close(self, within: Duration) {
        self.handle.close(now() + within);
        self.task.await.unwrap();
    }
}

fn text(told: Result<(), GivenUp>) -> String {
    told.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_has_is_told_to_its_publisher() {
    let bridge = start(&Broker::new(), config::Bridge::default());
    let told = [bridge.publish(1, "a"), bridge.publish(2, "b")];
    for told in told {
        assert_eq!(told.await.unwrap(), Ok(()));
    }
    assert_eq!(bridge.broker.stored(), ["a", "b"]);
    let counters = bridge.handle.counters();
    assert_eq!((counters.matched, counters.delivered, counters.bytes), (2, 2, 0));
    assert!(bridge.handle.is_up());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_absent_at_the_start_is_tried_until_it_is_there() {
    let broker = Broker::new();
    broker.set().connects.extend((0..6).map(|_| PublishError::lost("connection refused")));
    let bridge = start(&broker, config::Bridge::default());
    let early = bridge.publish_within(1, "too early", Duration::from_millis(200));
    let told = bridge.publish(1, "a");
    assert_eq!(text(early.await.unwrap()), "timeout: bridge \"b\" (script): down: connection refused");
    let State { phase, .. } = bridge.handle.state();
    assert_eq!(phase, Phase::Down { reason: "connection refused".into() });
    assert_eq!(told.await.unwrap(), Ok(()));
    assert_eq!(broker.set().connected, 7);
    assert_eq!(broker.stored(), ["a"], "what was answered with an error never arrives later");
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_in_order_and_a_refusal_is_not() {
    let broker = Broker::new();
    broker.set().outcomes.extend([
        Err(PublishError::passing("busy")),
        Err(PublishError::passing("busy")),
        Err(PublishError::refused("unknown exchange")),
    ]);
    broker.set().terms = Terms { batch_records: 3, ..Terms::default() };
    let bridge = start(&broker, config::Bridge::default());
    let told = [bridge.publish(1, "a"), bridge.publish(1, "b"), bridge.publish(2, "x")];
    let [a, b, x] = told;
    assert_eq!(text(x.await.unwrap()), "bridge \"b\" (script): unknown exchange");
    let newer = bridge.publish(1, "c");
    for told in [a, b, newer] {
        assert_eq!(told.await.unwrap(), Ok(()));
    }
    assert_eq!(broker.stored(), ["a", "b", "c"]);
    assert_eq!(bridge.handle.counters().retried, 2);
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_is_sent_again_before_the_next_batch_of_its_edge() {
    let broker = Broker::new();
    broker.set().outcomes.push_back(Err(PublishError::passing("busy")));
    broker.set().terms = Terms { batch_records: 1, ..Terms::default() };
    let bridge = start(&broker, config::Bridge::default());
    for told in [bridge.publish(1, "a"), bridge.publish(1, "b"), bridge.publish(1, "c")] {
        assert_eq!(told.await.unwrap(), Ok(()));
    }
    assert_eq!(broker.stored(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_made_anew_and_what_was_under_way_is_sent_again() {
    let broker = Broker::new();
    let bridge = start(&broker, config::Bridge::default());
    assert_eq!(bridge.publish(1, "a").await.unwrap(), Ok(()));
    broker.set().silent = true;
    let told = [bridge.publish(1, "b"), bridge.publish(1, "c")];
    while bridge.handle.counters().in_flight < 2 {
        tokio::task::yield_now().await;
    }
    broker.set().silent = false;
    broker.cut.notify_waiters();
    for told in told {
        assert_eq!(told.await.unwrap(), Ok(()));
    }
    assert_eq!(broker.stored(), ["a", "b", "c"]);
    assert_eq!(broker.set().connected, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_confirmed_as_its_connection_is_lost_is_not_sent_again() {
    let broker = Broker::new();
    broker.set().late = true;
    let bridge = start(&broker, config::Bridge::default());
    let mut sent = Vec::new();
    // Which of both is seen first is left to chance.
    for number in 0..30 {
        bridge.becomes(true).await;
        sent.push(number.to_string());
        let told = bridge.publish(1, &number.to_string());
        while bridge.handle.counters().in_flight == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Time passes once all others wait.
        tokio::time::sleep(Duration::from_millis(1)).await;
        broker.cut.notify_waiters();
        assert_eq!(told.await.unwrap(), Ok(()));
        bridge.becomes(false).await;
    }
    assert_eq!(broker.stored(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_and_never_answers_is_left_and_publishers_hear_in_time() {
    let broker = Broker::new();
    broker.set().silent = true;
    let bridge = start(&broker, config::Bridge::default());
    let begin = now();
    let told = bridge.publish_within(1, "a", Duration::from_secs(8));
    assert_eq!(text(told.await.unwrap()), "timeout: bridge \"b\" (script): not confirmed in time");
    assert!(now() - begin < Duration::from_secs(9));
    let told = bridge.publish(1, "b");
    while bridge.handle.is_up() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(now() - begin < Duration::from_secs(15), "down within 15 s");
    assert_eq!(bridge.handle.state().phase, Phase::Down { reason: "nothing confirmed for 10 s".into() });
    broker.set().silent = false;
    assert_eq!(told.await.unwrap(), Ok(()));
    assert_eq!(broker.stored(), ["b"], "nobody waits for a any more");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_lets_in_and_confirms_nothing_is_down_until_it_does() {
    let broker = Broker::new();
    broker.set().silent = true;
    let bridge = start(&broker, config::Bridge::default());
    let publish = || drop(bridge.publish_within(1, "a", Duration::from_secs(5)));
    publish();
    while bridge.handle.is_up() || broker.set().connected < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        publish();
    }
    for _ in 0..120 {
        publish();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!bridge.handle.is_up(), "that it lets us in and answers checks is not enough");
    }
    assert!(broker.set().connected < 12, "it is tried less and less often");
    broker.set().silent = false;
    bridge.becomes(true).await;
    assert_eq!(bridge.publish(1, "b").await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_leave_holds_up_no_deadline_and_no_close() {
    let broker = Broker::new();
    (broker.set().silent, broker.set().deaf) = (true, true);
    let bridge = start(&broker, config::Bridge::default());
    let begin = now();
    let stalls = bridge.publish(1, "a");
    let told = bridge.publish_within(1, "b", Duration::from_millis(10_500));
    assert_eq!(text(told.await.unwrap()), "timeout: bridge \"b\" (script): nothing confirmed for 10 s");
    assert!(now() - begin < Duration::from_millis(10_600), "in the middle of the farewell");
    tokio::time::sleep(Duration::from_secs(3)).await;
    bridge.close(Duration::from_secs(5)).await;
    assert!(now() - begin < Duration::from_millis(18_900), "and a moment for the last farewell");
    assert_eq!(stalls.await.unwrap(), Err(GivenUp::Closing));
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_leave_is_taken_is_none_for_which_a_connection_has_stood() {
    let broker = Broker::new();
    broker.set().deaf = true;
    let bridge = start(&broker, config::Bridge::default());
    let mut away = Duration::ZERO;
    for _ in 0..8 {
        bridge.becomes(true).await;
        tokio::time::sleep(STOOD - Duration::from_secs(1)).await;
        let cut = now();
        broker.cut.notify_one();
        bridge.becomes(false).await;
        bridge.becomes(true).await;
        away = now() - cut;
    }
    assert!(away > FAREWELL + 2 * RECONNECT_FIRST, "waits grow: {away:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_stall_a_connection_with_nothing_to_send_is_up() {
    let broker = Broker::new();
    broker.set().silent = true;
    let bridge = start(&broker, config::Bridge::default());
    let told = bridge.publish_within(1, "a", Duration::from_secs(11));
    bridge.becomes(false).await;
    text(told.await.unwrap());
    bridge.becomes(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_lost_its_broker_gets_nothing_until_a_check_has_passed() {
    let broker = Broker::new();
    broker.set().terms = Terms { heals: true, ..Terms::default() };
    let bridge = start(&broker, config::Bridge::default());
    assert_eq!(bridge.publish(1, "a").await.unwrap(), Ok(()));
    broker.set().check = Some(PublishError::passing("nobody there"));
    broker.trouble.notify_one();
    bridge.becomes(false).await;
    let told = bridge.publish_within(1, "b", Duration::from_secs(2));
    assert_eq!(text(told.await.unwrap()), "timeout: bridge \"b\" (script): down: nobody there");
    let waits = bridge.publish(1, "c");
    broker.set().check = None;
    assert_eq!(waits.await.unwrap(), Ok(()));
    assert_eq!(broker.stored(), ["a", "c"], "what was answered before never arrives");
    broker.trouble.notify_one();
    assert_eq!(bridge.publish(1, "d").await.unwrap(), Ok(()), "it was there all the time");
    assert!(bridge.handle.is_up());
    assert_eq!((bridge.handle.counters().dropped, broker.set().connected), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_in_a_client_that_heals_holds_up_nobody_while_the_broker_answers() {
    let broker = Broker::new();
    broker.set().terms = Terms { heals: true, ..Terms::default() };
    let bridge = start(&broker, config::Bridge::default());
    assert_eq!(bridge.publish(1, "first").await.unwrap(), Ok(()));
    broker.set().silent = true;
    let begin = now();
    let stuck = bridge.publish(1, "stuck");
    bridge.becomes(false).await;
    assert!(now() - begin < Duration::from_secs(15), "down within 15 s");
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(!bridge.handle.is_up(), "nothing has got through");
    broker.set().silent = false;
    assert_eq!(bridge.publish(2, "other").await.unwrap(), Ok(()));
    assert!(bridge.handle.is_up());
    assert!(text(stuck.await.unwrap()).starts_with("timeout: bridge \"b\" (script): "));
    assert_eq!(broker.stored(), ["first", "other"]);
    assert_eq!(broker.set().connected, 1);
}

#[tokio::test(start_paused = true)]
async fn without_traffic_a_dead_broker_is_found_out_by_a_check() {
    let broker = Broker::new();
    let bridge = start(&broker, config::Bridge::default());
    assert_eq!(bridge.publish(1, "a").await.unwrap(), Ok(()));
    broker.set().check = Some(PublishError::passing("read only"));
    let begin = now();
    while bridge.handle.is_up() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(now() - begin < Duration::from_secs(15));
    let waits = bridge.publish(1, "b");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bridge.handle.counters().queued, 1, "nothing is sent while it is not well");
    broker.set().check = None;
    assert_eq!(waits.await.unwrap(), Ok(()));
    assert!(bridge.handle.is_up());
    assert_eq!(broker.set().connected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_why_it_confirms_nothing_is_down_for_that_and_kept() {
    let broker = Broker::new();
    let bridge = start(&broker, config::Bridge::default());
    broker.set().silent = true;
    broker.set().check = Some(PublishError::passing("out of memory"));
    bridge.becomes(true).await;
    let begin = now();
    let told = bridge.publish_within(1, "a", Duration::from_secs(20));
    bridge.becomes(false).await;
    assert!(now() - begin < Duration::from_secs(10), "before a stall would tell");
    assert_eq!(text(told.await.unwrap()), "timeout: bridge \"b\" (script): down: out of memory");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(broker.set().connected, 1, "the connection is as good as another one");
    broker.set().check = None;
    broker.set().silent = false;
    let begin = now();
    bridge.becomes(true).await;
    assert!(now() - begin < Duration::from_secs(2));
    // What it was given meanwhile it never confirms: that is a stall, as ever.
    assert_eq!(bridge.publish(1, "b").await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_told_congested_or_waits_as_configured() {
    for (when_full, congested) in [(config::WhenFull::Fail, true), (config::WhenFull::Wait, false)] {
        let broker = Broker::new();
        broker.set().connects.extend((0..3).map(|_| PublishError::lost("away")));
        let queue_bytes = 64 * 1024u32;
        let config =
            config::Bridge { queue_bytes: queue_bytes.try_into().unwrap(), when_full, ..config::Bridge::default() };
        let bridge = start(&broker, config);
        let first = bridge.publish(1, &"a".repeat(60_000));
        let second = bridge.publish(1, &"b".repeat(60_000));
        assert_eq!(first.await.unwrap(), Ok(()));
        let second = second.await.unwrap();
        assert_eq!(second == Err(GivenUp::Congested), congested, "{second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_is_held_and_gives_up_what_cannot_be_sent() {
    let broker = Broker::new();
    let bridge = start(&broker, config::Bridge::default());
    let told = bridge.publish(1, "a");
    bridge.close(Duration::from_secs(5)).await;
    assert_eq!(told.await.unwrap(), Ok(()));
    assert_eq!(broker.set().closed, 1);

    let broker = Broker::new();
    broker.set().connects.extend((0..100).map(|_| PublishError::lost("away")));
    let bridge = start(&broker, config::Bridge::default());
    let told = bridge.publish(1, "a");
    let handle = bridge.handle.clone();
    let begin = now();
    bridge.close(Duration::from_secs(5)).await;
    assert_eq!(now() - begin, Duration::from_secs(5));
    assert_eq!(told.await.unwrap(), Err(GivenUp::Closing));
    let (answer, late) = oneshot::channel();
    let deadline = now() + Duration::from_secs(1);
    handle.publish(now(), &message(1, "t", b"late"), &EdgeMeta::new(b""), deadline, Waits(answer));
    assert_eq!(late.await.unwrap(), Err(GivenUp::Closing));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_its_template_does_not_fit_is_refused_and_counted() {
    let destination = "${meta.site}".parse().unwrap();
    let bridge = start(&Broker::new(), config::Bridge { destination, ..config::Bridge::default() });
    let told = text(bridge.publish(1, "a").await.unwrap());
    assert!(told.starts_with("bridge \"b\" (script): the edge's meta has no"), "{told}");
    let counters = bridge.handle.counters();
    assert_eq!((counters.matched, counters.failed), (1, 1));
}

/// A number from the broker's own sequence: the run can be repeated.
fn random(state: &mut BrokerState) -> u64 {
    state.random ^= state.random << 13;
    state.random ^= state.random >> 7;
    state.random ^= state.random << 17;
    state.random
}

/// Ten edges, a broker that fails in every way, connections that are cut: everything acked is stored, first copies are in order per
/// edge, everybody is told once and the counters add up at every look.
#[tokio::test(start_paused = true)]
async fn under_random_failures_nothing_acked_is_missing_and_each_edge_keeps_its_order() {
    for seed in 1..=20u64 {
        let broker = Broker::new();
        broker.set().random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        broker.set().terms = Terms { batch_records: 7, window: 20, ..Terms::default() };
        let told = Told::default();
        let config = config::Bridge { name: "b".to_owned(), ..config::Bridge::default() };
        let (handle, task) = supervise(&config, Arc::new(ToBroker(Arc::clone(&broker))));
        let task = tokio::spawn(task);
        let ids = MessageIds::new();
        let mut sent: HashMap<String, u64> = HashMap::new();
        for number in 0..2_000u64 {
            let edge = number % 10;
            let payload = format!("{number:06}");
            sent.insert(payload.clone(), number);
            let (accepted, edge) = (std::time::SystemTime::now(), proto::id::EdgeId(edge));
            let message = Message::new(ids.next(), accepted, edge, "t", Bytes::from(payload), Bytes::new());
            let publisher = Publisher { number, told: Arc::clone(&told) };
            handle.publish(now(), &Arc::new(message), &EdgeMeta::new(b""), now() + Duration::from_secs(60), publisher);
            let chance = {
                let mut state = broker.set();
                let chance = random(&mut state) % 400;
                match chance {
                    0..=1 => state.outcomes.extend(Some(Err(PublishError::lost("reset")))),
                    2 => state.connects.extend(Some(PublishError::lost("refused"))),
                    _ => {}
                }
                chance
            };
            if chance == 3 {
                broker.cut.notify_waiters();
            }
            if chance % 4 == 0 {
                tokio::time::sleep(Duration::from_millis(chance)).await;
            }
            let Counters { matched, delivered, failed, dropped, queued, in_flight, .. } = handle.counters();
            assert_eq!(matched, delivered + failed + dropped + queued + in_flight);
            assert_eq!(matched, number + 1);
        }
        handle.close(now() + Duration::from_secs(120));
        task.await.unwrap();
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2_000, "everybody is told once");
        let stored = broker.set().stored.clone();
        for (number, outcome) in told.iter() {
            let payload = format!("{number:06}");
            assert!(outcome.is_err() || stored.iter().any(|(_, stored)| *stored == payload), "{payload} was acked");
        }
        let ok = told.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        assert!(ok > 1_900, "{ok} get through, seed {seed}");
        let mut last: HashMap<u64, String> = HashMap::new();
        let mut seen = std::collections::HashSet::new();
        for (edge, payload) in stored.into_iter().filter(|(_, payload)| seen.insert(payload.clone())) {
            let before = last.insert(edge, payload.clone());
            assert!(before.as_ref().is_none_or(|before| *before < payload), "edge {edge}: {before:?}, then {payload}");
        }
    }
}
