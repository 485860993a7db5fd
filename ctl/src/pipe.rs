//! A stream as standard input and output.

use std::io::{self, ErrorKind};

use sdk::Stream;
use tokio::io::{AsyncWriteExt, copy, split, stdin, stdout};

use crate::failure::Failure;

/// Sends standard input through the stream, and writes what comes back. The end of standard input ends that direction only;
/// done when the other side has ended its own, and standard input or the whole stream is over too.
///
/// # Errors
/// The stream was ended for a reason, the link was lost, standard output takes no more.
pub(crate) async fn pipe(stream: Stream) -> Result<(), Failure> {
    let ended = stream.ended();
    let (mut from_stream, mut to_stream) = split(stream);
    let sending = async {
        let sent = copy(&mut stdin(), &mut to_stream).await;
        // A stream that takes no more says why to whoever reads it.
        let _ = to_stream.shutdown().await;
        match sent {
            Err(error) if !is_of_stream(&error) => Err(Failure::Local(format!("cannot read standard input: {error}"))),
            _ => Ok(()),
        }
    };
    let receiving = async {
        let mut out = stdout();
        let copied = copy(&mut from_stream, &mut out).await;
        // What came before the end is shown whatever the end was.
        out.flush().await.map_err(failure)?;
        copied.map(|_| ()).map_err(failure)
    };
    let (mut sending, mut receiving) = (std::pin::pin!(sending), std::pin::pin!(receiving));
    tokio::select! {
        received = &mut receiving => {
            received?;
            tokio::select! {
                sent = &mut sending => sent,
                // Whatever is typed now can go nowhere.
                ended = ended => Ok(ended?),
            }
        }
        sent = &mut sending => {
            sent?;
            receiving.await
        }
    }
}

fn is_of_stream(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionAborted => Failure::FarSide(format!("the stream was ended: {error}")),
        ErrorKind::ConnectionReset => Failure::NoLink(error.to_string()),
        _ => Failure::Local(format!("cannot write to standard output: {error}")),
    }
}
