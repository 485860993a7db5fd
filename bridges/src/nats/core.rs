//! Core NATS, which confirms nothing: a publish is answered once the server has read it, which a *barrier* proves.
//!
//! Behind each batch one message goes to a subject of our own. The server reads a connection in order, so when that message comes back
//! the batch has been read, and been passed on to those who listen on that server. That holds over one connection only, which is why
//! the client never makes a second one (see the module above) and its number of connections is looked at again.
//!
//! # Why nobody reads what comes back
//! What a user may not publish the server refuses by a line of its own, before the barrier's message. The client hands refusals to a
//! callback and messages to their subscriptions, by two channels: who waits for the message may see it before the refusal and answer OK
//! for what went nowhere. But that a subscription is full is told to the callback, too. So ours holds one message, which is never taken
//! out; each further one overflows, and that comes behind the refusals of its batch in the one order that there is.
//!
//! The client holds back 128 of such events, then drops some. So there are [`TURNS`] batches under way at most, and of subjects on which
//! nothing has passed yet [`UNPROVEN`] messages. Should the user lose a permission meanwhile, there may be more refusals than that; the first of
//! them are not dropped, and tell: what was sent behind that batch counts as lost with the connection, and is sent again over the next one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use async_nats::{PublishErrorKind, Subject, Subscriber};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::time::timeout;

use super::events::Said;
use super::outgoing::Outgoing;
use super::proven::Proven;
use super::{Link, SETUP};
use crate::{Bridge, Confirmations, Outcome, PublishError, Record, Terms};

/// Records between two barriers.
const BATCH: usize = 100;

/// Batches under way.
const TURNS: usize = 10;

/// Messages under way on subjects on which none has passed yet.
const UNPROVEN: usize = 100;

/// A connection to core NATS.
#[derive(Debug)]
pub(super) struct Core {
    link: Arc<Link>,
    /// Where barriers go.
    inbox: Subject,
    /// Barriers that were sent. Locked while one is, so that their numbers are in their order.
    barriers: Mutex<u64>,
    /// For batches under way.
    turns: Arc<Semaphore>,
    /// For messages on subjects that are not among the proven ones.
    unproven: Arc<Semaphore>,
    standing: Arc<Standing>,
    /// Done once the batch that was sent last is judged: each is after those before it.
    judged: std::sync::Mutex<Option<oneshot::Receiver<()>>>,
    /// Full, and to stay so.
    _full: Subscriber,
}

/// What is known of the user's permissions.
#[derive(Debug, Default)]
struct Standing {
    /// Subjects on which a message has passed.
    proven: Proven,
    /// Whether a permission was lost. Refusals may be missing since.
    fell: AtomicBool,
}

impl Core {
    /// Sees whether what is sent comes back.
    pub(super) async fn new(link: Link) -> Result<Self, PublishError> {
        let inbox = Subject::from(link.client.new_inbox());
        let full = link.client.subscribe(inbox.clone()).await.map_err(|_| link.events.loss())?;
        link.client.publish(inbox.clone(), Bytes::new()).await.map_err(|_| link.events.loss())?;
        let core = Self {
            link: Arc::new(link),
            inbox,
            barriers: Mutex::new(0),
            turns: Arc::new(Semaphore::new(TURNS)),
            unproven: Arc::new(Semaphore::new(UNPROVEN)),
            standing: Arc::default(),
            judged: std::sync::Mutex::default(),
            _full: full,
        };
        let number = core.send_barrier().await?;
        let silence = "nothing comes back of what is sent to an inbox of our own; the user must be allowed to subscribe there \
                       and to publish";
        let passed = timeout(SETUP, core.link.barrier_is_back(number)).await;
        passed.map_err(|_| core.link.events.obstacle(silence))??;
        Ok(core)
    }

    /// Sends a barrier, and returns its number. Dropped before its end, none was sent.
    async fn send_barrier(&self) -> Result<u64, PublishError> {
        let mut sent = self.barriers.lock().await;
        let published = self.link.client.publish(self.inbox.clone(), Bytes::new()).await;
        published.map_err(|_| self.link.events.loss())?;
        *sent += 1;
        Ok(*sent)
    }

    async fn publish(&self, outgoing: Outgoing) -> Result<Subject, PublishError> {
        let Outgoing { subject, headers, payload } = outgoing;
        let published = self.link.client.publish_with_headers(subject.clone(), headers, payload).await;
        published.map(|()| subject).map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => PublishError::too_large(super::cause(&error)),
            PublishErrorKind::Send => self.link.events.loss(),
            _ => PublishError::refused(error),
        })
    }
}

