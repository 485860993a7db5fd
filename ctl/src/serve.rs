//! Serving methods and streams by hand: an echo, a fixed text, an error, or a command.

use std::process::Stdio;
use std::sync::Arc;

use clap::Args;
use sdk::{Bytes, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::failure::Failure;
use crate::output::{Output, fields};
use crate::payload::Source;

/// Most calls, and most streams, that are served at once: each may be a process.
pub(crate) const AT_ONCE: usize = 32;

/// Longest output of a command that is sent as an answer, and longest text of its complaints, in bytes.
const ANSWER_BYTES: u64 = 7 * 1024 * 1024;
const COMPLAINT_BYTES: u64 = 4096;

/// How calls and streams are answered; without any of these, with what they bring.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Answer with this text, @FILE, or - for standard input
    #[arg(long, value_name = "TEXT", group = "answer")]
    reply: Option<Source>,
    /// Answer with this error
    #[arg(long, value_name = "TEXT", group = "answer")]
    fail: Option<String>,
    /// Run this command in a shell: what comes is its standard input, its standard output is the answer, and an exit code
    /// other than 0 is an error with its standard error as text. FRONTIER_METHOD and FRONTIER_EDGE tell who asks for what
    #[arg(long, value_name = "COMMAND", group = "answer")]
    exec: Option<String>,
}

/// How something is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// With what came.
    Echo,
    /// With this.
    Reply(Bytes),
    /// With this error.
    Fail(String),
    /// With the output of this command.
    Exec(String),
}

impl ServeArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// The text to answer with cannot be read.
    pub(crate) fn answer(self) -> Result<Arc<Answer>, Failure> {
        Ok(Arc::new(match self {
            Self { reply: Some(source), .. } => Answer::Reply(source.read()?),
            Self { fail: Some(error), .. } => Answer::Fail(error),
            Self { exec: Some(command), .. } => Answer::Exec(command),
            _ => Answer::Echo,
        }))
    }
}

/// Answers one call, and tells of it.
///
/// # Errors
/// The text that the caller gets.
pub(crate) async fn serve(answer: Arc<Answer>, output: Output, request: Request) -> Result<Bytes, String> {
    let method = &*request.method;
    let mut told = fields([("event", "call".into()), ("method", method.into())]);
    let mut text = format!("call of {method}");
    if let Some(edge) = request.edge_id {
        told.insert("edge".to_owned(), edge.to_string().into());
        text.push_str(&format!(" by edge {edge}"));
    }
    text.push_str(&format!(", {} bytes", request.payload.len()));
    told.insert("bytes".to_owned(), request.payload.len().into());
    // A call is answered whether or not somebody still reads our notes.
    let _ = output.note(&text, told);
    match &*answer {
        Answer::Echo => Ok(request.payload),
        Answer::Reply(reply) => Ok(reply.clone()),
        Answer::Fail(error) => Err(error.clone()),
        Answer::Exec(command) => execute(command, &request).await,
    }
}

/// A command for the shell, which ends with whoever waits for it.
pub(crate) fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    shell
}

async fn execute(command: &str, request: &Request) -> Result<Bytes, String> {
    let mut shell = shell(command);
    shell.stderr(Stdio::piped()).env("FRONTIER_METHOD", &*request.method);
    if let Some(edge) = request.edge_id {
        shell.env("FRONTIER_EDGE", edge.to_string());
    }
    let mut child = shell.spawn().map_err(|error| format!("cannot start the command: {error}"))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("cannot reach the command".to_owned());
    };
    let feed = async {
        // A command need not read what it is given.
        let _ = stdin.write_all(&request.payload).await;
        drop(stdin);
    };
    let ((), answer, complaint) = tokio::join!(feed, front(stdout, ANSWER_BYTES), front(stderr, COMPLAINT_BYTES));
    let status = child.wait().await.map_err(|error| format!("cannot wait for the command: {error}"))?;
    if !status.success() {
        let complaint = String::from_utf8_lossy(&complaint.bytes).trim().to_owned();
        return Err(if complaint.is_empty() { format!("the command ended with {status}") } else { complaint });
    }
    if answer.more {
        return Err(format!("the command wrote more than {ANSWER_BYTES} bytes"));
    }
    Ok(answer.bytes.into())
}

/// The front of what was read.
struct Front {
    bytes: Vec<u8>,
    /// Whether there was more.
    more: bool,
}

/// Reads to the end and keeps the first `limit` bytes.
async fn front(mut from: impl AsyncRead + Unpin, limit: u64) -> Front {
    let mut bytes = Vec::new();
    // A pipe that breaks has ended.
    let _ = (&mut from).take(limit).read_to_end(&mut bytes).await;
    let rest = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    Front { bytes, more: rest.is_ok_and(|rest| rest > 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_front_is_kept_and_the_rest_is_read() {
        let Front { bytes, more } = front(&b"abcdef"[..], 4).await;
        assert_eq!((&bytes[..], more), (&b"abcd"[..], true));
        let Front { bytes, more } = front(&b"abcd"[..], 4).await;
        assert_eq!((&bytes[..], more), (&b"abcd"[..], false));
    }
}
