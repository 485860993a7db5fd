//! Records out, confirms in.
//!
//! # Who closed the channel
//! A record that the server will not have, as one that is too large or for a topic that the user may not write to, closes the
//! channel, and does not say which it was. So each record that was on it is a *suspect* and is sent again alone, on a
//! channel of its own: it passes, or it was the one.
//!
//! # Order
//! What was on a closed channel is sent again, before anything newer of its edge. So a new channel is opened only when the
//! supervisor has been told the outcome of all that was on the old one, and the batch that finds it closed is not sent.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::AmqpBridge;
use futures_util::FutureExt;
use futures_util::future::maybe_done;
use futures_util::poll;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, Connection, Error, PublisherConfirm};
use tokio::sync::watch;

use super::message::{Limits, Outgoing, Shape};
use super::returned::{Batch, Returned, unrouted};
use super::words::{Closed, closed, largest, lost};
use crate::{Confirmations, MessageId, Outcome, PublishError, Record};

/// The most suspects that are known, and so the most that are sent alone after a channel was closed.
const SUSPECTS: usize = 10_000;

/// Suspects in one batch; those behind wait for the next.
const ALONE: usize = 64;

/// What is said of a record that waits because of others.
const CLOSED: &str = "the server has closed the channel because of another message";

/// Why a connection is given up that has no channel left.
const USED_UP: &str = "all channels of the connection are used up, each by a message that the server refused";

/// How long a destination is refused without asking the server again, and how many are known.
const FORBIDDEN: Duration = Duration::from_secs(30);
const FORBIDDEN_MOST: usize = 1024;

/// Publishes over one connection.
pub(super) struct Publisher {
    connection: Arc<Connection>,
    exchange: ShortString,
    mandatory: bool,
    shape: Shape,
    channels: tokio::sync::Mutex<Channels>,
    /// Channels that can be opened yet. lapin does not take up the number of one that the server has closed.
    left: AtomicU16,
    /// There were none when one was needed.
    used_up: AtomicBool,
    /// Of records on the main channel.
    untold: Untold,
    returned: Arc<Returned>,
    learnt: Arc<Learnt>,
    /// Destinations that the user may not write to.
    forbidden: Mutex<HashMap<Box<str>, (Instant, PublishError)>>,
}

struct Channels {
    /// For all but suspects.
    main: Option<Channel>,
    /// For a suspect.
    alone: Option<Channel>,
}

impl Channels {
    fn is_main_closed(&self) -> bool {
        self.main.as_ref().is_some_and(|main| !main.status().connected())
    }
}

/// Counts outcomes that the supervisor has not taken in yet: one receiver for each.
#[derive(Debug)]
struct Untold(watch::Sender<()>);

impl Untold {
    fn one_more(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }

    fn is_none(&self) -> bool {
        self.0.is_closed()
    }

    async fn none_left(&self) {
        self.0.closed().await;
    }
}

/// What closed channels have taught.
#[derive(Debug)]
struct Learnt {
    /// The largest body, as configured or as the server has said.
    largest: AtomicUsize,
    /// Ids of records that were on a channel when it was closed.
    suspects: Mutex<HashSet<MessageId>>,
}

