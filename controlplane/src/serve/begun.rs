//! The first bytes of a connection, which say whether it is HTTP/1 or HTTP/2.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How every connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Reads until it is clear what is spoken. Returns what was read, too.
pub(super) async fn look<S: AsyncRead + Unpin>(io: &mut S) -> io::Result<(Version, Vec<u8>)> {
    let mut first = Vec::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() {
        let mut rest = io.take((PREFACE.len() - first.len()) as u64);
        if rest.read_buf(&mut first).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&first) {
            return Ok((Version::Http1, first));
        }
    }
    Ok((Version::Http2, first))
}

/// A connection of which the first bytes were read already: they are read once more.
#[derive(Debug)]
pub(super) struct Begun<S> {
    first: Vec<u8>,
    read: usize,
    io: S,
}

impl<S> Begun<S> {
    pub(super) fn new(first: Vec<u8>, io: S) -> Self {
        Self { first, read: 0, io }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let left = &this.first[this.read..];
        if left.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        this.read += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seen(pieces: &[&[u8]]) -> io::Result<(Version, Vec<u8>)> {
        let mut whole: Box<dyn AsyncRead + Unpin> = Box::new(tokio::io::empty());
        for piece in pieces.iter().rev() {
            whole = Box::new(io::Cursor::new(piece.to_vec()).chain(whole));
        }
        let (version, first) = look(&mut whole).await?;
        let mut again = Vec::new();
        Begun::new(first, whole).read_to_end(&mut again).await?;
        assert_eq!(again, pieces.concat(), "nothing is lost");
        Ok((version, again))
    }

    #[tokio::test]
    async fn the_version_is_told_by_the_first_bytes_however_they_come() {
        let http2 = [PREFACE, b"\0\0\0\x04"].concat();
        for pieces in [&[&http2[..]][..], &[&PREFACE[..1], &PREFACE[1..]], &[b"PRI", &PREFACE[3..], b"more"]] {
            assert_eq!(seen(pieces).await.unwrap().0, Version::Http2, "{pieces:?}");
        }
        for pieces in [&[&b"GET / HTTP/1.1\r\n\r\n"[..]][..], &[b"P", b"UT / HTTP/1.1"], &[b"PRI * HTTP/2.0\r\n\r\nXX"]]
        {
            assert_eq!(seen(pieces).await.unwrap().0, Version::Http1, "{pieces:?}");
        }
        for ended in [&[][..], &[&PREFACE[..23]][..]] {
            assert_eq!(seen(ended).await.unwrap_err().kind(), ErrorKind::UnexpectedEof, "{ended:?}");
        }
    }
}