#[async_trait]
impl Bridge for Core {
    fn terms(&self) -> Terms {
        Terms { batch_records: BATCH, window: TURNS * BATCH, ..Terms::default() }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.expect("the semaphore is never closed");
        let (mut known, mut all, mut sent, mut unproven) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (place, record) in records.iter().enumerate() {
            match Outgoing::new(record, &self.link.inbox) {
                Ok(outgoing) => {
                    unproven += u32::from(!self.standing.proven.holds(&outgoing.subject));
                    all.push((place, outgoing));
                }
                Err(error) => known.push((place, Err(error))),
            }
        }
        // They come back with the outcomes of batches before, which do not wait for this one.
        let unproven = Arc::clone(&self.unproven).acquire_many_owned(unproven).await;
        let unproven = unproven.expect("the semaphore is never closed");
        // A check may send barriers among what follows.
        let after = *self.barriers.lock().await;
        for (place, outgoing) in all {
            if let Err(error) = records[place].claim() {
                known.push((place, Err(error)));
                continue;
            }
            match self.publish(outgoing).await {
                Ok(subject) => sent.push((place, subject)),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => known.push((place, Err(error))),
            }
        }
        let number = self.send_barrier().await?;
        let (link, standing) = (Arc::clone(&self.link), Arc::clone(&self.standing));
        let (judging, judged) = oneshot::channel();
        let before = self.judged.lock().unwrap_or_else(PoisonError::into_inner).replace(judged);
        let others = async move {
            let back = link.barrier_is_back(number).await;
            if let Some(before) = before {
                // One that was given up is as good.
                let _ = before.await;
            }
            let outcomes = match back {
                Ok(()) => link.outcomes(after, number, &standing, &sent),
                Err(error) => vec![Err(error); sent.len()],
            };
            drop((turn, unproven, judging));
            stream::iter(sent.into_iter().map(|(place, _)| place).zip(outcomes))
        };
        Ok(Confirmations::numbered(stream::iter(known).chain(others.flatten_stream())))
    }

    async fn check(&self) -> Result<(), PublishError> {
        let number = self.send_barrier().await?;
        self.link.barrier_is_back(number).await
    }

    async fn lost(&self) -> PublishError {
        self.link.lost().await
    }

    async fn close(&self) {
        // What was confirmed is with the server, and the connection ends with its client.
    }
}

impl Link {
    /// Waits until the server has read all that was sent before that barrier.
    async fn barrier_is_back(&self, number: u64) -> Result<(), PublishError> {
        let back = |said: &Said| (said.overflowed() >= number).then_some(Ok(()));
        self.events.until(|said| said.lost().map(Err).or_else(|| back(said))).await?;
        match self.client.statistics().connects.load(Ordering::Relaxed) {
            1 => Ok(()),
            _ => Err(PublishError::lost("the connection was exchanged for another")),
        }
    }

    /// What became of a batch that the server has read, by the refusals behind the barrier `after`, which was there before it, and before
    /// its own, which has the number `number`.
    fn outcomes(&self, after: u64, number: u64, standing: &Standing, sent: &[(usize, Subject)]) -> Vec<Outcome> {
        let refusals = self.events.refusals_between(after, number);
        let known = refusals.filter(|_| !standing.fell.load(Ordering::Relaxed));
        let Some((before, upto)) = known else {
            return vec![Err(PublishError::lost("the user's permissions have changed")); sent.len()];
        };
        if before == upto {
            sent.iter().filter(|(_, subject)| !standing.proven.holds(subject)).for_each(|(_, subject)| {
                standing.proven.add(subject);
            });
            return vec![Ok(()); sent.len()];
        }
        let refusal = |(_, subject): &(usize, Subject)| self.events.refusal(before, upto, subject);
        let each: Vec<_> = sent.iter().map(refusal).collect();
        // Something of this batch was refused. If it cannot be told what, nothing of it can be told to have passed.
        let unknown = each.iter().all(Option::is_none);
        let fell =
            sent.iter().zip(&each).any(|((_, subject), refusal)| refusal.is_some() && standing.proven.holds(subject));
        standing.fell.fetch_or(fell, Ordering::Relaxed);
        let otherwise = || match unknown {
            true => Err(PublishError::refused("the user may not publish all that was sent together with this")),
            false => Ok(()),
        };
        each.into_iter().map(|refusal| refusal.map_or_else(otherwise, Err)).collect()
    }
}
