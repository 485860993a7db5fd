//! A call or message on its way: encoded once, sent once, given up when it is dropped.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proto::body::{Base64, Body, Timestamp};
use proto::conn::{Text, cost};
use proto::id::{EdgeId, PacketId, SessionId};
use proto::wire::MAX_PAYLOAD;
use tokio::sync::oneshot;
use tokio::time::Instant;
use transport::{Lane, Refused};

use crate::Error;
use crate::command::{Answer, Command, Link};
use crate::shared::Shared;
use crate::stream::Pipe;

/// Time for an answer where the application asks for none.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for an answer: receivers take a deadline further ahead for a broken clock.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Where something goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route<'a> {
    /// To the gateway, which forwards it; from services to an edge.
    Gateway(&'a Shared, Option<EdgeId>),
    /// To the other end of a stream.
    Stream(&'a Pipe),
}

/// What is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Message,
}

/// A call or message, with its options.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    route: Route<'a>,
    kind: Kind,
    /// Method or topic.
    pub(crate) name: &'a str,
    payload: Bytes,
    pub(crate) custom: Bytes,
    pub(crate) timeout: Duration,
    stage: Stage<'a>,
}

enum Stage<'a> {
    New,
    /// There is no link at present.
    Waiting {
        link: Pin<Box<dyn Future<Output = Result<Link, Error>> + Send + 'a>>,
        text: Text,
        deadline: Instant,
    },
    Sent {
        link: Link,
        packet: PacketId,
        answer: oneshot::Receiver<Result<Bytes, Error>>,
    },
    Done,
}

