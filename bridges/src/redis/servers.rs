//! The server that is written to, or those of a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt, select_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use redis::{Cmd, Pipeline, Value};

use super::at;
use super::cluster::{self, Map, Place};
use super::command::Shape;
use super::connection::{Connection, Manners, replica};
use super::reply;
use super::sentinel::Sentinels;
use crate::{Confirmations, Outcome, PublishError, Record};

/// How often a server that is written to all the time is asked whether it still is a master.
const ROLE_EVERY: Duration = Duration::from_secs(1);

/// Servers that are connected.
#[derive(Debug)]
pub(super) struct Servers {
    state: Arc<Mutex<State>>,
    /// For further servers of a cluster.
    manners: Option<Manners>,
    sentinels: Option<(Arc<Sentinels>, Manners)>,
    /// When the server was asked for its role last.
    asked: Mutex<Instant>,
}

#[derive(Debug)]
struct State {
    all: Vec<Arc<Connection>>,
    /// None where there is one server.
    map: Option<Map>,
    /// How many batches were sent.
    batches: u64,
    /// Those of which something is under way, by their number.
    under_way: BTreeSet<u64>,
}

impl State {
    fn new(all: Vec<Arc<Connection>>, map: Option<Map>) -> Self {
        Self { all, map, batches: 0, under_way: BTreeSet::new() }
    }

    /// A further batch is under way.
    fn begin(&mut self) -> u64 {
        self.batches += 1;
        self.under_way.insert(self.batches);
        self.batches
    }
}

fn number(all: &[Arc<Connection>], addr: &str) -> Option<usize> {
    all.iter().position(|connection| connection.addr == addr)
}

/// A batch of which something is under way, until its last outcome was taken.
struct UnderWay {
    state: Arc<Mutex<State>>,
    batch: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.state).under_way.remove(&self.batch);
    }
}

/// Commands by the number of their server, and outcomes that are known, by the place of their record.
type Sorted = (BTreeMap<usize, Group>, Vec<(usize, Outcome)>);

/// What is to be sent to one server at once.
#[derive(Default)]
struct Group(Vec<Step>);

/// Something to ask or tell a server.
enum Step {
    /// What stores or publishes the record, whose place in the batch this is.
    Record {
        place: usize,
        record: Arc<Record>,
        command: Cmd,
        /// Whether the server has to be told that we know of a move.
        asking: bool,
    },
    /// The question for the server's role.
    Role,
}

/// What a reply is for.
enum Reply {
    /// The record, and its place in the batch.
    Record(usize, Arc<Record>),
    /// The question for the server's role.
    Role,
    /// The announcement that the next command knows of a move.
    Asking,
}

impl Servers {
    /// One server.
    pub(super) fn one(connection: Connection) -> Self {
        Self::of(State::new(vec![Arc::new(connection)], None), None)
    }

    /// One server, as long as these sentinels, who know us by `manners`, call it their master.
    pub(super) fn watched(connection: Connection, sentinels: Arc<Sentinels>, manners: Manners) -> Self {
        Self { sentinels: Some((sentinels, manners)), ..Self::one(connection) }
    }

    /// The masters of the cluster that the server at `addr` is in.
    ///
    /// # Errors
    /// One of them cannot be had, or the cluster does not work.
    pub(super) async fn cluster(addr: &str, manners: &Manners) -> Result<Self, PublishError> {
        let asked = Connection::open(addr, manners).await?;
        asked.is_in_a_working_cluster().await?;
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        let shares = cluster::shares(&asked.ask(question).await?, addr)?;
        let mut all = vec![Arc::new(asked)];
        for share in &shares {
            if number(&all, &share.addr).is_none() {
                let opened = Connection::open(&share.addr, manners).await;
                let opened = opened.map_err(|error| at(&share.addr, &error))?;
                all.push(Arc::new(opened));
            }
        }
        let map = Map::new(&shares, |addr| number(&all, addr));
        Ok(Self::of(State::new(all, Some(map)), Some(manners.clone())))
    }

