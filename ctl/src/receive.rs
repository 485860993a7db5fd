//! Taking messages as they come.

use std::future::Future;
use std::time::Duration;

use clap::Args;
use sdk::{Error, Message};

use crate::connect::seconds;
use crate::failure::Failure;
use crate::output::{Output, fields};

/// Which messages are taken, and what their publishers are told.
#[derive(Debug, Args)]
pub(crate) struct ReceiveArgs {
    /// End after so many messages; 0 goes on until Ctrl-C
    #[arg(long, short = 'n', default_value_t = 0)]
    count: u64,
    /// End with exit code 4 if no message comes for so long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Reject each message with this text instead of accepting it
    #[arg(long, value_name = "TEXT")]
    reject: Option<String>,
}

impl ReceiveArgs {
    /// Takes, writes and answers messages.
    ///
    /// # Errors
    /// None comes in time; the link is gone; standard output takes no more, which rejects the message.
    pub(crate) async fn run<F>(&self, output: Output, mut next: impl FnMut() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<Message, Error>>,
    {
        let mut left = self.count;
        loop {
            let message = self.in_time(next()).await?;
            write(&message, output)?;
            match &self.reject {
                Some(reason) => message.reject(reason),
                None => message.ack(),
            }
            left = left.wrapping_sub(1);
            if left == 0 {
                return Ok(());
            }
        }
    }

    async fn in_time(&self, next: impl Future<Output = Result<Message, Error>>) -> Result<Message, Failure> {
        match self.timeout {
            None => Ok(next.await?),
            Some(limit) => match tokio::time::timeout(limit, next).await {
                Ok(message) => Ok(message?),
                Err(_) => Err(Failure::TimedOut(format!("no message within {limit:?}"))),
            },
        }
    }
}

fn write(message: &Message, output: Output) -> Result<(), Failure> {
    let mut told = fields([("event", "message".into()), ("topic", message.topic.as_str().into())]);
    let mut label = String::new();
    if let Some(edge) = message.edge_id {
        told.insert("edge".to_owned(), edge.to_string().into());
        label = format!("edge {edge} ");
    }
    if !message.custom.is_empty() {
        told.insert("custom".to_owned(), String::from_utf8_lossy(&message.custom).into());
    }
    if !message.topic.is_empty() {
        label.push_str(&format!("[{}] ", message.topic));
    }
    output.payload(&label, &message.payload, told)
}
