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
//! The client holds back 128 of such events, then drops some. A batch is smaller, and there is one at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::{PublishErrorKind, Subject, Subscriber};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::{Link, SETUP};
use crate::{Bridge, Confirmations, Outcome, PublishError, Record, Terms};

/// Records between two barriers.
const BATCH: usize = 100;

/// A connection to core NATS.
#[derive(Debug)]
pub(super) struct Core {
    link: Arc<Link>,
    /// Where barriers go.
    inbox: Subject,
    /// Barriers that were sent. Locked while one is, so that their numbers are in their order.
    barriers: Mutex<u64>,
    /// Held by the batch that is under way: a refusal is of its records, or of those of nobody.
    turn: Arc<Semaphore>,
    /// Full, and to stay so.
    _full: Subscriber,
}

impl Core {
    /// Sees whether what is sent comes back.
    pub(super) async fn new(link: Link) -> Result<Self, PublishError> {
        let inbox = Subject::from(link.client.new_inbox());
        let full = link.client.subscribe(inbox.clone()).await.map_err(|_| link.events.loss())?;
        link.client.publish(inbox.clone(), Bytes::new()).await.map_err(|_| link.events.loss())?;
        let turn = Arc::new(Semaphore::new(1));
        let core = Self { link: Arc::new(link), inbox, barriers: Mutex::new(0), turn, _full: full };
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

    async fn publish(&self, record: &Record) -> Result<Subject, PublishError> {
        let Outgoing { subject, headers, payload } = Outgoing::new(record, &self.link.inbox)?;
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
        Terms { batch_records: BATCH, window: BATCH, ..Terms::default() }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.expect("the semaphore is never closed");
        let refusals = self.link.events.refusals();
        let (mut known, mut sent) = (Vec::new(), Vec::new());
        for (place, record) in records.iter().enumerate() {
            match self.publish(record).await {
                Ok(subject) => sent.push((place, subject)),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => known.push((place, Err(error))),
            }
        }
        let number = self.send_barrier().await?;
        let link = Arc::clone(&self.link);
        let others = async move {
            let outcomes = match link.barrier_is_back(number).await {
                Ok(()) => link.outcomes(refusals, &sent).await,
                Err(error) => vec![Err(error); sent.len()],
            };
            drop(turn);
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
        let enough = |overflowed| (overflowed >= number).then_some(Ok(()));
        self.events.until(|said| said.lost().map(Err).or_else(|| enough(said.overflowed))).await?;
        match self.client.statistics().connects.load(Ordering::Relaxed) {
            1 => Ok(()),
            _ => Err(PublishError::lost("the connection was exchanged for another")),
        }
    }

    /// What became of a batch that the server has read, sent when there were so many `refusals`.
    async fn outcomes(&self, refusals: u64, sent: &[(usize, Subject)]) -> Vec<Outcome> {
        self.events
            .until(|said| {
                if !said.refused_any(refusals) {
                    return Some(vec![Ok(()); sent.len()]);
                }
                let refusal = |subject: &Subject| said.refusal(refusals, subject);
                let each: Vec<_> = sent.iter().map(|(_, subject)| refusal(subject)).collect();
                // Something of this batch was refused. If it cannot be told what, nothing of it can be told to have passed.
                let unknown = each.iter().all(Option::is_none);
                let otherwise = || match unknown {
                    true => Err(PublishError::refused("the user may not publish all that was sent together with this")),
                    false => Ok(()),
                };
                Some(each.into_iter().map(|refusal| refusal.map_or_else(otherwise, Err)).collect())
            })
            .await
    }
}
