//! Publishing a message.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::Error;
use crate::outgoing::{Kind, Outgoing, Route};

/// A message: a future that is done when the receiving application has accepted it. Options are set before it is awaited;
/// nothing is sent before that.
///
/// Messages to one receiver keep their order. Without a link at that moment it waits for one until its deadline. Dropping
/// it withdraws the message if it was not sent yet.
///
/// # Errors
/// [`Error::Remote`] with the text of whoever rejected it, [`Error::Timeout`], [`Error::LinkLost`],
/// [`Error::StreamClosed`] (within streams), [`Error::Closed`]; [`Error::Congested`] and [`Error::TooLarge`] if nothing
/// was sent.
#[derive(Debug)]
#[must_use = "nothing is sent until the message is awaited or sent with `nowait`"]
pub struct Publish<'a>(Outgoing<'a>);

impl<'a> Publish<'a> {
    pub(crate) fn new(route: Route<'a>, topic: &'a str, payload: Bytes) -> Self {
        Self(Outgoing::new(route, Kind::Message, topic, payload))
    }

    /// Time for the ack: 30 s unless set here, 1 h at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Bytes that accompany the payload; the receiver finds them in [`Message::custom`](crate::Message::custom).
    pub fn custom(mut self, custom: impl Into<Bytes>) -> Self {
        self.0.custom = custom.into();
        self
    }

    /// What the message is about. Edges give it at once; services may add it here.
    pub fn topic(mut self, topic: &'a str) -> Self {
        self.0.name = topic;
        self
    }

    /// Queues the message and returns at once. Whether it arrives and is accepted is not known then, nor later: use it for
    /// what may be lost. It is sent behind what is queued already, in order, and given up at its timeout if the receiver
    /// is that far behind.
    ///
    /// # Errors
    /// [`Error::Offline`] without a link, [`Error::Congested`], [`Error::TooLarge`], [`Error::Closed`]. Nothing was queued
    /// then.
    pub fn nowait(self) -> Result<(), Error> {
        self.0.send_unanswered()
    }
}

impl Future for Publish<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx).map_ok(|_| ())
    }
}
