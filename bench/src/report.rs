//! What a scenario found: for people as a table, for programs as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::args::{Direction, Over, Records, Target};
use crate::control::ControlReport;
use crate::latencies::{Latencies, Percentiles};
use crate::load::{Pair, Round};
use crate::server::Memory;

/// A scenario's figures, as they stand in a JSON file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scenario", rename_all = "kebab-case")]
pub(crate) enum Report {
    Call(LoadReport),
    Publish(LoadReport),
    Stream(StreamReport),
    Connect(ConnectReport),
    Idle(IdleReport),
    Control(Box<ControlReport>),
    Bridge(Box<BridgeReport>),
}

/// Calls or messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadReport {
    pub(crate) peers: Peers,
    pub(crate) direction: Direction,
    pub(crate) edges: u32,
    pub(crate) in_flight: u32,
    /// Payload in bytes.
    pub(crate) size: usize,
    /// What a frame with this payload takes on the wire; the relay's frames have as many bytes, both ways.
    pub(crate) frame_bytes: usize,
    pub(crate) gateway: Figures,
    pub(crate) relay: Option<Figures>,
    pub(crate) versus_relay: Option<Versus>,
    /// One entry for each round of the gateway, in order.
    pub(crate) rounds: Vec<Figures>,
    /// One entry for each round of the relay, each measured right after that of the gateway.
    pub(crate) relay_rounds: Vec<Figures>,
    /// The gateway's, after all rounds.
    pub(crate) memory: Option<Memory>,
}

/// Who calls and who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peers {
    /// Bare frames, as light as those of the relay.
    Lean,
    /// Applications on the SDK.
    Sdk,
}

/// Operations, their speed and their cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    pub(crate) latency_us: Percentiles,
    /// The server's CPU for one operation.
    pub(crate) cpu_us: Option<f64>,
}

impl Figures {
    /// The figures of all these rounds together.
    pub(crate) fn of<'a>(rounds: impl IntoIterator<Item = &'a Round<Latencies>>) -> Self {
        let (mut latencies, mut seconds, mut cpu) = (Latencies::default(), 0.0, Some(0.0));
        for round in rounds {
            latencies.add(&round.done);
            seconds += round.elapsed.as_secs_f64();
            cpu = cpu.zip(round.cpu).map(|(sum, cpu)| sum + cpu.as_secs_f64());
        }
        let operations = latencies.count();
        Self {
            operations,
            seconds,
            per_second: operations as f64 / seconds,
            latency_us: latencies.percentiles(),
            cpu_us: cpu.filter(|_| operations > 0).map(|cpu| cpu * 1e6 / operations as f64),
        }
    }
}

/// The gateway beside the relay: medians over the pairs of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Versus {
    /// CPU of an operation, as a multiple of the relay's.
    pub(crate) cpu: Option<f64>,
    /// Operations per second, as a multiple of the relay's.
    pub(crate) per_second: f64,
    /// What is added to the relay's median of latency, in microseconds.
    pub(crate) added_p50_us: f64,
    /// What is added to the relay's 99th percentile, in microseconds.
    pub(crate) added_p99_us: f64,
}

impl Versus {
    /// Compares round by round; nothing without a relay.
    fn of(rounds: &[Figures], relay: &[Figures]) -> Option<Self> {
        let pairs: Vec<_> = rounds.iter().zip(relay).collect();
        let cpu =
            |(gateway, relay): &(&Figures, &Figures)| Some(gateway.cpu_us? / relay.cpu_us.filter(|cpu| *cpu > 0.0)?);
        Some(Self {
            cpu: median(pairs.iter().filter_map(cpu)),
            per_second: median(pairs.iter().map(|(gateway, relay)| gateway.per_second / relay.per_second))?,
            added_p50_us: median(pairs.iter().map(|(gateway, relay)| gateway.latency_us.p50 - relay.latency_us.p50))?,
            added_p99_us: median(pairs.iter().map(|(gateway, relay)| gateway.latency_us.p99 - relay.latency_us.p99))?,
        })
    }
}