    fn of(state: State, manners: Option<Manners>) -> Self {
        Self { state: Arc::new(Mutex::new(state)), manners, sentinels: None, asked: Mutex::new(Instant::now()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn all(&self) -> Vec<Arc<Connection>> {
        self.state().all.clone()
    }

    /// See [`Bridge::send`](crate::Bridge::send).
    pub(super) async fn send(
        &self,
        records: &[Arc<Record>],
        shape: Shape,
        listeners: bool,
    ) -> Result<Confirmations, PublishError> {
        self.follow_moves();
        let (groups, mut settled) = match self.sort(records, shape) {
            Ok(sorted) => sorted,
            Err(moves) => {
                // Not for these records: while this takes its time, older ones may come back.
                self.reach_wanted().await?;
                return Err(moves);
            }
        };
        let batch = self.state().begin();
        let under_way = UnderWay { state: Arc::clone(&self.state), batch };
        let all = self.all();
        let outcomes = FuturesUnordered::new();
        for (server, group) in groups {
            let connection = &all[server];
            let room = connection.room().await;
            let (commands, expected) = group.claim(&mut settled);
            let replies = connection.pipeline(room, commands).await;
            outcomes.push(self.outcomes(replies, expected, connection.addr.clone(), listeners));
        }
        let each = stream::iter(settled).chain(outcomes.map(stream::iter).flatten());
        // It goes with the last outcome, or with the whole.
        let over = stream::once(async move { drop(under_way) }).filter_map(async |()| None);
        Ok(Confirmations::numbered(each.chain(over)))
    }

    /// The records as commands, by the number of their server; and those that are not sent, with their place and outcome.
    ///
    /// # Errors
    /// One of them is on the move. Then none is sent: were the others, the move could be over before its own outcome is known, and what is
    /// newer would get there first.
    fn sort(&self, records: &[Arc<Record>], shape: Shape) -> Result<Sorted, PublishError> {
        let (mut groups, mut settled) = (BTreeMap::<usize, Group>::new(), Vec::new());
        let State { all, map, .. } = &*self.state();
        for (at, record) in records.iter().enumerate() {
            let place = map.as_ref().map_or(Ok(Place::THE_ONE), |map| map.place(&record.destination));
            let Place { server, asking } = place?;
            let command = match shape.command(record, all[server].most) {
                Ok(command) => command,
                Err(error) => {
                    settled.push((at, Err(error)));
                    continue;
                }
            };
            let step = Step::Record { place: at, record: Arc::clone(record), command, asking };
            groups.entry(server).or_default().0.push(step);
        }
        if map.is_none() && self.is_time_for_role() {
            groups.values_mut().for_each(|group| group.0.push(Step::Role));
        }
        Ok((groups, settled))
    }

    fn is_time_for_role(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = asked.elapsed() >= ROLE_EVERY;
        if is_time {
            *asked = Instant::now();
        }
        is_time
    }

    /// What the replies of the server at `addr` say of the records.
    fn outcomes(
        &self,
        replies: BoxFuture<'static, Result<Vec<Value>, PublishError>>,
        expected: Vec<Reply>,
        addr: String,
        listeners: bool,
    ) -> BoxFuture<'static, Vec<(usize, Outcome)>> {
        let state = Arc::clone(&self.state);
        replies
            .map(move |replies| {
                let replies = replies.and_then(|replies| match master(&replies, &expected) {
                    Some(master) => Err(replica(&addr, &master)),
                    None => Ok(replies),
                });
                let mut expected = expected.into_iter();
                match replies {
                    Ok(replies) => {
                        let both = expected.zip(&replies);
                        let each = both.filter_map(|(expected, reply)| match expected {
                            Reply::Record(at, record) => Some((at, judge(&state, reply, &record, &addr, listeners))),
                            Reply::Role | Reply::Asking => None,
                        });
                        each.collect()
                    }
                    Err(error) => {
                        let lost = |expected| match expected {
                            Reply::Record(at, _) => Some((at, Err(error.clone()))),
                            Reply::Role | Reply::Asking => None,
                        };
                        expected.by_ref().filter_map(lost).collect()
                    }
                }
            })
            .boxed()
    }

    /// Follows slots and keys that have moved, as far as they may be followed.
    fn follow_moves(&self) {
        let State { all, map, under_way, .. } = &mut *self.state();
        if let Some(map) = map {
            map.follow(under_way.first().copied(), |addr| number(all, addr));
        }
    }

    /// Connects to a server that a move leads to.
    async fn reach_wanted(&self) -> Result<(), PublishError> {
        let wanted = {
            let State { all, map, .. } = &*self.state();
            map.as_ref().and_then(|map| map.wanted(|addr| number(all, addr)))
        };
        let (Some(addr), Some(manners)) = (wanted, &self.manners) else { return Ok(()) };
        let opened = Connection::open(&addr, manners).await;
        let opened = opened.map_err(|error| at(&addr, &error))?;
        self.state().all.push(Arc::new(opened));
        Ok(())
    }

    /// See [`Bridge::check`](crate::Bridge::check).
    pub(super) async fn check(&self) -> Result<(), PublishError> {
        let in_cluster = self.state().map.is_some();
        for connection in self.all() {
            match in_cluster {
                true => connection.is_in_a_working_cluster().await?,
                false => connection.is_master().await?,
            }
        }
        Ok(())
    }

    /// See [`Bridge::lost`](crate::Bridge::lost). Servers that are found later tell by their records' outcomes.
    pub(super) async fn lost(&self) -> PublishError {
        let all = self.all();
        let mut ends: Vec<BoxFuture<'_, PublishError>> =
            all.iter().map(|connection| connection.closed().boxed()).collect();
        if let (Some((sentinels, manners)), [master]) = (&self.sentinels, &*all) {
            ends.push(sentinels.have_moved_from(&master.addr, manners).boxed());
        }
        select_all(ends).await.0
    }
}

impl Group {
    /// What is sent now, and what each reply is for. Records that were withdrawn meanwhile are settled.
    fn claim(self, settled: &mut Vec<(usize, Outcome)>) -> (Pipeline, Vec<Reply>) {
        let (mut commands, mut replies) = (Pipeline::with_capacity(self.0.len()), Vec::with_capacity(self.0.len()));
        let mut add = |command, reply| {
            commands.add_command(command);
            replies.push(reply);
        };
        for step in self.0 {
            match step {
                Step::Role => add(redis::cmd("ROLE"), Reply::Role),
                Step::Record { place, record, command, asking } => match record.claim() {
                    Ok(()) => {
                        if asking {
                            add(redis::cmd("ASKING"), Reply::Asking);
                        }
                        add(command, Reply::Record(place, record));
                    }
                    Err(error) => settled.push((place, Err(error))),
                },
            }
        }
        (commands, replies)
    }
}

// Nothing that could panic halfway runs under this lock.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The master of the server, if the reply to the question for its role says that it is a replica.
fn master(replies: &[Value], expected: &[Reply]) -> Option<String> {
    let role = expected.iter().position(|reply| matches!(reply, Reply::Role))?;
    reply::master_of(replies.get(role)?)
}

/// The outcome of `record`. In a cluster it may have to go to another server, and will next time.
fn judge(state: &Mutex<State>, said: &Value, record: &Record, addr: &str, listeners: bool) -> Outcome {
    if let (Some(elsewhere), Value::ServerError(error)) = (reply::elsewhere(said), said)
        && let State { map: Some(map), batches, .. } = &mut *lock(state)
    {
        map.learn(&record.destination, elsewhere, addr, *batches);
        return Err(PublishError::passing(reply::words(error)));
    }
    reply::outcome(said, listeners)
}
