//! Serving streams: each as calls are served, by the same answer.

use std::future::Future;
use std::process::ExitStatus;
use std::sync::Arc;

use sdk::{Error, Stream};
use tokio::io::{AsyncWriteExt, copy, sink, split};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::output::{Output, fields};
use crate::serve::{AT_ONCE, Answer, shell};

/// Takes streams as they come, at most [`AT_ONCE`] at a time, and serves each. Dropping the future ends them all.
///
/// # Errors
/// The link is gone for good.
pub(crate) async fn serve_streams<F>(
    answer: Arc<Answer>,
    output: Output,
    mut next: impl FnMut() -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<Stream, Error>>,
{
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut served = JoinSet::new();
    loop {
        let place = Arc::clone(&room).acquire_owned().await;
        let stream = next().await?;
        let answer = Arc::clone(&answer);
        served.spawn(async move {
            let _place = place;
            serve_stream(&answer, output, stream).await;
        });
        while served.try_join_next().is_some() {}
    }
}

async fn serve_stream(answer: &Answer, output: Output, stream: Stream) {
    let id = stream.id();
    let told = |event: &str| fields([("event", event.into()), ("stream", id.to_string().into())]);
    // A stream is served whether or not somebody still reads our notes.
    let _ = output.note("a stream was opened", told("stream_opened"));
    let ended = stream.ended();
    let served = match answer {
        Answer::Fail(reason) => {
            stream.abort(reason);
            Ok(())
        }
        Answer::Echo => echo(stream).await,
        Answer::Reply(reply) => answer_all(stream, reply).await,
        Answer::Exec(command) => execute(stream, command).await,
    };
    let end = match (served, ended.await) {
        (Err(error), _) => format!("a stream ended: {error}"),
        (Ok(()), Err(error)) => format!("a stream ended: {error}"),
        (Ok(()), Ok(())) => "a stream ended".to_owned(),
    };
    let _ = output.note(&end, told("stream_ended"));
}

async fn echo(stream: Stream) -> std::io::Result<()> {
    let (mut from, mut to) = split(stream);
    copy(&mut from, &mut to).await?;
    to.shutdown().await
}

/// Sends `reply`, and takes what the other side sends to its end.
async fn answer_all(stream: Stream, reply: &[u8]) -> std::io::Result<()> {
    let (mut from, mut to) = split(stream);
    to.write_all(reply).await?;
    to.shutdown().await?;
    copy(&mut from, &mut sink()).await?;
    Ok(())
}

/// Lets a command talk with the other side, which is told if it fails.
async fn execute(stream: Stream, command: &str) -> std::io::Result<()> {
    let mut child = shell(command).spawn()?;
    let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::Error::other("cannot reach the command"));
    };
    let (mut from, mut to) = split(stream);
    let status = {
        let feed = async {
            // A command need not read what it is given; the rest goes nowhere then.
            let _ = copy(&mut from, &mut stdin).await;
            drop(stdin);
            std::future::pending::<std::io::Result<ExitStatus>>().await
        };
        let answer = async {
            copy(&mut stdout, &mut to).await?;
            child.wait().await
        };
        tokio::select! {
            status = feed => status?,
            status = answer => status?,
        }
    };
    if status.success() {
        return to.shutdown().await;
    }
    let reason = format!("the command ended with {status}");
    from.unsplit(to).abort(&reason);
    Err(std::io::Error::other(reason))
}