/// What the rounds of a load give.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) gateway: Figures,
    pub(crate) relay: Option<Figures>,
    pub(crate) versus_relay: Option<Versus>,
    pub(crate) rounds: Vec<Figures>,
    pub(crate) relay_rounds: Vec<Figures>,
}

impl Compared {
    pub(crate) fn of(pairs: &[Pair<Latencies>]) -> Self {
        let relays = || pairs.iter().filter_map(|pair| pair.relay.as_ref());
        let rounds: Vec<_> = pairs.iter().map(|pair| Figures::of([&pair.gateway])).collect();
        let relay_rounds: Vec<_> = relays().map(|round| Figures::of([round])).collect();
        Self {
            gateway: Figures::of(pairs.iter().map(|pair| &pair.gateway)),
            relay: (!relay_rounds.is_empty()).then(|| Figures::of(relays())),
            versus_relay: Versus::of(&rounds, &relay_rounds),
            rounds,
            relay_rounds,
        }
    }
}

/// Bytes through one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamReport {
    pub(crate) direction: Direction,
    pub(crate) write_size: u32,
    pub(crate) gateway: Throughput,
    pub(crate) relay: Option<Throughput>,
    /// Bytes per second, as a multiple of the relay's: the median over the pairs of rounds.
    pub(crate) versus_relay: Option<f64>,
    /// One entry for each round of the gateway, in order.
    pub(crate) rounds: Vec<Throughput>,
    /// One entry for each round of the relay, each measured right after that of the gateway.
    pub(crate) relay_rounds: Vec<Throughput>,
}

/// Bytes, their speed and their cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Throughput {
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// 1 MB is a million bytes.
    pub(crate) mb_per_second: f64,
    /// The server's CPU for a thousand million bytes.
    pub(crate) cpu_seconds_per_gb: Option<f64>,
}

impl Throughput {
    /// That of all these rounds together.
    pub(crate) fn of<'a>(rounds: impl IntoIterator<Item = &'a Round<u64>>) -> Self {
        let (mut bytes, mut seconds, mut cpu) = (0, 0.0, Some(0.0));
        for round in rounds {
            bytes += round.done;
            seconds += round.elapsed.as_secs_f64();
            cpu = cpu.zip(round.cpu).map(|(sum, cpu)| sum + cpu.as_secs_f64());
        }
        Self {
            bytes,
            seconds,
            mb_per_second: bytes as f64 / 1e6 / seconds,
            cpu_seconds_per_gb: cpu.filter(|_| bytes > 0).map(|cpu| cpu * 1e9 / bytes as f64),
        }
    }
}

/// Edges that connect and leave; the latency is that of connecting alone, rate and CPU are those of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConnectReport {
    /// Where the gateway kept its records, if that was told.
    pub(crate) records: Option<Records>,
    /// Edges that do so at the same time.
    pub(crate) edges: u32,
    pub(crate) gateway: Figures,
    /// One entry for each round, in order.
    pub(crate) rounds: Vec<Figures>,
    /// Edges that stayed, with a call every 10 ms each.
    pub(crate) residents: u32,
    /// Latency of their calls before anybody connected.
    pub(crate) quiet_us: Percentiles,
    /// Latency of their calls meanwhile.
    pub(crate) disturbed_us: Percentiles,
}

/// Edges that are connected and do nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IdleReport {
    /// Where the gateway kept its records, if that was told.
    pub(crate) records: Option<Records>,
    pub(crate) edges: u32,
    /// What they run over.
    pub(crate) over: Over,
    /// Seconds between the heartbeats of an edge.
    pub(crate) heartbeat_seconds: u64,
    /// The gateway's memory before they connected.
    pub(crate) before: Memory,
    /// The gateway's memory when each has made a call.
    pub(crate) after: Memory,
    pub(crate) resident_bytes_per_edge: f64,
    pub(crate) private_bytes_per_edge: f64,
    /// How long the gateway's CPU was watched.
    pub(crate) watched_seconds: f64,
    /// The gateway's CPU meanwhile, in percent of one core.
    pub(crate) cpu_percent: f64,
    /// The same for 10 000 edges.
    pub(crate) cpu_percent_per_10000_edges: f64,
}

