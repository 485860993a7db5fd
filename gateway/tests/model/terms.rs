//! The terms under which one seed runs: who may do what, and how tight the gateway's limits are.

use std::num::NonZeroU32;
use std::time::Duration;

use config::{Config, HashBy};

use super::rng::Rng;

/// Drawn once for each seed.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Everybody answers, and soon: nothing may run into a deadline.
    pub(crate) honest: bool,
    pub(crate) steps: usize,
    /// Bytes that one direction of a link holds.
    pub(crate) link_bytes: usize,
    /// In a hundred answers: never given, given later, refusals.
    pub(crate) swallowed: u32,
    pub(crate) late: u32,
    pub(crate) refused: u32,
    /// In a hundred calls and messages: with a deadline of their own.
    pub(crate) with_deadline: u32,
    /// In a hundred peers: understand our extensions.
    pub(crate) with_caps: u32,
    /// In a hundred values: large ones.
    pub(crate) large: u32,
    pub(crate) largest: usize,
    /// Ids that the id service hands out: few, so that they collide.
    pub(crate) edge_ids: usize,
    /// Links of each side at a time.
    pub(crate) edges: usize,
    pub(crate) services: usize,
    pub(crate) config: Config,
}

impl Terms {
    pub(crate) fn draw(rng: &mut Rng, honest: bool) -> Self {
        let tight = rng.chance(60);
        Self {
            honest,
            steps: rng.between(30, 110),
            link_bytes: rng.pick(&[64, 700, 4096, 65_536]),
            swallowed: if honest { 0 } else { rng.pick(&[0, 5, 40]) },
            late: rng.pick(&[0, 20, 70]),
            refused: rng.pick(&[0, 10]),
            with_deadline: if honest { 0 } else { rng.pick(&[0, 10, 50]) },
            with_caps: rng.pick(&[0, 30, 100]),
            large: rng.pick(&[0, 3, 20]),
            largest: rng.pick(&[2_000, 30_000]),
            edge_ids: rng.pick(&[1, 2, 5]),
            edges: rng.between(1, 6),
            services: rng.between(1, 3),
            config: config(rng, tight),
        }
    }

    /// Bytes that a value has beyond its number.
    pub(crate) fn filler(&self, rng: &mut Rng) -> usize {
        if rng.chance(self.large) { rng.below(self.largest) } else { rng.below(200) }
    }

    /// The deadline of a call or message.
    pub(crate) fn deadline(&self, rng: &mut Rng) -> Option<Duration> {
        rng.chance(self.with_deadline).then(|| Duration::from_millis(rng.between(1, 20_000) as u64))
    }
}

fn config(rng: &mut Rng, tight: bool) -> Config {
    let mut config = Config::default();
    config.exchange.hash_by = rng.pick(&[HashBy::EdgeId, HashBy::Random]);
    config.edgebound.allocate_edge_ids = rng.chance(80);
    config.edgebound.honour_wanted_id = rng.chance(30);
    if tight {
        let mut bound = |choices: &[u32]| NonZeroU32::new(rng.pick(choices)).expect("no bound is 0");
        let stream_bytes = bound(&[1_000, 8_000, 1 << 20]);
        for limits in [&mut config.edgebound.limits, &mut config.servicebound.limits] {
            limits.queue_bytes = bound(&[300, 1_500, 20_000]);
            limits.unanswered_bytes = bound(&[300, 2_000, 30_000]);
            limits.stream_bytes = stream_bytes;
            limits.unacked_messages = bound(&[1, 3, 32]);
        }
    }
    config
}
