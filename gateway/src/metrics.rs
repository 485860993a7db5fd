//! Counters of the gateway, with few and closed labels. Handles are made once: counting looks nothing up.

use std::fmt::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use controlplane::Meter;
use dao::Records;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::exchange::{BridgeHandle, Kind, RouteError};
use crate::limits::{BOUNDS, Bound};
use crate::presence::{SideTotals, TRANSPORTS, Transport};

/// Which listener a link came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Edge,
    Service,
}

impl Side {
    /// Its section of the configuration.
    pub(crate) const fn section(self) -> &'static str {
        match self {
            Side::Edge => "edgebound",
            Side::Service => "servicebound",
        }
    }
}

/// Which way a call or message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    ToService,
    ToEdge,
}

impl Direction {
    /// The side that calls or messages of this direction come from.
    pub(crate) const fn origin(self) -> Side {
        match self {
            Direction::ToService => Side::Edge,
            Direction::ToEdge => Side::Service,
        }
    }
}

/// How a call or message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The target accepted it.
    Ok,
    /// The target answered with an error.
    Rejected,
    /// There is no target.
    Unroutable,
    /// A bound was reached.
    Congested,
    /// A deadline passed.
    Timeout,
    /// The target went before it answered.
    Closed,
    /// The origin cancelled it.
    Cancelled,
    /// The origin sent what cannot be forwarded.
    Invalid,
}

const OUTCOMES: [Outcome; 8] = [
    Outcome::Ok,
    Outcome::Rejected,
    Outcome::Unroutable,
    Outcome::Congested,
    Outcome::Timeout,
    Outcome::Closed,
    Outcome::Cancelled,
    Outcome::Invalid,
];

impl From<RouteError> for Outcome {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::EdgeOffline | RouteError::NoMethod | RouteError::NoTopic | RouteError::NoService => {
                Outcome::Unroutable
            }
            RouteError::Congested | RouteError::TooManyStreams => Outcome::Congested,
            RouteError::DeadlineExceeded | RouteError::Timeout => Outcome::Timeout,
            RouteError::ForceClosed | RouteError::ShuttingDown => Outcome::Closed,
            RouteError::Cancelled => Outcome::Cancelled,
            RouteError::IllegalEdgeId | RouteError::TooLarge | RouteError::IdReused => Outcome::Invalid,
        }
    }
}

/// What became of a link's handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Admission {
    Admitted,
    /// Refused with a text.
    Refused,
    /// The connection ended before its handshake was done.
    Abandoned,
}

const ADMISSIONS: [Admission; 3] = [Admission::Admitted, Admission::Refused, Admission::Abandoned];

/// The words that stand in `/metrics`.
macro_rules! label {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                encoder.write_str(match self { $($name::$variant => $word),+ })
            }
        }
    };
}

mod bridge;
mod control;
mod records;
mod ways_in;
mod websocket;

use bridge::BridgeMetrics;
use control::ControlMetrics;
use records::RecordsMetrics;
pub(crate) use ways_in::{BypassMetrics, BypassResult, Handshake, WayInMetrics};
pub(crate) use websocket::{UpgradeResult, WebSocketMetrics};

label!(Side { Edge => "edge", Service => "service" });
label!(Direction { ToService => "to_service", ToEdge => "to_edge" });
label!(Admission { Admitted => "admitted", Refused => "refused", Abandoned => "abandoned" });
label!(Bound {
    MessageBytes => "max_message_bytes",
    Streams => "max_streams",
    Registrations => "max_registrations",
});
label!(Outcome {
    Ok => "ok",
    Rejected => "rejected",
    Unroutable => "unroutable",
    Congested => "congested",
    Timeout => "timeout",
    Closed => "closed",
    Cancelled => "cancelled",
    Invalid => "invalid",
});

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SideLabel {
    side: Side,
}

label!(Transport { Tcp => "tcp", Tls => "tls", WebSocket => "ws", WebSocketTls => "wss" });

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkLabels {
    side: Side,
    transport: Transport,
}

/// What came of reading the configuration again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reload {
    Done,
    Failed,
}

