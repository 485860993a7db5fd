//! Callers in a closed loop: as soon as a call or message is answered, the next one goes out in its place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future;
use proto::id::PacketId;
use proto::wire::{Frame, FrameKind};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::requests::Target;
use super::{Link, Requests};
use crate::flow::Flow;
use crate::frame::{FILL, Kind};
use crate::latencies::Latencies;
use crate::load::{Load, Stop};
use crate::pace::Pace;
use crate::progress::{self, Progress};
use crate::server::Server;

/// Where the packet ids of requests begin.
const FIRST_PACKET: u64 = 1 << 32;

/// Links with some requests under way on each.
#[derive(Debug)]
pub(crate) struct Callers {
    callers: Vec<Caller>,
    server: Option<Server>,
    /// Requests per second, of all links together; without it as many as go.
    per_second: Option<f64>,
}

impl Callers {
    /// `in_flight` requests on each of `links`; or for each of `targets`, whose edges they mean in turn.
    pub(crate) fn new(
        links: Vec<Link>,
        requests: &Requests,
        in_flight: usize,
        targets: &[Target],
        server: Option<Server>,
    ) -> Self {
        let slots = in_flight * targets.len().max(1);
        let caller = |link| Caller::new(link, requests.clone(), slots, targets.to_vec());
        Self { callers: links.into_iter().map(caller).collect(), server, per_second: None }
    }

    /// From now on so many requests per second begin, on all links together, as long as there are places for them.
    #[cfg(feature = "brokers")]
    pub(crate) fn keep_pace(&mut self, per_second: f64) {
        self.per_second = Some(per_second);
    }

    /// Lets all links take leave.
    pub(crate) async fn leave(self) {
        future::join_all(self.callers.into_iter().map(|caller| caller.link.leave())).await;
    }
}

impl Load for Callers {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        self.server
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let workers = self.callers.len();
        let stop = stop.share(workers);
        let pace = self.per_second.map(|rate| Pace::new(Instant::now(), rate));
        let mut running = JoinSet::new();
        for (number, mut caller) in self.callers.drain(..).enumerate() {
            let done = progress.counter();
            let pace = pace.map(|pace| pace.share(number, workers));
            running.spawn(async move {
                let latencies = caller.round(stop, pace, &done).await?;
                anyhow::Ok((caller, latencies))
            });
        }
        let mut all = Latencies::default();
        let mut stuck = std::pin::pin!(progress::nothing_done(progress.counter()));
        loop {
            let joined = tokio::select! {
                joined = running.join_next() => joined,
                () = &mut stuck => bail!("nothing was answered for {:?}: an answer is lost", progress::PATIENCE),
            };
            let Some(joined) = joined else { return Ok(all) };
            let (caller, latencies) = joined.context("a caller panicked")??;
            self.callers.push(caller);
            all.add(&latencies);
        }
    }
}

/// One link and what is under way on it.
#[derive(Debug)]
struct Caller {
    link: Link,
    requests: Requests,
    answers: Answers,
    slots: Slots,
    targets: Vec<Target>,
}

impl Caller {
    fn new(link: Link, requests: Requests, slots: usize, targets: Vec<Target>) -> Self {
        let answers = Answers { kind: requests.kind(), wanted: requests.size(), seen: Vec::new() };
        Self { link, requests, answers, slots: Slots::new(slots), targets }
    }

    /// Calls until it is to stop; all is answered when this returns.
    async fn round(&mut self, stop: Stop, pace: Option<Pace>, done: &AtomicU64) -> Result<Latencies> {
        let Self { link, requests, answers, slots, targets } = self;
        let mut flow = Flow::new(stop, pace, slots.count());
        loop {
            let now = Instant::now();
            requests.refresh(now);
            while let Some(since) = flow.begin(now) {
                let (slot, packet) = slots.begin(since).expect("there is a place for each that may be under way");
                let target = (!targets.is_empty()).then(|| &targets[slot % targets.len()]);
                requests.push(packet, target, link.output());
            }
            if flow.is_over(now) {
                return Ok(flow.into_latencies());
            }
            match flow.next_due() {
                None => link.exchange().await?,
                Some(due) => tokio::select! {
                    exchanged = link.exchange() => exchanged?,
                    () = sleep_until(due.into()) => continue,
                },
            }
            let now = Instant::now();
            let mut answered = 0;
            link.each_frame(|header, payload, _| {
                if header.kind == FrameKind::DisConn {
                    bail!("the gateway takes leave of a link");
                }
                if header.kind == answers.kind.answer() {
                    answers.check(payload)?;
                    flow.end(slots.end(header.packet)?, now);
                    answered += 1;
                }
                Ok(())
            })?;
            done.fetch_add(answered, Ordering::Relaxed);
        }
    }
}