/// Messages of edges through a bridge, beside those of a bare client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BridgeReport {
    pub(crate) target: Target,
    /// The broker's name and version, if they were told.
    pub(crate) version: String,
    /// What bridge and bare client have in common, for readers.
    pub(crate) settings: String,
    pub(crate) edges: u32,
    pub(crate) in_flight: u32,
    /// Payload in bytes.
    pub(crate) size: usize,
    /// As many as go.
    pub(crate) full: Beside,
    /// As many as [`Self::half_per_second`].
    pub(crate) half: Beside,
    /// Half of what went through the gateway per second: the median over its rounds.
    pub(crate) half_per_second: f64,
    /// The gateway's, after all rounds.
    pub(crate) memory: Option<Memory>,
}

/// A bridge beside a bare client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) gateway: Figures,
    pub(crate) bare: Figures,
    /// Messages per second, as a multiple of the bare client's: the median over the pairs of rounds.
    pub(crate) versus_bare: f64,
    /// One entry for each round of the gateway, in order.
    pub(crate) rounds: Vec<Figures>,
    /// One entry for each round of the bare client, each measured right after that of the gateway.
    pub(crate) bare_rounds: Vec<Figures>,
}

impl Beside {
    /// `None` if there is not a round of each.
    #[cfg(feature = "brokers")]
    pub(crate) fn of(pairs: &[Pair<Latencies>]) -> Option<Self> {
        let Compared { gateway, relay, versus_relay, rounds, relay_rounds } = Compared::of(pairs);
        let versus_bare = versus_relay?.per_second;
        Some(Self { gateway, bare: relay?, versus_bare, rounds, bare_rounds: relay_rounds })
    }
}

/// The value in the middle, or between the two there.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values[low] + values[high]) / 2.0)
}

impl Report {
    /// Writes it to `file` as JSON.
    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads what [`Report::save`] wrote.
    pub(crate) fn load(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report of this program", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn round(micros: u64, cpu: u64) -> Round<Latencies> {
        let mut done = Latencies::default();
        (0..100).for_each(|_| done.record(Duration::from_micros(micros)));
        Round { done, elapsed: Duration::from_secs(1), cpu: Some(Duration::from_micros(cpu * 100)) }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
    }

    #[test]
    fn rounds_are_compared_with_the_one_beside_them() {
        // The machine is twice as slow in the second pair: the ratio does not see it.
        let pairs = [(20, 10, 5), (40, 20, 10)]
            .map(|(gateway, relay, cpu)| Pair { gateway: round(gateway, cpu), relay: Some(round(relay, cpu * 2)) });
        let compared = Compared::of(&pairs);
        let versus = compared.versus_relay.unwrap();
        assert_eq!((versus.cpu, versus.per_second), (Some(0.5), 1.0));
        assert!((versus.added_p50_us - 15.0).abs() < 0.1, "{versus:?}");
        assert_eq!((compared.gateway.operations, compared.gateway.cpu_us), (200, Some(7.5)));
    }

    #[test]
    fn without_a_relay_nothing_is_compared() {
        let compared = Compared::of(&[Pair { gateway: round(1, 1), relay: None }]);
        assert!(compared.relay.is_none() && compared.versus_relay.is_none());
    }

    #[test]
    fn bytes_give_a_throughput() {
        let round = Round { done: 2_000_000_000, elapsed: Duration::from_secs(4), cpu: Some(Duration::from_secs(3)) };
        let throughput = Throughput::of([&round]);
        assert_eq!((throughput.mb_per_second, throughput.cpu_seconds_per_gb), (500.0, Some(1.5)));
    }
}
