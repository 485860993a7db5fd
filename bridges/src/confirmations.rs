//! What a client says about the records that it was given.
//!
//! Outcomes come in *handfuls*: whoever waits for them is woken once for all that are known by then, since a wake-up costs as much as many
//! records. Clients that know each record by itself tell it to a [`Teller`], from whatever thread they are in.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, FuturesUnordered, Stream, StreamExt};

use crate::PublishError;

/// What became of one record: `Ok` once the broker has it as durably as the bridge is configured for.
pub type Outcome = Result<(), PublishError>;

/// Outcomes with the places of their records in the batch.
pub type Handful = Vec<(usize, Outcome)>;

/// The most outcomes in a handful of clients that have a future or a stream.
const AT_ONCE: usize = 256;

/// Outcomes of the records of one [`Bridge::send`](crate::Bridge::send), each with its place among them, in any order.
///
/// A place that has not come when the stream ends has an unknown outcome; its record is sent again.
pub struct Confirmations(BoxStream<'static, Handful>);

impl Confirmations {
    /// All outcomes are known.
    #[must_use]
    pub fn done(outcomes: Vec<Outcome>) -> Self {
        Self::batch(std::future::ready(outcomes))
    }

    /// All outcomes come together, in the order of the records: a pipeline's, or those of a barrier.
    pub fn batch(outcomes: impl Future<Output = Vec<Outcome>> + Send + 'static) -> Self {
        Self(outcomes.map(|outcomes| outcomes.into_iter().enumerate().collect()).into_stream().fuse().boxed())
    }

    /// Each outcome comes with the place of its record, as the client learns of it.
    pub fn numbered(outcomes: impl Stream<Item = (usize, Outcome)> + Send + 'static) -> Self {
        Self(outcomes.ready_chunks(AT_ONCE).fuse().boxed())
    }

    /// Each record has a future of its own, in the order of the records.
    pub fn each(outcomes: impl IntoIterator<Item = BoxFuture<'static, Outcome>>) -> Self {
        let outcomes = outcomes.into_iter().enumerate();
        let outcomes = outcomes.map(|(at, outcome)| outcome.map(move |outcome| (at, outcome)));
        Self::numbered(outcomes.collect::<FuturesUnordered<_>>())
    }

    /// The client tells what it has to say of each record, which `judge` makes an outcome of when it is taken. They end with the last clone
    /// of the teller.
    pub fn told<T: Send + 'static>(judge: impl FnMut(usize, T) -> Outcome + Send + 'static) -> (Teller<T>, Self) {
        let told = Arc::<Told<T>>::default();
        let teller = Teller(Arc::new(Last(Arc::clone(&told))));
        (teller, Self(ToldStream { told, judge }.boxed()))
    }
}

impl Stream for Confirmations {
    type Item = Handful;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirmations")
    }
}

/// Tells what became of the records of one batch. Cheap to clone; never waits.
#[derive(Debug)]
pub struct Teller<T>(Arc<Last<T>>);

impl<T> Clone for Teller<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Teller<T> {
    /// What became of the record at `place`.
    pub fn tell(&self, place: usize, what: T) {
        self.0.0.push((place, what));
    }
}

/// Its drop ends the outcomes.
#[derive(Debug)]
struct Last<T>(Arc<Told<T>>);

impl<T> Drop for Last<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.over = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// What was told and nobody has taken yet: at most a batch.
#[derive(Debug)]
struct Told<T>(Mutex<ToldState<T>>);

#[derive(Debug)]
struct ToldState<T> {
    told: Vec<(usize, T)>,
    waker: Option<Waker>,
    over: bool,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(Mutex::new(ToldState { told: Vec::new(), waker: None, over: false }))
    }
}

impl<T> Told<T> {
    // Nothing that could panic halfway runs under this lock.
    fn lock(&self) -> MutexGuard<'_, ToldState<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, what: (usize, T)) {
        let mut state = self.lock();
        state.told.push(what);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// All that was told since the last time; `None` if nothing more will be.
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Vec<(usize, T)>>> {
        let mut state = self.lock();
        if !state.told.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut state.told)));
        }
        if state.over {
            return Poll::Ready(None);
        }
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

struct ToldStream<T, F> {
    told: Arc<Told<T>>,
    judge: F,
}

// What it holds is moved freely.
impl<T, F> Unpin for ToldStream<T, F> {}

impl<T, F: FnMut(usize, T) -> Outcome> Stream for ToldStream<T, F> {
    type Item = Handful;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Handful>> {
        let Some(told) = ready!(self.told.poll(context)) else { return Poll::Ready(None) };
        let judged = told.into_iter().map(|(place, what)| (place, (self.judge)(place, what)));
        Poll::Ready(Some(judged.collect()))
    }
}

/// Lets the tasks of this thread run that are ready already, and those alone: `yield_now` of tokio waits until none is.
pub(crate) async fn others_first() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_from_another_thread_comes_in_handfuls_and_ends_with_its_tellers() {
        let (teller, confirmations) = Confirmations::told(|_, outcome| outcome);
        let other = teller.clone();
        let telling = std::thread::spawn(move || (0..500).for_each(|place| other.tell(place, Ok(()))));
        teller.tell(500, Err(PublishError::passing("busy")));
        drop(teller);
        let mut all: Vec<_> = confirmations.concat().await;
        telling.join().unwrap();
        all.sort_by_key(|(place, _)| *place);
        assert!(all.iter().map(|(place, _)| *place).eq(0..=500));
        assert_eq!(all[500].1, Err(PublishError::passing("busy")));
        assert!(all[..500].iter().all(|(_, outcome)| outcome.is_ok()));
    }

    #[test]
    fn what_was_told_together_is_taken_together() {
        let (teller, mut confirmations) = Confirmations::told(|_, outcome| outcome);
        assert_eq!(confirmations.next().now_or_never(), None);
        teller.tell(1, Ok(()));
        teller.tell(0, Ok(()));
        assert_eq!(confirmations.next().now_or_never(), Some(Some(vec![(1, Ok(())), (0, Ok(()))])));
        assert_eq!(confirmations.next().now_or_never(), None);
        drop(teller);
        assert_eq!(confirmations.next().now_or_never(), Some(None));
    }
}
