//! A stream that the other side wants to open.

use std::sync::Arc;
use std::time::Duration;

use proto::id::SessionId;
use tokio::time::Instant;

use super::{Pipe, Stream};
use crate::command::{Command, Link};

/// The opener has given up by then.
const PATIENCE: Duration = Duration::from_secs(25);

/// A stream on offer. Dropped, it is declined.
#[derive(Debug)]
pub(crate) struct Offer {
    link: Link,
    session: SessionId,
    peer: Box<str>,
    receive_bytes: usize,
    until: Instant,
    answered: bool,
}

impl Offer {
    pub(crate) fn new(link: Link, session: SessionId, peer: Box<str>, receive_bytes: usize) -> Self {
        Self { link, session, peer, receive_bytes, until: Instant::now() + PATIENCE, answered: false }
    }

    /// Takes the stream. `None` if its opener or the link is gone.
    pub(crate) fn accept(mut self) -> Option<Stream> {
        if Instant::now() >= self.until {
            return None;
        }
        self.answered = true;
        let peer = std::mem::take(&mut self.peer);
        let pipe = Arc::new(Pipe::new(self.link.clone(), self.session, peer, self.receive_bytes));
        let stream = Stream::new(Arc::clone(&pipe));
        self.link.push(Command::Accept { pipe }).ok().map(|()| stream)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.answered {
            // A link that is gone has told the opener.
            let _ = self.link.push(Command::Decline { session: self.session, error: "stream was not accepted" });
        }
    }
}
