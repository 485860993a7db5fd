//! What a server says before it is asked anything.
//!
//! One that has too many clients, or wants none from outside, says so and closes. The client knows no command that this would answer, and
//! throws it away.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::broker::Stream;

/// How many bytes are kept: a line of an error, as far as anybody will read it.
const KEPT: usize = 256;

/// A stream that keeps the first bytes that come.
pub(super) struct Heard {
    stream: Box<dyn Stream>,
    first: FirstWords,
    /// How many more are kept.
    left: usize,
}

/// The first bytes that came.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstWords(Arc<Mutex<Vec<u8>>>);

impl Heard {
    pub(super) fn new(stream: Box<dyn Stream>) -> (Self, FirstWords) {
        let first = FirstWords::default();
        (Self { stream, first: first.clone(), left: KEPT }, first)
    }
}

impl FirstWords {
    /// The error that came first, if the first that came was one.
    pub(super) fn error(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = bytes.strip_prefix(b"-")?.split(|byte| *byte == b'\r').next()?;
        Some(String::from_utf8_lossy(line).into_owned())
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.left > 0 {
            let new = &buffer.filled()[before..];
            let new = &new[..new.len().min(self.left)];
            self.first.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(new);
            self.left -= new.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
