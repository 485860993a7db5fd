//! What bridges hold and have done, looked up at each scrape: the numbers of one bridge are of one moment, so they add up.

use std::fmt;
use std::time::UNIX_EPOCH;

use bridges::{Counters, Phase, State};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::exchange::BridgeHandle;

/// Its names are those of the configuration.
#[derive(Debug)]
pub(super) struct BridgeMetrics(Vec<BridgeHandle>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    bridge: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kinds {
    bridge: String,
    /// The kind of the broker.
    kind: &'static str,
    state: &'static str,
}

/// A bridge at the moment of a scrape.
struct Look {
    name: Name,
    kind: &'static str,
    counters: Counters,
    state: State,
}

impl BridgeMetrics {
    pub(super) fn new(bridges: &[BridgeHandle]) -> Self {
        Self(bridges.to_vec())
    }
}

type Count = fn(&Counters) -> u64;

const COUNTERS: [(&str, &str, Count); 6] = [
    ("bridge_matched", "Messages that a bridge was to take", |counters| counters.matched),
    ("bridge_delivered", "Messages that the broker has confirmed", |counters| counters.delivered),
    ("bridge_failed", "Messages answered with an error that the broker refused, or may have got", |counters| {
        counters.failed
    }),
    ("bridge_dropped", "Messages answered with an error that the broker never got", |counters| counters.dropped),
    ("bridge_retried", "Times that a message was queued again after a failure", |counters| counters.retried),
    ("bridge_late", "Messages confirmed after they were answered with an error", |counters| counters.late),
];

const GAUGES: [(&str, &str, Count); 3] = [
    ("bridge_queued", "Messages that wait for the broker", |counters| counters.queued),
    ("bridge_in_flight", "Messages that the broker has not confirmed yet", |counters| counters.in_flight),
    ("bridge_bytes", "Bytes that a bridge holds", |counters| counters.bytes),
];

const PHASES: [&str; 3] = ["connecting", "up", "down"];

fn word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Connecting => PHASES[0],
        Phase::Up => PHASES[1],
        Phase::Down { .. } => PHASES[2],
    }
}

impl Collector for BridgeMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let looks: Vec<Look> = self.0.iter().map(look).collect();
        for (name, help, count) in COUNTERS {
            let value = |look: &Look| ConstCounter::new(count(&look.counters));
            family(&mut encoder, name, help, looks.iter().map(|look| (&look.name, value(look))))?;
        }
        for (name, help, count) in GAUGES {
            let value = |look: &Look| ConstGauge::new(i64::try_from(count(&look.counters)).unwrap_or(i64::MAX));
            family(&mut encoder, name, help, looks.iter().map(|look| (&look.name, value(look))))?;
        }
        let states: Vec<(Kinds, i64)> = looks.iter().flat_map(states).collect();
        let help = "1 for the state that a bridge is in, 0 for the others";
        family(
            &mut encoder,
            "bridge_state",
            help,
            states.iter().map(|(labels, value)| (labels, ConstGauge::new(*value))),
        )?;
        let since = |look: &Look| {
            let since = look.state.since.duration_since(UNIX_EPOCH);
            ConstGauge::new(since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
        };
        let help = "When that state began, in seconds since 1970";
        family(&mut encoder, "bridge_state_since", help, looks.iter().map(|look| (&look.name, since(look))))
    }
}

fn look(bridge: &BridgeHandle) -> Look {
    let name = Name { bridge: bridge.name().to_owned() };
    Look { name, kind: bridge.kind(), counters: bridge.counters(), state: bridge.state() }
}

fn states(look: &Look) -> impl Iterator<Item = (Kinds, i64)> {
    PHASES.into_iter().map(|state| {
        let labels = Kinds { bridge: look.name.bridge.clone(), kind: look.kind, state };
        (labels, i64::from(state == word(&look.state.phase)))
    })
}

fn family<'a, L: EncodeLabelSet + 'a, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metrics: impl Iterator<Item = (&'a L, M)>,
) -> fmt::Result {
    let mut metrics = metrics.peekable();
    let Some((_, first)) = metrics.peek() else { return Ok(()) };
    let mut family = encoder.encode_descriptor(name, help, None, first.metric_type())?;
    for (labels, metric) in metrics {
        metric.encode(family.encode_family(labels)?)?;
    }
    Ok(())
}
