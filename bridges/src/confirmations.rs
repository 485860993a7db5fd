//! What a client says about the records that it was given.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, FuturesUnordered, Stream, StreamExt};

use crate::PublishError;

/// What became of one record: `Ok` once the broker has it as durably as the bridge is configured for.
pub type Outcome = Result<(), PublishError>;

/// Outcomes of the records of one [`Bridge::send`](crate::Bridge::send), each with its place among them, in any order.
///
/// A place that has not come when the stream ends has an unknown outcome; its record is sent again.
pub struct Confirmations(BoxStream<'static, (usize, Outcome)>);

impl Confirmations {
    /// All outcomes are known.
    #[must_use]
    pub fn done(outcomes: Vec<Outcome>) -> Self {
        Self(stream::iter(outcomes.into_iter().enumerate()).fuse().boxed())
    }

    /// All outcomes come together, in the order of the records: a pipeline's, or those of a barrier.
    pub fn batch(outcomes: impl Future<Output = Vec<Outcome>> + Send + 'static) -> Self {
        let each = outcomes.map(|outcomes| stream::iter(outcomes.into_iter().enumerate()));
        Self(each.flatten_stream().fuse().boxed())
    }

    /// Each outcome comes with the place of its record, as the client learns of it.
    pub fn numbered(outcomes: impl Stream<Item = (usize, Outcome)> + Send + 'static) -> Self {
        Self(outcomes.fuse().boxed())
    }

    /// Each record has a future of its own, in the order of the records.
    pub fn each(outcomes: impl IntoIterator<Item = BoxFuture<'static, Outcome>>) -> Self {
        let numbered = outcomes.into_iter().enumerate();
        Self(
            numbered
                .map(|(at, outcome)| outcome.map(move |outcome| (at, outcome)))
                .collect::<FuturesUnordered<_>>()
                .boxed(),
        )
    }
}

impl Stream for Confirmations {
    type Item = (usize, Outcome);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirmations")
    }
}
