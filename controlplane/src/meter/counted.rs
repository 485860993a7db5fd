//! The body of an answer, which keeps something for as long as it lasts.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// A body, and what is dropped with it.
#[derive(Debug)]
pub(super) struct Counted<T> {
    body: Body,
    _kept: T,
}

impl<T> Counted<T> {
    pub(super) const fn new(body: Body, kept: T) -> Self {
        Self { body, _kept: kept }
    }
}

// Nothing in it is pinned.
impl<T> Unpin for Counted<T> {}

impl<T> HttpBody for Counted<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
