//! The server's part of the handshake.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::upgrade::{HEAD_MAX, denial, too_large};
use super::{Denied, Request, Upgrade, answer};

/// Time for a client to take the answer.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A client that gets its connection.
#[derive(Debug)]
pub struct Accepted<T> {
    /// What the judge made of its request.
    pub made: T,
    /// What came behind the request already: it belongs to the stream.
    pub early: Vec<u8>,
}

/// A client that gets no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// It was told why, or got a page, and is to be closed.
    #[error("{}", match .0 {
        Denied::Page => "looked at the page",
        Denied::Refused { why, .. } => why,
    })]
    Denied(Denied),
    /// It went before its request was whole, or takes no answer.
    #[error("went before the handshake was done")]
    Lost(#[source] io::Error),
    /// Its request was not whole in time.
    #[error("its request was not whole in time")]
    TimedOut,
}

/// Reads a client's request from `io`, which has to be whole by `until`, and answers it: see [`answer`]. The answer takes a
/// second at most. Memory: 16 KiB at most. Not cancel-safe: a dropped handshake cannot be taken up again.
///
/// # Errors
/// There is no connection, and the client knows it, or is gone.
pub async fn accept<S, T>(
    io: &mut S,
    until: Instant,
    page: &str,
    judge: impl FnOnce(&Request<'_>) -> Result<T, Denied>,
) -> Result<Accepted<T>, NotAccepted>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    let head = timeout_at(until, read_head(io, &mut bytes)).await.map_err(|_| NotAccepted::TimedOut)?;
    let Some(len) = head.map_err(NotAccepted::Lost)? else {
        let denied = too_large();
        refuse(io, &denial(denied, page, false)).await;
        return Err(NotAccepted::Denied(denied));
    };
    let early = bytes.split_off(len);
    let Upgrade { response, outcome } = answer(&bytes, page, judge);
    match outcome {
        Ok(made) => {
            let letting_in = async {
                io.write_all(&response).await?;
                io.flush().await
            };
            let written = timeout(LAST_WORDS, letting_in).await.unwrap_or(Err(ErrorKind::TimedOut.into()));
            written.map_err(NotAccepted::Lost)?;
            Ok(Accepted { made, early })
        }
        Err(denied) => {
            refuse(io, &response).await;
            Err(NotAccepted::Denied(denied))
        }
    }
}

/// Reads until the head is whole. Returns its length; `None`: it is too long.
pub(super) async fn read_head<S: AsyncRead + Unpin>(io: &mut S, bytes: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        let looked = bytes.len();
        bytes.reserve(1024);
        let room = HEAD_MAX - bytes.len();
        if (&mut *io).take(room as u64).read_buf(bytes).await? == 0 {
            return if room == 0 { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        if !bytes[0].is_ascii_alphabetic() {
            // No request begins so, and perhaps no more ever comes: what there is, is all.
            return Ok(Some(bytes.len()));
        }
        if let Some(end) = end_of_head(bytes, looked) {
            return Ok(Some(end));
        }
    }
}

/// Where the empty line ends that ends a head, if it is there; what stands before `looked` was looked at.
fn end_of_head(bytes: &[u8], looked: usize) -> Option<usize> {
    let from = looked.saturating_sub(3);
    let mut lines = bytes.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    lines.find(|&at| bytes[..at].ends_with(b"\n") || bytes[..at].ends_with(b"\n\r")).map(|at| at + 1)
}

/// Tells a client that it gets no connection.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S, response: &[u8]) {
    let telling = async {
        io.write_all(response).await?;
        io.shutdown().await?;
        // A socket that is closed with something unread resets the connection, which would overtake the answer.
        let mut scratch = vec![0; 4096];
        while io.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    // Whoever does not listen goes without.
    let _ = timeout(LAST_WORDS, telling).await;
}
