//! Rounds: keeping something busy for a while, and what it cost the server.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::args::Run;
use crate::progress::Progress;
use crate::server::Server;

/// When whoever keeps something busy begins nothing more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    At(Instant),
    /// After so many operations in all.
    After(u64),
}

impl Stop {
    /// The share of one of `workers`: all times are the same, numbers are divided and rounded up.
    pub(crate) fn share(self, workers: usize) -> Self {
        match self {
            Stop::At(at) => Stop::At(at),
            Stop::After(count) => Stop::After(count.div_ceil(workers.max(1) as u64)),
        }
    }

    /// Whether another operation may begin after `begun` others. The first always may: a round without any tells nothing.
    pub(crate) fn allows(self, begun: u64, now: Instant) -> bool {
        match self {
            Stop::At(at) => begun == 0 || now < at,
            Stop::After(count) => begun < count,
        }
    }
}

/// Something that can be kept busy.
pub(crate) trait Load {
    /// What comes out of it.
    type Done;

    /// The process whose CPU counts.
    fn server(&self) -> Option<Server>;

    /// Keeps it busy. Everything that was begun is finished when this returns.
    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Self::Done>;
}

impl<L: Load> Load for &mut L {
    type Done = L::Done;

    fn server(&self) -> Option<Server> {
        (**self).server()
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Self::Done> {
        (**self).run(stop, progress).await
    }
}

/// One round.
#[derive(Debug, Clone)]
pub(crate) struct Round<D> {
    pub(crate) done: D,
    pub(crate) elapsed: Duration,
    /// The server's.
    pub(crate) cpu: Option<Duration>,
}

/// A round of the gateway and one of the reference, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Pair<D> {
    pub(crate) gateway: Round<D>,
    pub(crate) relay: Option<Round<D>>,
}

/// Runs all rounds: of `gateway` alone, or in turn with `relay`, so that what else goes on in the machine meets both.
pub(crate) async fn alternate<G, R>(run: &Run, mut gateway: G, mut relay: Option<R>) -> Result<Vec<Pair<G::Done>>>
where
    G: Load,
    R: Load<Done = G::Done>,
{
    warm_up(run, &mut gateway, "warm-up").await?;
    if let Some(relay) = &mut relay {
        warm_up(run, relay, "warm-up of the relay").await?;
    }
    let mut pairs = Vec::new();
    for number in 1..=run.rounds.get() {
        let of = run.rounds;
        let gateway = round(run, &mut gateway, &format!("round {number} of {of}")).await?;
        let relay = match &mut relay {
            Some(relay) => Some(round(run, relay, &format!("round {number} of {of}, relay")).await?),
            None => None,
        };
        pairs.push(Pair { gateway, relay });
    }
    Ok(pairs)
}

/// A round that is not counted.
pub(crate) async fn warm_up<L: Load>(run: &Run, load: &mut L, what: &str) -> Result<()> {
    load.run(Stop::At(Instant::now() + run.warm_up), &Progress::new(what)).await?;
    Ok(())
}

/// A round that is.
pub(crate) async fn round<L: Load>(run: &Run, load: &mut L, what: &str) -> Result<Round<L::Done>> {
    let progress = Progress::new(what);
    let server = load.server();
    let cpu_before = server.map(Server::cpu).transpose()?;
    let begin = Instant::now();
    let stop = run.count.map_or(Stop::At(begin + run.seconds), |count| Stop::After(count.get()));
    let done = load.run(stop, &progress).await?;
    let elapsed = begin.elapsed();
    let cpu_after = server.map(Server::cpu).transpose()?;
    let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
    Ok(Round { done, elapsed, cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_number_are_at_least_that_number_together() {
        let now = Instant::now();
        let share = Stop::After(10).share(4);
        let begun = (0..).take_while(|begun| share.allows(*begun, now)).count();
        assert_eq!(begun, 3);
    }

    #[test]
    fn a_time_stops_whatever_was_begun() {
        let now = Instant::now();
        let stop = Stop::At(now + Duration::from_secs(1)).share(4);
        assert!(stop.allows(u64::MAX, now));
        assert!(!stop.allows(1, now + Duration::from_secs(1)));
        assert!(stop.allows(0, now + Duration::from_secs(1)), "the first always may");
    }
}
