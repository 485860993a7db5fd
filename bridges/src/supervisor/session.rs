//! One connection's life: batches out, outcomes in, an eye on whether it still works.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{SelectAll, Stream, StreamExt};
use tokio::time::timeout;
use tracing::{info, warn};

use super::alarm::Alarm;
use super::handle::{Phase, Shared};
use super::ledger::Number;
use super::{answer, now};
use crate::confirmations::others_first;
use crate::error::Kind;
use crate::{Answer, Bridge, Confirmations, Outcome, PublishError, Terms};

/// How long a connection may be silent before it is asked whether it works.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// The same while it does not.
const CHECK_DOWN: Duration = Duration::from_secs(1);
/// How long the answer may take.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

/// Outcomes that are taken in one go, and those that come with the last of them.
const AT_ONCE: usize = 256;

/// After a batch of this many records the next one is worth waiting for.
const BUSY: usize = 4;

/// Time between two lines about refused records.
const REFUSALS: Duration = Duration::from_secs(10);

/// Why a session has ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The bridge closes, and nothing is left that anybody waits for.
    Closed,
    /// The connection is of no use any more.
    Lost(PublishError),
    /// Nothing has come of what was under way for too long.
    Stalled {
        error: PublishError,
        /// Whether anything had got through before.
        delivered: bool,
    },
}

impl Ended {
    fn error(&self) -> Option<&PublishError> {
        match self {
            Ended::Closed => None,
            Ended::Lost(error) | Ended::Stalled { error, .. } => Some(error),
        }
    }
}

type Sending = BoxFuture<'static, Result<Confirmations, PublishError>>;
/// `None`: the broker has not answered.
type Checking = BoxFuture<'static, Option<Result<(), PublishError>>>;

pub(super) struct Session<'a, A> {
    shared: &'a Shared<A>,
    bridge: Arc<dyn Bridge>,
    terms: Terms,
    sending: Option<(Vec<Number>, Sending)>,
    confirmations: SelectAll<Unconfirmed>,
    checking: Option<Checking>,
    next_check: Instant,
    /// When the client last let go of a record, or got one while it had none.
    progress: Instant,
    /// Whether records are sent: not after a check has failed, nor in a stall until the broker has answered one.
    well: bool,
    /// Whether nothing has come of what is under way for too long, with a client that heals.
    stalled: bool,
    /// Whether the connection before did not end in a stall: that this one is there is enough then.
    proven: bool,
    /// Whether a record has got through.
    delivered: bool,
    refusals: u64,
    next_line: Instant,
    alarm: Alarm,
    /// Records of the last batch.
    last: usize,
}

/// What some outcomes say together.
#[derive(Default)]
struct Sum {
    /// Whether the broker has a record.
    delivered: bool,
    /// Why the connection is of no use.
    lost: Option<PublishError>,
}

/// What made a session look up.
enum Happened {
    Sent(Result<Confirmations, PublishError>),
    Settled(Vec<(Number, Outcome)>),
    Checked(Option<Result<(), PublishError>>),
    Lost(PublishError),
    /// The client has lost the broker, and finds it again by itself.
    Troubled,
    /// There is a record.
    Woken,
    /// A time, or the wish to close.
    Other,
}

impl<'a, A: Answer> Session<'a, A> {
    /// Over `bridge`, which is up by being there if it is `proven`, else once something gets through or there is nothing to send.
    pub(super) fn new(shared: &'a Shared<A>, bridge: Arc<dyn Bridge>, proven: bool) -> Self {
        let terms = bridge.terms();
        shared.ledger().agree(terms);
        let now = now();
        Self {
            shared,
            bridge,
            terms,
            sending: None,
            confirmations: SelectAll::new(),
            checking: None,
            next_check: now + CHECK_EVERY,
            progress: now,
            well: true,
            stalled: false,
            proven,
            delivered: false,
            refusals: 0,
            next_line: now,
            alarm: Alarm::default(),
            last: 0,
        }
    }

    pub(super) async fn run(mut self) -> Ended {
        if self.proven || self.shared.ledger().is_idle() {
            self.recovered();
        }
        let ended = self.work().await;
        if let Some(error) = ended.error() {
            self.take_in_the_rest();
            self.shared.ledger().lose(now(), error, |error| self.shared.tell(error));
        }
        ended
    }