/// What is under way: a place for each request, found by its packet id.
#[derive(Debug)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    /// Id of the latest request in this place; the next one's is greater by the number of places.
    packet: u64,
    begun: Option<Instant>,
}

impl Slots {
    fn new(count: usize) -> Self {
        let first = |slot: usize| Slot { packet: FIRST_PACKET + slot as u64, begun: None };
        Self { slots: (0..count).map(first).collect(), free: (0..count).rev().collect() }
    }

    fn count(&self) -> usize {
        self.slots.len()
    }

    /// Takes a free place, if there is one: its number and the packet id to use.
    fn begin(&mut self, now: Instant) -> Option<(usize, PacketId)> {
        let number = self.free.pop()?;
        let count = self.slots.len() as u64;
        let slot = &mut self.slots[number];
        slot.packet += count;
        slot.begun = Some(now);
        Some((number, PacketId(slot.packet)))
    }

    /// Frees the place of an answered request, and tells when that was begun.
    fn end(&mut self, packet: PacketId) -> Result<Instant> {
        let number = (packet.0.wrapping_sub(FIRST_PACKET) % self.slots.len() as u64) as usize;
        let slot = &mut self.slots[number];
        let begun = if slot.packet == packet.0 { slot.begun.take() } else { None };
        let begun = begun.with_context(|| format!("packet {packet} was answered, which is not under way"))?;
        self.free.push(number);
        Ok(begun)
    }
}

/// Looks at answers: the first is decoded, and those that are the same need no other look.
#[derive(Debug)]
struct Answers {
    kind: Kind,
    /// Length of the payload that an answer to a call brings back.
    wanted: usize,
    seen: Vec<u8>,
}

impl Answers {
    fn check(&mut self, payload: &[u8]) -> Result<()> {
        if payload == self.seen {
            return Ok(());
        }
        let frame = Frame::decode(self.kind.answer(), payload).context("an answer cannot be read")?;
        let (Frame::Response(_, body) | Frame::MessageAck(_, body)) = frame else {
            unreachable!("a frame is of the kind as which it was decoded")
        };
        ensure!(body.error.is_empty(), "an operation failed, so nothing was measured: {}", body.error);
        if self.kind == Kind::Call {
            let value = body.value.decode();
            let is_whole = value.len() == self.wanted && value.iter().all(|byte| *byte == FILL);
            ensure!(is_whole, "a call brought back {} bytes that are not those that were sent", value.len());
        }
        self.seen = payload.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_a_packet_id_of_its_own_and_one_answer() {
        let now = Instant::now();
        let mut slots = Slots::new(2);
        let (first, second) = (slots.begin(now).unwrap(), slots.begin(now).unwrap());
        assert!(slots.begin(now).is_none());
        assert_ne!(first, second);
        slots.end(second.1).unwrap();
        let third = slots.begin(now).unwrap();
        assert_eq!(third.0, second.0);
        assert_ne!(third.1, second.1);
        let error = slots.end(second.1).unwrap_err().to_string();
        assert!(error.contains("not under way"), "{error}");
    }

    fn check(answers: &mut Answers, text: &str) -> Result<()> {
        answers.check(&[&[0, 0, 0, 0, 0, 0, 0, 1], text.as_bytes()].concat())
    }

    #[test]
    fn an_answer_must_bring_back_what_was_sent() {
        let mut answers = Answers { kind: Kind::Call, wanted: 2, seen: Vec::new() };
        check(&mut answers, r#"{"value":"eHg="}"#).unwrap();
        check(&mut answers, r#"{"value":"eHg="}"#).unwrap();
        for wrong in [r#"{"value":"eHk="}"#, r#"{"value":"eA=="}"#, "{}", r#"{"value":"eHg=","error":"gone"}"#, "x"] {
            assert!(check(&mut answers, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_ack_must_not_refuse() {
        let mut answers = Answers { kind: Kind::Publish, wanted: 2, seen: Vec::new() };
        check(&mut answers, "{}").unwrap();
        let error = check(&mut answers, r#"{"error":"topic not online"}"#).unwrap_err().to_string();
        assert!(error.contains("topic not online"), "{error}");
    }
}