impl Learnt {
    // Nothing that could panic halfway runs under this lock.
    fn suspects(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record was on a channel with others when that failed.
    fn suspect(&self, record: MessageId, error: &Error) -> PublishError {
        match closed(error) {
            Closed::Lost(error) => error,
            Closed::Gone(words) => PublishError::passing(words),
            Closed::ByRecord(_, words) => {
                self.heed(&words);
                let mut suspects = self.suspects();
                if suspects.len() < SUSPECTS {
                    suspects.insert(record);
                }
                PublishError::passing(words)
            }
        }
    }

    /// Whether the server says that a message was too large; it is not tried again with one of that size.
    fn heed(&self, words: &str) -> bool {
        let most = largest(words);
        self.largest.fetch_min(most.unwrap_or(usize::MAX), Ordering::Relaxed);
        most.is_some()
    }
}

/// Records of a batch that are sent in the same way.
enum Run {
    Together(Range<usize>),
    Alone(usize),
}

/// A record that was handed over, by its place.
type Handed = (usize, Result<PublisherConfirm, Error>);

impl Publisher {
    pub(super) async fn open(
        connection: Arc<Connection>,
        exchange: ShortString,
        config: &AmqpBridge,
    ) -> Result<Self, PublishError> {
        let shape = Shape::new(config)?;
        let main = open_channel(&connection).await?;
        // Beside this one there is that for questions.
        let left = connection.configuration().channel_max().saturating_sub(2);
        Ok(Self {
            connection,
            left: AtomicU16::new(left),
            used_up: AtomicBool::new(false),
            exchange,
            mandatory: config.mandatory,
            shape,
            channels: tokio::sync::Mutex::new(Channels { main: Some(main), alone: None }),
            untold: Untold(watch::Sender::new(())),
            returned: Returned::new(),
            learnt: Arc::new(Learnt {
                largest: AtomicUsize::new(config.max_message_bytes as usize),
                suspects: Mutex::default(),
            }),
            forbidden: Mutex::default(),
        })
    }