    async fn work(&mut self) -> Ended {
        let mut closing = self.shared.closing.subscribe();
        let bridge = Arc::clone(&self.bridge);
        let (lost, mut troubled) = (bridge.lost(), bridge.troubled());
        tokio::pin!(lost);
        loop {
            let by = *closing.borrow_and_update();
            self.shared.expire();
            if by.is_some_and(|by| by <= now() || self.shared.ledger().is_idle()) {
                return Ended::Closed;
            }
            if let Some(error) = self.start_sending() {
                return Ended::Lost(error);
            }
            if let Some(error) = self.watch() {
                return Ended::Stalled { error, delivered: self.delivered };
            }
            let next = self.rest().into_iter().chain(by).min();
            let happened = match next {
                // It came up while we were at work, when nobody wakes us.
                Some(next) if next <= now() => Happened::Woken,
                _ => tokio::select! {
                    Some(outcomes) = self.confirmations.next() => Happened::Settled(outcomes),
                    sent = optional(self.sending.as_mut().map(|(_, sending)| sending)) => Happened::Sent(sent),
                    checked = optional(self.checking.as_mut()) => Happened::Checked(checked),
                    error = &mut lost => Happened::Lost(error),
                    () = &mut troubled => Happened::Troubled,
                    () = self.alarm.rings(next) => Happened::Other,
                    () = self.shared.wake.notified() => Happened::Woken,
                    _ = closing.changed() => Happened::Other,
                },
            };
            let lost = match happened {
                Happened::Sent(sent) => self.on_sent(sent),
                Happened::Settled(outcomes) => self.on_settled(outcomes),
                Happened::Checked(checked) => self.on_checked(checked),
                Happened::Lost(error) => Some(error),
                Happened::Troubled => {
                    troubled = bridge.troubled();
                    self.hold();
                    None
                }
                Happened::Woken => {
                    // Links that are ready to run go first while the bridge is busy: what they hand in is sent with the rest.
                    if self.last >= BUSY && self.sending.is_none() {
                        others_first().await;
                    }
                    None
                }
                Happened::Other => None,
            };
            if let Some(error) = lost {
                return Ended::Lost(error);
            }
        }
    }

    /// Hands over what waits. Returns why the connection is of no use, if it turns out to be.
    fn start_sending(&mut self) -> Option<PublishError> {
        if self.sending.is_some() || !self.well {
            return None;
        }
        // A record that has failed holds back what is newer of its edge, so its outcome counts before anything is taken.
        while let Some(Some(outcomes)) = self.confirmations.next().now_or_never() {
            if let Some(error) = self.on_settled(outcomes) {
                return Some(error);
            }
        }
        let now = now();
        self.terms = self.bridge.terms();
        let mut ledger = self.shared.ledger();
        ledger.agree(self.terms);
        let idle = ledger.under_way() == 0;
        let (numbers, records) = ledger.take(now)?;
        drop(ledger);
        if idle {
            self.progress = now;
        }
        self.last = records.len();
        let bridge = Arc::clone(&self.bridge);
        self.sending = Some((numbers, async move { bridge.send(&records).await }.boxed()));
        None
    }

    /// The client has taken a batch, or failed to.
    fn on_sent(&mut self, sent: Result<Confirmations, PublishError>) -> Option<PublishError> {
        let (numbers, _) = self.sending.take().expect("a batch was being sent");
        match sent {
            Ok(confirmations) => {
                let numbers = numbers.into_iter().map(Some).collect();
                self.confirmations.push(Unconfirmed { numbers, confirmations });
                None
            }
            Err(error) => {
                let outcomes = numbers.into_iter().map(|number| (number, Err(error.clone()))).collect();
                self.settle(outcomes)
            }
        }
    }

    /// Records have their outcome; so have, perhaps, many others.
    fn on_settled(&mut self, mut outcomes: Vec<(Number, Outcome)>) -> Option<PublishError> {
        while outcomes.len() < AT_ONCE
            && let Some(Some(more)) = self.confirmations.next().now_or_never()
        {
            outcomes.extend(more);
        }
        self.settle(outcomes)
    }

    /// Returns why the connection is of no use, if one of the outcomes says so.
    fn settle(&mut self, outcomes: Vec<(Number, Outcome)>) -> Option<PublishError> {
        let now = now();
        if !outcomes.iter().all(|(_, outcome)| is_withdrawn(outcome)) {
            self.progress = now;
            self.stalled = false;
            self.next_check = now + CHECK_EVERY;
        }
        let Sum { delivered, lost } = self.account(now, outcomes);
        if delivered && lost.is_none() {
            self.delivered = true;
            self.recovered();
        }
        lost
    }

    /// Enters outcomes, and answers the publishers whose records they are.
    fn account(&mut self, now: Instant, outcomes: Vec<(Number, Outcome)>) -> Sum {
        let mut sum = Sum::default();
        let mut refused = None;
        let mut owed = Vec::with_capacity(outcomes.len());
        let mut ledger = self.shared.ledger();
        for (number, outcome) in outcomes {
            match &outcome {
                Ok(()) => sum.delivered = true,
                Err(error) if error.kind() == Kind::Lost => sum.lost = Some(error.clone()),
                Err(error) if !error.is_transient() && error.kind() != Kind::Withdrawn => refused = Some(error.clone()),
                Err(_) => {}
            }
            owed.extend(ledger.settle(now, number, outcome, |error| self.shared.tell(error)));
        }
        drop(ledger);
        answer(owed);
        if let Some(error) = refused {
            self.on_refused(now, &error);
        }
        sum
    }

    /// What is known already of a connection that is given up counts: it is not sent again.
    fn take_in_the_rest(&mut self) {
        while let Some(Some(outcomes)) = self.confirmations.next().now_or_never() {
            self.account(now(), outcomes);
        }
    }

