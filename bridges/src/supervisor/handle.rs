//! A bridge as others see it: where messages are handed in, and what can be asked.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use config::{Template, WhenFull};
use tokio::sync::{Notify, watch};

use super::ledger::{Counters, Ledger};
use crate::record::{EdgeMeta, Form, Message, Record};
use crate::stage::Stage;
use crate::template::{self, Unfilled};
use crate::{Answer, GivenUp, PublishError};

/// How many times its bound a bridge may hold whose publishers wait for room. What each of them has waiting is bounded by its
/// own link; this is for all of them.
pub(crate) const WAITING_ROOM: usize = 5;

/// Whether a bridge gets anything through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It has not been connected since the start.
    Connecting,
    /// It is connected, and the broker answers.
    Up,
    /// It is not; it tries again by itself.
    Down {
        /// What the broker, its client or the network said last.
        reason: Arc<str>,
    },
}

/// A phase, and when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The phase.
    pub phase: Phase,
    /// When it began. A change of the reason alone begins no new one.
    pub since: SystemTime,
}

/// What the supervisor's task and the handles share.
pub(super) struct Shared<A> {
    pub(super) name: Arc<str>,
    /// The kind of broker, as in the configuration.
    kind: &'static str,
    /// What publishers are told that they wrote to.
    pub(super) target: Box<str>,
    destination: Template,
    key: Template,
    form: Arc<Form>,
    ledger: Mutex<Ledger<A>>,
    state: Mutex<State>,
    /// There is something to do earlier than the supervisor thinks.
    pub(super) wake: Notify,
    needed_for_ready: bool,
    /// When the supervisor must have ended, once it is to.
    pub(super) closing: watch::Sender<Option<Instant>>,
}

impl<A: Answer> Shared<A> {
    pub(super) fn new(config: &config::Bridge, target: &str) -> Self {
        let bound = config.queue_bytes.get() as usize;
        let bound = match config.when_full {
            WhenFull::Fail => bound,
            WhenFull::Wait => bound.saturating_mul(WAITING_ROOM),
        };
        Self {
            name: config.name.as_str().into(),
            kind: config.kind(),
            target: target.into(),
            destination: config.destination.clone(),
            key: config.key.clone(),
            form: Arc::new(Form::new(config)),
            ledger: Mutex::new(Ledger::new(bound)),
            state: Mutex::new(State { phase: Phase::Connecting, since: SystemTime::now() }),
            wake: Notify::new(),
            needed_for_ready: config.needed_for_ready,
            closing: watch::Sender::new(None),
        }
    }

    // Nothing that could panic halfway runs under these locks.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger<A>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a phase. Returns whether it is another one than before.
    pub(super) fn enter(&self, phase: Phase) -> bool {
        let mut state = self.state();
        let changed = std::mem::discriminant(&state.phase) != std::mem::discriminant(&phase);
        if changed {
            state.since = SystemTime::now();
        }
        state.phase = phase;
        changed
    }

    /// What a publisher is told of `error`.
    pub(super) fn tell(&self, error: &dyn fmt::Display) -> Arc<str> {
        format!("bridge {:?} ({}): {error}", self.name, self.target).into()
    }

    /// Why a record has got nowhere so far.
    pub(super) fn obstacle(&self) -> Arc<str> {
        match &self.state().phase {
            Phase::Connecting => self.tell(&"not connected yet"),
            Phase::Up => self.tell(&"not confirmed in time"),
            Phase::Down { reason } => self.tell(&format_args!("down: {reason}")),
        }
    }

    fn record(&self, message: &Arc<Message>, meta: &EdgeMeta<'_>) -> Result<Record, Unfilled> {
        let keys = self.form.meta.iter().enumerate();
        let meta_values = keys.filter_map(|(at, key)| Some((at, meta.value(&key.key)?.into()))).collect();
        Ok(Record {
            message: Arc::clone(message),
            destination: template::fill(&self.destination, message, meta, true)?,
            key: template::fill(&self.key, message, meta, false)?,
            meta: meta_values,
            form: Arc::clone(&self.form),
            stage: Stage::default(),
        })
    }
}

/// A bridge: hands messages in, and tells how it is. Cheap to clone.
pub struct BridgeHandle<A>(pub(super) Arc<Shared<A>>);

impl<A> Clone for BridgeHandle<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Answer> BridgeHandle<A> {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The kind of its broker, as in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Queues a message that came at `now`; never waits. Messages of one edge keep the order of these calls. `answer` is told once what became
    /// of it: here, if it cannot be queued, else by the supervisor's task, by `deadline` at the latest and a moment later. Returns whether it
    /// was queued.
    pub fn publish(
        &self,
        now: Instant,
        message: &Arc<Message>,
        meta: &EdgeMeta<'_>,
        deadline: Instant,
        answer: A,
    ) -> bool {
        let record = match self.0.record(message, meta) {
            Ok(record) => Arc::new(record),
            Err(unfilled) => {
                self.0.ledger().refuse();
                let text = self.0.tell(&PublishError::refused(unfilled));
                answer.answer(Err(GivenUp::Failed(text)));
                return false;
            }
        };
        let offered = self.0.ledger().offer(now, record, deadline, answer);
        match offered {
            Ok(wakes) => {
                if wakes {
                    self.0.wake.notify_one();
                }
                true
            }
            Err((answer, outcome)) => {
                answer.answer(outcome);
                false
            }
        }
    }

    /// Where its messages are; all numbers are of one moment.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.ledger().counters()
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state().clone()
    }

    /// Whether it gets anything through.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.state().phase == Phase::Up
    }

    /// Whether the gateway is not ready while this is not up.
    #[must_use]
    pub fn is_needed_for_ready(&self) -> bool {
        self.0.needed_for_ready
    }

    /// Tells the supervisor to take no more, to send what is held, and to end: once that is done, or at `by`, when it gives up the
    /// rest. Asked again, the earlier time counts.
    pub fn close(&self, by: Instant) {
        self.0.ledger().close();
        self.0.closing.send_modify(|closing| *closing = Some(closing.map_or(by, |before| before.min(by))));
    }
}

impl<A> fmt::Debug for BridgeHandle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BridgeHandle").field(&self.0.name).finish()
    }
}
