//! One TCP connection and one stream, joined: each direction ends by itself, and a cut on one side is a cut on the other.

use std::future::Future;
use std::io;
use std::pin::pin;

use sdk::Stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;

/// Bytes that are read at a time.
const STEP: usize = 64 * 1024;

/// How one direction ended.
type Carried = Result<(), Broken>;

/// Where a direction broke.
enum Broken {
    Reading(io::Error),
    Writing(io::Error),
}

/// Carries bytes both ways until both directions have ended.
///
/// # Errors
/// Why it was cut, if the end was not one in order.
pub(crate) async fn join(mut tcp: TcpStream, stream: Stream) -> Result<(), String> {
    let ended = stream.ended();
    let (mut from_stream, mut to_stream) = split(stream);
    let (outward, inward) = carry_both(&mut tcp, &mut from_stream, &mut to_stream, ended).await;
    let stream = from_stream.unsplit(to_stream);
    match (outward, inward) {
        (_, Some(Err(Broken::Reading(error)))) => {
            // A reset tells the TCP side that something is missing.
            let _ = tcp.set_zero_linger();
            Err(format!("stream: {error}"))
        }
        (Some(Err(Broken::Reading(error))), _) | (_, Some(Err(Broken::Writing(error)))) => {
            let reason = format!("TCP: {error}");
            stream.abort(&reason);
            Err(reason)
        }
        // All that came from the far end was delivered; that it wanted no more is its business.
        _ => Ok(()),
    }
}

/// From TCP to the stream, and from the stream to TCP: none where the other direction decided about the whole.
async fn carry_both(
    tcp: &mut TcpStream,
    from_stream: &mut ReadHalf<Stream>,
    to_stream: &mut WriteHalf<Stream>,
    ended: impl Future,
) -> (Option<Carried>, Option<Carried>) {
    let (mut from_tcp, mut to_tcp) = tcp.split();
    let mut outward = pin!(carry(&mut from_tcp, to_stream));
    let mut inward = pin!(carry(from_stream, &mut to_tcp));
    tokio::select! {
        sent = &mut outward => match sent {
            // The far end may take no more; what it sent before that is still to come.
            Ok(()) | Err(Broken::Writing(_)) => (Some(sent), Some(inward.await)),
            Err(Broken::Reading(_)) => (Some(sent), None),
        },
        received = &mut inward => match received {
            Ok(()) => tokio::select! {
                sent = outward => (Some(sent), Some(received)),
                // Whatever the TCP side still sends can go nowhere.
                _ = ended => (None, Some(received)),
            },
            Err(_) => (None, Some(received)),
        },
    }
}

/// Carries bytes to their end, and hands the end on.
async fn carry(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Carried {
    let mut step = vec![0; STEP];
    loop {
        let read = from.read(&mut step).await.map_err(Broken::Reading)?;
        if read == 0 {
            return to.shutdown().await.map_err(Broken::Writing);
        }
        to.write_all(&step[..read]).await.map_err(Broken::Writing)?;
    }
}