    /// As [`Bridge::send`](crate::Bridge::send).
    pub(super) async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        if self.used_up.load(Ordering::Relaxed) {
            return Err(PublishError::lost(USED_UP));
        }
        let mut channels = self.channels.lock().await;
        if channels.is_main_closed() {
            self.untold.none_left().await;
            channels.main = None;
            return Err(PublishError::passing(CLOSED));
        }
        let mut outcomes: Vec<Option<Outcome>> = vec![None; records.len()];
        let runs = self.runs(records);
        if let [Run::Together(all)] = &*runs {
            let channel = self.usable(&mut channels.main).await?;
            let batch = self.returned.batch();
            let handed = self.hand_over(channel, records, all.clone(), &mut outcomes).await;
            return Ok(match self.mandatory {
                true => self.together(batch, records, handed, outcomes),
                false => self.each(records, handed, outcomes),
            });
        }
        let alone = |run: &Run| matches!(run, Run::Alone(_));
        let most = runs.iter().enumerate().filter(|(_, run)| alone(run)).nth(ALONE).map_or(runs.len(), |(at, _)| at);
        for (at, run) in runs.into_iter().take(most).enumerate() {
            let told = match self.run(&mut channels, records, run, &mut outcomes).await {
                Ok(told) => told,
                Err(error) if at == 0 => return Err(error),
                // What the runs before have come to is told; the next batch ends the connection.
                Err(_) => break,
            };
            // What comes behind may be newer, and of the same edge.
            let again = |outcome: &Option<Outcome>| matches!(outcome, Some(Err(error)) if error.is_transient());
            if outcomes[told].iter().any(again) {
                break;
            }
        }
        if channels.is_main_closed() && self.untold.is_none() {
            channels.main = None;
        }
        let later = || Err(PublishError::passing(CLOSED));
        Ok(Confirmations::done(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(later)).collect()))
    }

    /// Sends a run and waits for its outcomes. Returns their places.
    async fn run(
        &self,
        channels: &mut Channels,
        records: &[Arc<Record>],
        run: Run,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Range<usize>, PublishError> {
        match run {
            Run::Together(places) => {
                let channel = self.usable(&mut channels.main).await?;
                let batch = self.returned.batch();
                let handed = self.hand_over(channel, records, places.clone(), outcomes).await;
                for (place, outcome) in self.judged(batch, records, handed).await {
                    outcomes[place] = Some(outcome);
                }
                Ok(places)
            }
            Run::Alone(place) => {
                let channel = self.usable(&mut channels.alone).await?;
                outcomes[place] = Some(self.alone(channel, &records[place]).await);
                Ok(place..place + 1)
            }
        }
    }

    /// Splits a batch, in its order.
    fn runs(&self, records: &[Arc<Record>]) -> Vec<Run> {
        let suspects = self.learnt.suspects();
        let mut runs = Vec::new();
        for (place, record) in records.iter().enumerate() {
            match runs.last_mut() {
                _ if suspects.contains(&record.message.id) => runs.push(Run::Alone(place)),
                Some(Run::Together(places)) => places.end = place + 1,
                _ => runs.push(Run::Together(place..place + 1)),
            }
        }
        runs
    }

    /// The channel in `place`, a new one if that was closed.
    async fn usable<'a>(&self, place: &'a mut Option<Channel>) -> Result<&'a Channel, PublishError> {
        match place {
            Some(channel) if channel.status().connected() => {}
            _ => {
                let one_less = |left: u16| left.checked_sub(1);
                if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
                    self.used_up.store(true, Ordering::Relaxed);
                    return Err(PublishError::lost(USED_UP));
                }
                *place = Some(open_channel(&self.connection).await?);
            }
        }
        Ok(place.as_ref().expect("one was just put there"))
    }

    /// Publishes the records at `places`, in order; those that cannot be get their outcome at once.
    async fn hand_over(
        &self,
        channel: &Channel,
        records: &[Arc<Record>],
        places: Range<usize>,
        outcomes: &mut [Option<Outcome>],
    ) -> Vec<Handed> {
        let mut writing = Vec::with_capacity(places.len());
        for place in places {
            let record = &records[place];
            match self.outgoing(record).and_then(|outgoing| record.claim().map(|()| outgoing)) {
                Ok(outgoing) => {
                    let mut published = Box::pin(maybe_done(self.publish(channel, outgoing)));
                    // This puts it behind the one before, and numbers it; what is left is the wait for the socket.
                    let _ = poll!(published.as_mut());
                    writing.push((place, published));
                }
                Err(error) => outcomes[place] = Some(Err(error)),
            }
        }
        let mut handed = Vec::with_capacity(writing.len());
        for (place, mut published) in writing {
            published.as_mut().await;
            handed.push((place, published.as_mut().take_output().expect("it is done, and taken once")));
        }
        handed
    }

    async fn publish(&self, channel: &Channel, outgoing: Outgoing) -> Result<PublisherConfirm, Error> {
        let Outgoing { key, properties, body } = outgoing;
        let options = BasicPublishOptions { mandatory: self.mandatory, immediate: false };
        channel.basic_publish(self.exchange.clone(), key, options, &body, properties).await
    }

    fn outgoing(&self, record: &Record) -> Result<Outgoing, PublishError> {
        let forbidden = self.forbidden.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, error)) = forbidden.get(&*record.destination)
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        drop(forbidden);
        let frame = self.connection.configuration().frame_max() as usize;
        self.shape.of(record, Limits { body: self.learnt.largest.load(Ordering::Relaxed), frame })
    }

    // --- outcomes

    /// Each record by its own confirm.
    fn each(&self, records: &[Arc<Record>], handed: Vec<Handed>, outcomes: Vec<Option<Outcome>>) -> Confirmations {
        let mut handed = handed.into_iter();
        Confirmations::each(outcomes.into_iter().map(|outcome| {
            if let Some(outcome) = outcome {
                return std::future::ready(outcome).boxed();
            }
            let (place, published) = handed.next().expect("what has no outcome was handed over, in the same order");
            let (learnt, id) = (Arc::clone(&self.learnt), records[place].message.id);
            let untold = self.untold.one_more();
            let outcome = async move {
                let _until_told = untold;
                match confirmed(published).await {
                    Ok(confirmation) => taken(&confirmation),
                    Err(error) => Err(learnt.suspect(id, &error)),
                }
            };
            outcome.boxed()
        }))
    }

    /// All of a batch at once, since any of its confirms may have brought along what was returned of another.
    fn together(
        &self,
        batch: Batch,
        records: &[Arc<Record>],
        handed: Vec<Handed>,
        mut outcomes: Vec<Option<Outcome>>,
    ) -> Confirmations {
        let (judged, untold) = (self.judged(batch, records, handed), self.untold.one_more());
        Confirmations::batch(async move {
            let _until_told = untold;
            for (place, outcome) in judged.await {
                outcomes[place] = Some(outcome);
            }
            let outcomes = outcomes.into_iter();
            outcomes.map(|outcome| outcome.expect("what has no outcome was handed over, and has been judged")).collect()
        })
    }

    /// What became of all that was handed over.
    fn judged(
        &self,
        batch: Batch,
        records: &[Arc<Record>],
        handed: Vec<Handed>,
    ) -> impl Future<Output = Vec<(usize, Outcome)>> + Send + use<> {
        let learnt = Arc::clone(&self.learnt);
        let named: Vec<_> =
            handed.into_iter().map(|(place, published)| (place, records[place].message.id, published)).collect();
        async move {
            let mut confirms = Vec::with_capacity(named.len());
            for (place, id, published) in named {
                let outcome = match confirmed(published).await {
                    Ok(confirmation) => {
                        let outcome = taken(&confirmation);
                        batch.note(confirmation);
                        outcome
                    }
                    Err(error) => Err(learnt.suspect(id, &error)),
                };
                confirms.push((place, id, outcome));
            }
            let returned = batch.confirmed().await;
            let judged = |(place, id, outcome)| (place, returned.take(id).map_or(outcome, Err));
            confirms.into_iter().map(judged).collect()
        }
    }

    /// What becomes of a suspect.
    async fn alone(&self, channel: &Channel, record: &Record) -> Outcome {
        self.learnt.suspects().remove(&record.message.id);
        let outgoing = self.outgoing(record)?;
        record.claim()?;
        match confirmed(self.publish(channel, outgoing).await).await {
            Ok(confirmation) => {
                let outcome = taken(&confirmation);
                let returned = confirmation.take_message().map(|message| unrouted(&message));
                returned.map_or(outcome, Err)
            }
            Err(error) => Err(self.guilty(record, &error)),
        }
    }

    /// The record was alone on its channel.
    fn guilty(&self, record: &Record, error: &Error) -> PublishError {
        match closed(error) {
            Closed::Lost(error) => error,
            Closed::Gone(words) => PublishError::passing(words),
            Closed::ByRecord(AMQPSoftError::ACCESSREFUSED, words) => {
                let error = PublishError::refused(words);
                self.forbid(&record.destination, &error);
                error
            }
            Closed::ByRecord(_, words) if self.learnt.heed(&words) => PublishError::too_large(words),
            Closed::ByRecord(_, words) => PublishError::refused(words),
        }
    }

    fn forbid(&self, destination: &str, error: &PublishError) {
        let now = Instant::now();
        let mut forbidden = self.forbidden.lock().unwrap_or_else(PoisonError::into_inner);
        if forbidden.len() >= FORBIDDEN_MOST {
            forbidden.retain(|_, (until, _)| now < *until);
        }
        if forbidden.len() < FORBIDDEN_MOST {
            forbidden.insert(destination.into(), (now + FORBIDDEN, error.clone()));
        }
    }
}

async fn open_channel(connection: &Connection) -> Result<Channel, PublishError> {
    let channel = connection.create_channel().await.map_err(|error| lost(&error))?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| lost(&error))?;
    Ok(channel)
}

async fn confirmed(published: Result<PublisherConfirm, Error>) -> Result<Confirmation, Error> {
    published?.await
}

/// What a confirm says, returned messages aside.
fn taken(confirmation: &Confirmation) -> Outcome {
    match confirmation {
        Confirmation::Ack(_) | Confirmation::NotRequested => Ok(()),
        Confirmation::Nack(_) => Err(PublishError::full(
            "basic.nack: a queue is full and rejects what comes (x-overflow: reject-publish), or has failed",
        )),
    }
}
