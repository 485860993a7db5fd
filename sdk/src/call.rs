//! Calling a method of the other side.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::Error;
use crate::outgoing::{Kind, Outgoing, Route};

/// A call: a future of its result. Options are set before it is awaited; nothing is sent before that.
///
/// Without a link at that moment it waits for one until its deadline. Dropping it gives the call up: it is withdrawn if it
/// was not sent yet, else the other side is told where it understands that.
///
/// # Errors
/// [`Error::Remote`] with the text that the other side answered, [`Error::Timeout`], [`Error::LinkLost`],
/// [`Error::StreamClosed`] (within streams), [`Error::Closed`]; [`Error::Congested`] and [`Error::TooLarge`] if nothing
/// was sent.
#[derive(Debug)]
#[must_use = "nothing is sent until the call is awaited"]
pub struct Call<'a>(Outgoing<'a>);

impl<'a> Call<'a> {
    pub(crate) fn new(route: Route<'a>, method: &'a str, payload: Bytes) -> Self {
        Self(Outgoing::new(route, Kind::Call, method, payload))
    }

    /// Time for the answer: 30 s unless set here, 1 h at most. The other side learns of it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Bytes that accompany the payload; the handler finds them in [`Request::custom`](crate::Request::custom).
    pub fn custom(mut self, custom: impl Into<Bytes>) -> Self {
        self.0.custom = custom.into();
        self
    }
}

impl Future for Call<'_> {
    type Output = Result<Bytes, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}