    /// One line now and then about records that the broker will not have.
    fn on_refused(&mut self, now: Instant, error: &PublishError) {
        self.refusals += 1;
        if now >= self.next_line {
            self.next_line = now + REFUSALS;
            let batches = std::mem::take(&mut self.refusals);
            warn!(bridge = &*self.shared.name, reason = %error, batches, "records refused by the broker");
        }
    }

    // --- whether it works

    /// Begins a check if it is time for one. Returns why the connection is given up, if nothing has come of what is under way for
    /// too long.
    fn watch(&mut self) -> Option<PublishError> {
        let now = now();
        if self.stalls_at().is_some_and(|at| at <= now) {
            let error = PublishError::lost(format_args!("nothing confirmed for {} s", self.terms.stall.as_secs()));
            if !self.terms.heals {
                return Some(error);
            }
            self.stalled = true;
            self.unwell(&error);
        }
        if self.checks_at().is_some_and(|at| at <= now) {
            let bridge = Arc::clone(&self.bridge);
            let check = async move { timeout(CHECK_WITHIN, bridge.check()).await.ok() };
            self.checking = Some(check.boxed());
        }
        None
    }

    fn on_checked(&mut self, checked: Option<Result<(), PublishError>>) -> Option<PublishError> {
        self.checking = None;
        let now = now();
        // Where something has come under way meanwhile, its outcome or its stall says more than the silence.
        let busy = self.well && !self.stalled && self.shared.ledger().under_way() > 0;
        let kind = if self.terms.heals { Kind::Passing } else { Kind::Lost };
        let silence = || PublishError::new(kind, format_args!("no sign of life within {} s", CHECK_WITHIN.as_secs()));
        match checked.unwrap_or_else(|| if busy { Ok(()) } else { Err(silence()) }) {
            Ok(()) => {
                self.next_check = now + CHECK_EVERY;
                if self.stalled {
                    // The broker is there, and what is stuck may be one partition's affair: the others are not held up. Whether
                    // anything gets through, the next outcome tells.
                    self.well = true;
                } else {
                    if !self.well && !self.terms.heals {
                        // It had a reason to confirm nothing until now.
                        self.progress = now;
                    }
                    self.well = true;
                    // After a stall a broker that answers questions alone is not up.
                    if self.proven || self.delivered || self.shared.ledger().is_idle() {
                        self.recovered();
                    }
                }
                None
            }
            Err(error) if error.kind() == Kind::Lost => Some(error),
            Err(error) => {
                self.next_check = now + CHECK_DOWN;
                self.unwell(&error);
                None
            }
        }
    }

    /// When to ask the broker for a sign of life: nothing has come of what is under way for a while, if anything is.
    fn checks_at(&self) -> Option<Instant> {
        self.checking.is_none().then_some(self.next_check)
    }

    /// When what is under way counts as stuck. Who says why it confirms nothing does not stall, nor does anybody twice.
    fn stalls_at(&self) -> Option<Instant> {
        let judged = (self.well || self.terms.heals) && !self.stalled;
        (judged && self.shared.ledger().under_way() > 0).then(|| self.progress + self.terms.stall)
    }

    /// Sends nothing until the broker has been asked whether it is there.
    fn hold(&mut self) {
        self.well = false;
        self.next_check = now();
    }

    fn unwell(&mut self, error: &PublishError) {
        self.well = false;
        self.shared.down(error);
    }

    fn recovered(&mut self) {
        self.well = true;
        if self.shared.enter(Phase::Up) {
            info!(bridge = &*self.shared.name, target = &*self.shared.target, "bridge up");
        }
    }

    /// There is nothing to do at present. Returns when to look again.
    fn rest(&self) -> Option<Instant> {
        let stall = self.stalls_at();
        let check = self.checks_at();
        // While a batch is being handed over, or none may be, only deadlines matter.
        let sends = self.sending.is_none() && self.well;
        let ledger = self.shared.ledger().rest(now(), sends);
        ledger.into_iter().chain(stall).chain(check).min()
    }
}

/// Whether it says nothing of the broker.
fn is_withdrawn(outcome: &Outcome) -> bool {
    matches!(outcome, Err(error) if error.kind() == Kind::Withdrawn)
}

/// The outcome of a future that may not be there; never, if it is not.
async fn optional<T>(future: Option<&mut BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// The records of one batch that have no outcome yet.
struct Unconfirmed {
    numbers: Vec<Option<Number>>,
    confirmations: Confirmations,
}

impl Stream for Unconfirmed {
    type Item = Vec<(Number, Outcome)>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(handful) = ready!(self.confirmations.poll_next_unpin(context)) else {
                let left: Vec<_> = std::mem::take(&mut self.numbers).into_iter().flatten().collect();
                let unknown = || Err(PublishError::passing("the client gave no answer"));
                let left = (!left.is_empty()).then(|| left.into_iter().map(|number| (number, unknown())).collect());
                return Poll::Ready(left);
            };
            let numbered = handful.into_iter().filter_map(|(place, outcome)| {
                let number = self.numbers.get_mut(place).and_then(Option::take)?;
                Some((number, outcome))
            });
            let numbered: Vec<_> = numbered.collect();
            if !numbered.is_empty() {
                return Poll::Ready(Some(numbered));
            }
        }
    }
}