label!(Reload { Done => "done", Failed => "failed" });

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabel {
    result: Reload,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OverrunLabels {
    side: Side,
    bound: Bound,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AdmissionLabels {
    side: Side,
    result: Admission,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    direction: Direction,
    result: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabel {
    direction: Direction,
}

/// Counters of one direction of calls or of messages.
#[derive(Debug)]
struct Traffic {
    outcomes: [Counter; OUTCOMES.len()],
    seconds: Histogram,
}

/// Counters of one side's links.
#[derive(Debug)]
pub(crate) struct SideMetrics {
    /// By transport.
    links: [Gauge; TRANSPORTS.len()],
    admissions: [Counter; ADMISSIONS.len()],
    pub(crate) takeovers: Counter,
    overruns: [Counter; BOUNDS.len()],
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) way_in: WayInMetrics,
    queued: Gauge,
    queued_most: Gauge,
}

impl SideMetrics {
    /// A link was let in.
    pub(crate) fn link_begins(&self, transport: Transport) {
        self.links[transport as usize].inc();
    }

    /// A link that was let in is over.
    pub(crate) fn link_ends(&self, transport: Transport) {
        self.links[transport as usize].dec();
    }

    /// Links that are let in, over whatever they run.
    pub(crate) fn links(&self) -> i64 {
        self.links.iter().map(Gauge::get).sum()
    }

    pub(crate) fn admission(&self, result: Admission) {
        self.admissions[result as usize].inc();
    }

    /// A peer of this side has run into a bound of its link.
    pub(crate) fn overrun(&self, bound: Bound) {
        self.overruns[bound as usize].inc();
    }

    /// Sums since the start.
    pub(crate) fn totals(&self) -> SideTotals {
        SideTotals {
            online: u64::try_from(self.links.iter().map(Gauge::get).sum::<i64>()).unwrap_or_default(),
            admitted: self.admissions[Admission::Admitted as usize].get(),
            displaced: self.takeovers.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
        }
    }

    /// Sets what waits for all links of this side, and for the one that has most.
    pub(crate) fn set_queued(&self, (sum, most): (usize, usize)) {
        self.queued.set(i64::try_from(sum).unwrap_or(i64::MAX));
        self.queued_most.set(i64::try_from(most).unwrap_or(i64::MAX));
    }
}

/// Lost log lines are counted where they are lost, and asked for at a scrape.
#[derive(Default)]
struct LostLogLines {
    counter: Counter,
    ask: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

impl LostLogLines {
    fn refresh(&self) {
        if let Some(ask) = self.ask.get() {
            self.counter.inner().store(ask(), Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for LostLogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counter.fmt(f)
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    calls: [Traffic; 2],
    messages: [Traffic; 2],
    edge: Arc<SideMetrics>,
    service: Arc<SideMetrics>,
    streams: Counter,
    streams_cut: Counter,
    pub(crate) bypass: BypassMetrics,
    pub(crate) websocket: WebSocketMetrics,
    /// With success and without.
    reloads: [Counter; 2],
    lost_log_lines: LostLogLines,
}

impl Metrics {
    /// Those of a gateway with these bridges and records, and a control plane that counts so.
    pub(crate) fn new(bridges: &[BridgeHandle], records: Option<&Records>, control: Option<&Arc<Meter>>) -> Self {
        let mut registry = Registry::with_prefix("frontier");
        let calls = traffic(&mut registry, "calls", "Calls");
        let messages = traffic(&mut registry, "messages", "Messages");
        let [edge, service] = sides(&mut registry).map(Arc::new);
        let streams = Counter::default();
        registry.register("streams", "Streams joined", streams.clone());
        let streams_cut = Counter::default();
        registry.register("streams_cut", "Streams ended because an end read too slowly", streams_cut.clone());
        let bypass = BypassMetrics::new(&mut registry);
        let websocket = WebSocketMetrics::new(&mut registry);
        let reloads = Family::<ReloadLabel, Counter>::default();
        registry.register("reloads", "Times that the configuration was read again, by result", reloads.clone());
        let reloads =
            [Reload::Done, Reload::Failed].map(|result| reloads.get_or_create(&ReloadLabel { result }).clone());
        if !bridges.is_empty() {
            registry.register_collector(Box::new(BridgeMetrics::new(bridges)));
        }
        if let Some(records) = records {
            registry.register_collector(Box::new(RecordsMetrics(records.clone())));
        }
        if let Some(meter) = control {
            registry.register_collector(Box::new(ControlMetrics(Arc::clone(meter))));
        }
        let lost_log_lines = LostLogLines::default();
        registry.register("log_lines_lost", "Log lines that found no room", lost_log_lines.counter.clone());
        Self {
            registry,
            calls,
            messages,
            edge,
            service,
            streams,
            streams_cut,
            bypass,
            websocket,
            reloads,
            lost_log_lines,
        }
    }

    pub(crate) fn side(&self, side: Side) -> &Arc<SideMetrics> {
        match side {
            Side::Edge => &self.edge,
            Side::Service => &self.service,
        }
    }

    /// A call or message of a peer has got its answer.
    pub(crate) fn answered(&self, kind: Kind, direction: Direction, outcome: Outcome, took: Duration) {
        let traffic = self.traffic(kind, direction);
        traffic.outcomes[outcome as usize].inc();
        traffic.seconds.observe(took.as_secs_f64());
    }

    /// Calls or messages of a direction that have got an answer.
    pub(crate) fn answers(&self, kind: Kind, direction: Direction) -> u64 {
        self.traffic(kind, direction).outcomes.iter().map(Counter::get).sum()
    }

    const fn traffic(&self, kind: Kind, direction: Direction) -> &Traffic {
        match kind {
            Kind::Call => &self.calls[direction as usize],
            Kind::Message => &self.messages[direction as usize],
        }
    }

    pub(crate) fn stream_opened(&self) {
        self.streams.inc();
    }

    pub(crate) fn stream_cut(&self) {
        self.streams_cut.inc();
    }

    /// The configuration was read again, with or without success.
    pub(crate) fn reloaded(&self, done: bool) {
        self.reloads[usize::from(!done)].inc();
    }

    /// Shows what `lost` says at every scrape.
    pub(crate) fn count_lost_log_lines(&self, lost: impl Fn() -> u64 + Send + Sync + 'static) {
        // Set once, when the gateway starts.
        let _ = self.lost_log_lines.ask.set(Box::new(lost));
    }

    /// The text of `/metrics` (OpenMetrics).
    pub(crate) fn render(&self) -> String {
        self.lost_log_lines.refresh();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }
}

/// From 100 µs to 30 s.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

fn traffic(registry: &mut Registry, name: &str, what: &str) -> [Traffic; 2] {
    let counters = Family::<OutcomeLabels, Counter>::default();
    let seconds = Family::<DirectionLabel, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
    registry.register(name, format!("{what} answered, by direction and result"), counters.clone());
    let help = format!("{what}: time from their arrival to their answer, by direction");
    registry.register(format!("{name}_seconds"), help, seconds.clone());
    [Direction::ToService, Direction::ToEdge].map(|direction| Traffic {
        outcomes: OUTCOMES.map(|result| counters.get_or_create(&OutcomeLabels { direction, result }).clone()),
        seconds: seconds.get_or_create(&DirectionLabel { direction }).clone(),
    })
}

fn sides(registry: &mut Registry) -> [SideMetrics; 2] {
    let links = Family::<LinkLabels, Gauge>::default();
    let admissions = Family::<AdmissionLabels, Counter>::default();
    let takeovers = Family::<SideLabel, Counter>::default();
    let overruns = Family::<OverrunLabels, Counter>::default();
    let bytes_in = Family::<SideLabel, Counter>::default();
    let bytes_out = Family::<SideLabel, Counter>::default();
    let queued = Family::<SideLabel, Gauge>::default();
    let queued_most = Family::<SideLabel, Gauge>::default();
    registry.register("links", "Links that are admitted, by side and what they run over", links.clone());
    registry.register("admissions", "Connections by what became of their handshake", admissions.clone());
    registry.register("takeovers", "Links displaced by a newcomer with their id", takeovers.clone());
    registry.register("overruns", "Peers that ran into a bound of their link, by bound", overruns.clone());
    registry.register("bytes_received", "Bytes read from sockets", bytes_in.clone());
    registry.register("bytes_sent", "Bytes written to sockets", bytes_out.clone());
    registry.register("queued_bytes", "Bytes of calls and messages that wait for links", queued.clone());
    registry.register("queued_bytes_most", "The most of them that wait for one link", queued_most.clone());
    let mut ways_in = WayInMetrics::new(registry).into_iter();
    [Side::Edge, Side::Service].map(|side| {
        let label = SideLabel { side };
        SideMetrics {
            way_in: ways_in.next().expect("one for each side"),
            links: TRANSPORTS.map(|transport| links.get_or_create(&LinkLabels { side, transport }).clone()),
            admissions: ADMISSIONS.map(|result| admissions.get_or_create(&AdmissionLabels { side, result }).clone()),
            takeovers: takeovers.get_or_create(&label).clone(),
            overruns: BOUNDS.map(|bound| overruns.get_or_create(&OverrunLabels { side, bound }).clone()),
            bytes_in: bytes_in.get_or_create(&label).clone(),
            bytes_out: bytes_out.get_or_create(&label).clone(),
            queued: queued.get_or_create(&label).clone(),
            queued_most: queued_most.get_or_create(&label).clone(),
        }
    })
}
