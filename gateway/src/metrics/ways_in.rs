//! What happens to connections before they are links.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Side;
use crate::ways_in::{LIMITS, Limit};

/// What became of a TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Handshake {
    Done,
    /// No TLS, no agreement, or a certificate that is missing or not good.
    Failed,
    TimedOut,
}

const HANDSHAKES: [Handshake; 3] = [Handshake::Done, Handshake::Failed, Handshake::TimedOut];

/// What became of a connection that is not an edge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BypassResult {
    /// Passed on until both directions had ended.
    Done,
    /// Passed on until it broke.
    Broken,
    /// The server behind could not be reached.
    Unreachable,
    /// Said too little for too long.
    Silent,
    /// Ended before it could be told whose it was.
    Ended,
}

const BYPASS_RESULTS: [BypassResult; 5] =
    [BypassResult::Done, BypassResult::Broken, BypassResult::Unreachable, BypassResult::Silent, BypassResult::Ended];

label!(Handshake { Done => "done", Failed => "failed", TimedOut => "timed_out" });
label!(Limit { Links => "max_links", LinksPerAddress => "max_links_per_address" });
label!(BypassResult {
    Done => "done",
    Broken => "broken",
    Unreachable => "unreachable",
    Silent => "silent",
    Ended => "ended",
});

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    side: Side,
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    side: Side,
    result: Handshake,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BypassLabel {
    result: BypassResult,
}

/// Counters of one side's listener.
#[derive(Debug)]
pub(crate) struct WayInMetrics {
    refused: [Counter; LIMITS.len()],
    handshakes: [Counter; HANDSHAKES.len()],
}

impl WayInMetrics {
    pub(super) fn new(registry: &mut Registry) -> [Self; 2] {
        let refused = Family::<RefusedLabels, Counter>::default();
        let handshakes = Family::<HandshakeLabels, Counter>::default();
        registry.register("connections_refused", "Connections closed at once, by the limit reached", refused.clone());
        registry.register("tls_handshakes", "TLS handshakes of those who connect, by result", handshakes.clone());
        [Side::Edge, Side::Service].map(|side| Self {
            refused: LIMITS.map(|limit| refused.get_or_create(&RefusedLabels { side, limit }).clone()),
            handshakes: HANDSHAKES.map(|result| handshakes.get_or_create(&HandshakeLabels { side, result }).clone()),
        })
    }

    pub(crate) fn refused(&self, limit: Limit) {
        self.refused[limit as usize].inc();
    }

    pub(crate) fn handshake(&self, result: Handshake) {
        self.handshakes[result as usize].inc();
    }
}

/// Counters of connections that are passed on to another server.
#[derive(Debug)]
pub(crate) struct BypassMetrics {
    open: Gauge,
    results: [Counter; BYPASS_RESULTS.len()],
}

impl BypassMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let open = Gauge::default();
        let results = Family::<BypassLabel, Counter>::default();
        registry.register("bypass_connections", "Connections that are passed on to another server", open.clone());
        registry.register("bypass_ended", "Connections that are no links, by how they ended", results.clone());
        Self { open, results: BYPASS_RESULTS.map(|result| results.get_or_create(&BypassLabel { result }).clone()) }
    }

    /// A connection is passed on, until what is returned is dropped.
    pub(crate) fn begin(&self) -> impl Drop + Send + use<> {
        self.open.inc();
        Open(self.open.clone())
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.open.get() > 0
    }

    pub(crate) fn ended(&self, result: BypassResult) {
        self.results[result as usize].inc();
    }
}

struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
