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

#[cfg(test)]
mod tests {
    use proto::body::Base64;
    use proto::id::SessionId;
    use proto::wire::{Cut, Frames, MAX_PAYLOAD};

    use super::*;

    /// What `answers` says to a frame with this session and text: it must have the packet id of the request.
    fn answer(answers: &mut Answers, kind: FrameKind, session: u64, text: &str) -> (FrameKind, u64, Body<'static>) {
        let payload = [&session.to_be_bytes(), text.as_bytes()].concat();
        let header = Header { kind, packet: PacketId(session + 40), len: payload.len() as u32 };
        let mut out = Vec::new();
        answers.push(header, &payload, &mut out).unwrap();
        let Cut::Frame(header, payload) = Frames::new(&out, MAX_PAYLOAD).cut().unwrap() else { panic!("{out:?}") };
        assert_eq!(header.packet, PacketId(session + 40));
        match Frame::decode(header.kind, payload).unwrap() {
            Frame::Response(session, body) | Frame::MessageAck(session, body) => {
                (header.kind, session.0, body.into_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_call_is_echoed_whoever_makes_it_and_whatever_was_echoed_before() {
        let mut answers = Answers::default();
        for (session, value, rest) in [
            (1, "eHg=", r#","custom":"AAAAAAAAAAE=""#),
            (1, "eHg=", r#","custom":"AAAAAAAAAAI=","deadline":"2026-01-01T00:00:00Z""#),
            (2, "eHg=", ""),
            (1, "eHk=", ""),
            (1, "eHl6eg==", ""),
            (1, "", ""),
            (1, "eHg=", ""),
        ] {
            let text = format!(r#"{{"key":"ZWNobw==","value":"{value}"{rest}}}"#);
            let (kind, session_back, body) = answer(&mut answers, FrameKind::Request, session, &text);
            assert_eq!((kind, session_back), (FrameKind::Response, session), "{text}");
            assert_eq!(body.value.text(), value.as_bytes(), "{text}");
            assert_eq!(body.key.decode(), METHOD.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_value_that_is_not_written_as_usual_is_echoed_too() {
        let mut answers = Answers::default();
        for (text, value) in [(r#"{"value" : "e\u0048g="}"#, "xx"), (r#"{"value":[120, 121]}"#, "xy"), ("{}", "")] {
            let (_, _, body) = answer(&mut answers, FrameKind::Request, 1, text);
            assert_eq!(body.value, Base64::encode(value.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_message_is_accepted_if_it_arrived_as_it_was_published() {
        let mut answers = Answers::default();
        for (text, refused) in [
            (r#"{"value":"eHg=","topic":"bench"}"#, false),
            (r#"{"value":"eHk=","topic":"bench"}"#, true),
            (r#"{"value":"eHh4","topic":"bench"}"#, false),
        ] {
            let (kind, session, body) = answer(&mut answers, FrameKind::Message, SessionId::MAIN.0, text);
            assert_eq!((kind, session), (FrameKind::MessageAck, 1), "{text}");
            assert_eq!(!body.error.is_empty(), refused, "{text}");
        }
        let (_, _, body) = answer(&mut answers, FrameKind::Message, 1, r#"{"value":"eA==","topic":"another"}"#);
        assert!(!body.error.is_empty(), "another topic's message was accepted");
    }
}