impl fmt::Debug for Stage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::New => "New",
            Stage::Waiting { .. } => "Waiting",
            Stage::Sent { .. } => "Sent",
            Stage::Done => "Done",
        })
    }
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(route: Route<'a>, kind: Kind, name: &'a str, payload: Bytes) -> Self {
        let (custom, timeout) = (Bytes::new(), DEFAULT_TIMEOUT);
        Self { route, kind, name, payload, custom, timeout, stage: Stage::New }
    }

    /// Sends it on the first call, then waits for the answer. Messages are answered with empty bytes.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        loop {
            match &mut self.stage {
                Stage::New => {
                    let deadline = Instant::now() + self.timeout.min(LONGEST_TIMEOUT);
                    let text = self.encode()?;
                    match self.route.link() {
                        Some(link) => self.send(link, text, deadline)?,
                        None => self.wait(text, deadline)?,
                    }
                }
                Stage::Waiting { link, .. } => {
                    let link = ready!(link.as_mut().poll(cx))?;
                    if let Stage::Waiting { text, deadline, .. } = std::mem::replace(&mut self.stage, Stage::Done) {
                        self.send(link, text, deadline)?;
                    }
                }
                Stage::Sent { answer, .. } => {
                    let answered = ready!(Pin::new(answer).poll(cx));
                    self.stage = Stage::Done;
                    return Poll::Ready(
                        answered.unwrap_or(Err(Error::LinkLost)).map_err(|error| self.route.explain(error)),
                    );
                }
                Stage::Done => return Poll::Ready(Err(Error::Closed)),
            }
        }
    }

    /// Queues it without waiting for an answer.
    pub(crate) fn send_unanswered(self) -> Result<(), Error> {
        let deadline = Instant::now() + self.timeout.min(LONGEST_TIMEOUT);
        let text = self.encode()?;
        let link = self.route.link().ok_or_else(|| self.route.explain(Error::Offline))?;
        match self.push(&link, link.packet(), text, deadline, None) {
            Ok(()) => Ok(()),
            Err(Refused::Full(_)) => Err(Error::Congested),
            Err(Refused::Gone(_)) => Err(self.route.explain(Error::Offline)),
        }
    }

    fn send(&mut self, link: Link, text: Text, deadline: Instant) -> Result<(), Error> {
        let packet = link.packet();
        let (sender, answer) = oneshot::channel();
        match self.push(&link, packet, text, deadline, Some(sender)) {
            Ok(()) => {
                self.stage = Stage::Sent { link, packet, answer };
                Ok(())
            }
            Err(Refused::Full(_)) => Err(Error::Congested),
            // It was not sent, so waiting for the next link does not send it twice.
            Err(Refused::Gone(Command::Call { text, .. } | Command::Publish { text, .. })) => self.wait(text, deadline),
            Err(Refused::Gone(_)) => Err(Error::LinkLost),
        }
    }

    fn push(
        &self,
        link: &Link,
        packet: PacketId,
        text: Text,
        deadline: Instant,
        answer: Option<Answer>,
    ) -> Result<(), Refused<Command>> {
        let session = self.route.session();
        let deadline = deadline.into_std();
        let bytes = cost(text.len());
        match (self.kind, answer) {
            (Kind::Call, Some(answer)) => {
                link.try_push(Lane::Calls, bytes, Command::Call { packet, session, text, deadline, answer })
            }
            (_, answer) => {
                link.try_push(Lane::Messages, bytes, Command::Publish { packet, session, text, deadline, answer })
            }
        }
    }

    fn wait(&mut self, text: Text, deadline: Instant) -> Result<(), Error> {
        match self.route {
            Route::Gateway(shared, _) => {
                self.stage = Stage::Waiting { link: Box::pin(shared.wait_online(deadline)), text, deadline };
                Ok(())
            }
            Route::Stream(_) => Err(self.route.explain(Error::LinkLost)),
        }
    }

    fn encode(&self) -> Result<Text, Error> {
        let value_len = self.payload.len().div_ceil(3) * 4;
        if value_len > MAX_PAYLOAD as usize {
            return Err(Error::TooLarge { len: value_len, max: MAX_PAYLOAD as usize });
        }
        let (key, topic) = match self.kind {
            Kind::Call => (Base64::encode(self.name.as_bytes()), ""),
            Kind::Message => (Base64::default(), self.name),
        };
        let custom = Base64::encode(&self.custom);
        let body = Body {
            key,
            value: Base64::encode(&self.payload),
            topic: Cow::Borrowed(topic),
            custom: match self.route {
                Route::Gateway(_, Some(edge)) => custom.with_tail(edge.0),
                _ => custom,
            },
            deadline: Timestamp::from(SystemTime::now()).checked_add(self.timeout.min(LONGEST_TIMEOUT)),
            ..Body::default()
        };
        let mut text = Vec::with_capacity(frame_len(&body)?);
        body.encode(&mut text);
        Ok(Text::from(text))
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        if let Stage::Sent { link, packet, .. } = &self.stage {
            // A link that is gone has forgotten it already.
            let _ = link.push(Command::Cancel(*packet));
        }
    }
}

impl Route<'_> {
    fn session(&self) -> SessionId {
        match self {
            Route::Gateway(..) => SessionId::MAIN,
            Route::Stream(pipe) => pipe.session(),
        }
    }

    fn link(&self) -> Option<Link> {
        match self {
            Route::Gateway(shared, _) => shared.online(),
            Route::Stream(pipe) => Some(pipe.link().clone()),
        }
    }

    /// What the end of a session or link means to whoever used this route.
    fn explain(&self, error: Error) -> Error {
        match (self, error) {
            (Route::Gateway(shared, _), Error::LinkLost | Error::StreamClosed | Error::Offline)
                if shared.is_closing() =>
            {
                Error::Closed
            }
            (Route::Gateway(..), Error::StreamClosed) => Error::LinkLost,
            (Route::Stream(_), Error::Offline) => Error::LinkLost,
            (_, error) => error,
        }
    }
}

/// The payload length of a frame with this body.
pub(crate) fn frame_len(body: &Body<'_>) -> Result<usize, Error> {
    /// The session id in front of the body.
    const SESSION: usize = 8;
    let (len, max) = (SESSION + body.encoded_len(), MAX_PAYLOAD as usize);
    if len <= max { Ok(len) } else { Err(Error::TooLarge { len, max }) }
}
