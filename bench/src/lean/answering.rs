//! The answering side: calls are echoed, messages acknowledged, all of one read in one write.

use std::borrow::Cow;
use std::convert::Infallible;

use anyhow::{Context, Result, bail};
use proto::body::Body;
use proto::id::PacketId;
use proto::wire::{Frame, FrameKind, HEADER_LEN, Header};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Link;
use crate::child::{Ready, parent_gone};
use crate::frame::FILL;
use crate::peer::{METHOD, TOPIC};

/// Answers that may wait to be written before nothing more is read, in bytes.
const WAITING: usize = 8 * 1024 * 1024;

/// A service that answers until the parent wants the end.
pub(crate) async fn service(addr: &str) -> Result<()> {
    let mut link = super::service(addr, &[TOPIC]).await?;
    link.register(METHOD).await.context("a service cannot offer its method")?;
    Ready::default().say()?;
    answer(vec![link]).await
}

/// Edges that answer until the parent wants the end.
pub(crate) async fn edges(addr: &str, count: u32) -> Result<()> {
    let mut links = super::edges(addr, count).await?;
    for link in &mut links {
        link.register(METHOD).await.context("an edge cannot offer its method")?;
    }
    Ready { edges: links.iter().map(|link| link.client().0).collect(), ..Ready::default() }.say()?;
    answer(links).await
}

/// Has a task for each link.
async fn answer(links: Vec<Link>) -> Result<()> {
    let (go_on, _) = watch::channel(());
    let mut running = JoinSet::new();
    for mut link in links {
        let mut end = go_on.subscribe();
        running.spawn(async move {
            tokio::select! {
                biased;
                Err(failed) = answer_link(&mut link) => return Err(failed),
                _ = end.changed() => {}
            }
            link.leave().await;
            anyhow::Ok(())
        });
    }
    tokio::select! {
        () = parent_gone() => {}
        Some(failed) = running.join_next() => return failed.context("a link's task panicked")?,
    }
    drop(go_on);
    while let Some(left) = running.join_next().await {
        left.context("a link's task panicked")??;
    }
    Ok(())
}

async fn answer_link(link: &mut Link) -> Result<Infallible> {
    let mut answers = Answers::default();
    loop {
        if link.output().len() > WAITING {
            link.flush().await?;
        }
        link.exchange().await?;
        link.each_frame(|header, payload, output| match header.kind {
            FrameKind::Request | FrameKind::Message => answers.push(header, payload, output),
            FrameKind::DisConn => bail!("the gateway takes leave of a link that answers"),
            _ => Ok(()),
        })?;
    }
}

/// Answers as they were made last: who sends the same again gets the same again, without another look.
#[derive(Debug, Default)]
struct Answers(Option<Known>);

#[derive(Debug)]
struct Known {
    kind: FrameKind,
    /// Session and text of a request up to the end of its value. Who calls, and until when, stands behind it.
    beginning: Vec<u8>,
    answer: FrameKind,
    /// Session and text of the answer.
    payload: Vec<u8>,
}

impl Answers {
    /// Appends the answer to a call or message.
    ///
    /// # Errors
    /// `payload` is no body.
    fn push(&mut self, header: Header, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let known = self.0.take().filter(|known| known.kind == header.kind && payload.starts_with(&known.beginning));
        let known = match known {
            Some(known) => known,
            None => Known::learn(header.kind, payload)?,
        };
        let len = u32::try_from(known.payload.len()).expect("an answer is no longer than a frame");
        out.extend_from_slice(&Header { kind: known.answer, packet: header.packet, len }.encode());
        out.extend_from_slice(&known.payload);
        self.0 = Some(known);
        Ok(())
    }
}

impl Known {
    fn learn(kind: FrameKind, payload: &[u8]) -> Result<Self> {
        let request = Frame::decode(kind, payload).context("a request cannot be read")?;
        let (answer, value) = match &request {
            Frame::Request(session, body) => {
                let (key, value) = (body.key.reborrow(), body.value.reborrow());
                (Frame::Response(*session, Body { key, value, ..Body::default() }), &body.value)
            }
            Frame::Message(session, body) => {
                let error = Cow::Borrowed(if is_ours(body) { "" } else { "this is not what was published" });
                (Frame::MessageAck(*session, Body { error, ..Body::default() }), &body.value)
            }
            _ => unreachable!("only calls and messages are answered"),
        };
        let beginning = up_to(payload, value.text()).to_vec();
        let mut bytes = Vec::new();
        answer.encode(PacketId(0), &mut bytes);
        Ok(Self { kind, beginning, answer: answer.kind(), payload: bytes.split_off(HEADER_LEN) })
    }
}

/// Whether a message has arrived as it was published.
fn is_ours(message: &Body<'_>) -> bool {
    message.topic == TOPIC && message.value.decode().iter().all(|byte| *byte == FILL)
}

/// What of `payload` ends with `value`; all of it if that is absent, or written otherwise than usual.
fn up_to<'a>(payload: &'a [u8], value: &[u8]) -> &'a [u8] {
    let member = [b"\"value\":\"", value, b"\""].concat();
    match payload.windows(member.len()).position(|window| window == member) {
        Some(at) => &payload[..at + member.len()],
        None => payload,
    }
}
