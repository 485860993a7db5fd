//! A stream whose first bytes were taken, and are read again.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first bytes of a connection: as many as it takes to tell whose they are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct First {
    bytes: [u8; 2],
    len: u8,
}

impl First {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len.into()]
    }

    /// Where the next byte goes; empty when there is no room for more.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len.into()..]
    }

    /// So many bytes were put where [`First::room`] says.
    pub(super) fn filled(&mut self, count: usize) {
        self.len += u8::try_from(count).expect("there is room for two");
    }

    /// The stream from which they were taken, with them in front again.
    pub(super) fn before<S>(self, rest: S) -> Sniffed<S> {
        Sniffed { rest, first: self, read: 0 }
    }
}

/// A stream with its first bytes in front.
#[derive(Debug)]
pub(super) struct Sniffed<S> {
    rest: S,
    first: First,
    read: u8,
}

impl<S: AsyncRead + Unpin> AsyncRead for Sniffed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = &self.first.bytes()[self.read.into()..];
        if left.is_empty() {
            return Pin::new(&mut self.rest).poll_read(cx, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.read += u8::try_from(count).expect("there are two at most");
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sniffed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.rest.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn what_was_taken_comes_first_whatever_is_asked_for() {
        for taken in 0..=2 {
            for piece in 1..=5 {
                let mut rest: &[u8] = b"abcdef";
                let mut first = First::default();
                let room = first.room();
                let count = taken.min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                first.filled(count);
                rest = &rest[count..];
                let mut stream = first.before(rest);
                let mut read = Vec::new();
                loop {
                    let mut buffer = vec![0; piece];
                    match stream.read(&mut buffer).await.unwrap() {
                        0 => break,
                        len => read.extend_from_slice(&buffer[..len]),
                    }
                }
                assert_eq!(read, b"abcdef", "{taken} taken, {piece} at a time");
            }
        }
    }
}
