//! This gateway, as the control plane sees it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use bridges::Phase;
use config::{Backend, Config};
use controlplane::{
    Bridge, BridgeState, Closed, ControlPlane, Counters, Info, Link, LinkKind, LoadError, Loaded, Meter, Running, Side,
    Totals, Traffic,
};
use net::Listener;
use proto::id::{EdgeId, ServiceId};
use tracing::info;

use crate::exchange::{BridgeHandle, Exchange};
use crate::presence::{self, LinkReport, Links, Peer, SideTotals};
use crate::{Gateway, StartError};

/// The control plane's port, opened, and what it needs, read.
#[derive(Debug)]
pub(crate) struct Opened {
    listener: Listener,
    loaded: Loaded,
    meter: Arc<Meter>,
}

impl Opened {
    /// As configured; none where it is off. Reads files, and blocks while it does.
    pub(crate) fn open(config: &config::ControlPlane) -> Result<Option<Self>, StartError> {
        let Some(loaded) = load(config)? else { return Ok(None) };
        let listener = Listener::bind(&config.listen.addr.to_string()).map_err(StartError::ControlPlanePort)?;
        info!("controlplane server listening on: {}", listener.local_addr());
        Ok(Some(Self { listener, loaded, meter: Arc::default() }))
    }

    /// What it will count with.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }
}

/// Reads what the control plane needs; none where it is off. Blocks while it does.
pub(crate) fn load(config: &config::ControlPlane) -> Result<Option<Loaded>, LoadError> {
    config.enable.then(|| Loaded::load(config)).transpose()
}

/// As [`load`], without blocking.
pub(crate) async fn reload(config: &config::ControlPlane) -> Result<Option<Loaded>, LoadError> {
    let config = config.clone();
    tokio::task::spawn_blocking(move || load(&config)).await.expect("reading files does not panic")
}

/// The control plane of this gateway, at work.
#[derive(Debug)]
pub(crate) struct Served {
    plane: Arc<ControlPlane>,
    watched: Arc<Watched>,
}

impl Served {
    /// Takes what has been read anew, and tells the configuration that holds from now on.
    pub(crate) fn renew(&self, loaded: Loaded, config: &Config) {
        self.plane.renew(loaded);
        self.watched.config_digest.store(Arc::new(config_digest(config)));
    }
}

impl Gateway {
    /// Serves the control plane until the gateway has stopped.
    pub(crate) fn serve_control(&mut self, opened: Opened, config: &Config, node: String) {
        let records = self.exchange.records.clone().expect("a gateway with ports keeps records");
        let watched = Arc::new(Watched::new(Arc::clone(&self.exchange), config, node));
        let running = Arc::clone(&watched) as Arc<dyn Running>;
        let plane = Arc::new(ControlPlane::new(opened.loaded, records, running, opened.meter));
        self.serving.spawn(Arc::clone(&plane).serve(opened.listener, self.serving.stop_token()));
        self.control = Some(Served { plane, watched });
    }
}

/// A gateway that runs.
#[derive(Debug)]
struct Watched {
    exchange: Arc<Exchange>,
    links: Links,
    started_at: SystemTime,
    started: Instant,
    config_digest: ArcSwap<String>,
    node: String,
    dao: &'static str,
}

impl Watched {
    fn new(exchange: Arc<Exchange>, config: &Config, node: String) -> Self {
        Self {
            links: Links::new(Arc::clone(&exchange)),
            exchange,
            started_at: SystemTime::now(),
            started: Instant::now(),
            config_digest: ArcSwap::from_pointee(config_digest(config)),
            node,
            dao: match config.dao.backend {
                Backend::Memory => "memory",
                Backend::Sqlite => "sqlite",
            },
        }
    }
}

/// The same where the effective configuration is the same; secrets do not count.
fn config_digest(config: &Config) -> String {
    let hash = digest(&SHA256, config.to_yaml().as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl Running for Watched {
    async fn kick_edge(&self, edge: EdgeId) -> bool {
        self.links.kick_edge(edge).await
    }

    async fn kick_service(&self, service: ServiceId) -> bool {
        self.links.kick_service(service).await
    }

    async fn edge(&self, edge: EdgeId) -> Option<Link> {
        within(self.links.edge(edge)).await.map(link)
    }

    async fn service(&self, service: ServiceId) -> Option<Link> {
        within(self.links.service(service)).await.map(link)
    }

    fn totals(&self) -> Totals {
        let totals = self.links.totals();
        Totals {
            edges: side(totals.edges, totals.calls_of_edges, totals.messages_of_edges),
            services: side(totals.services, totals.calls_of_services, totals.messages_of_services),
        }
    }

    fn closed(&self, limit: usize) -> Vec<Closed> {
        let mut all = self.links.closed_edges();
        all.extend(self.links.closed_services());
        // Each side is in order already.
        all.sort_by_key(|link| std::cmp::Reverse(link.until));
        all.into_iter().take(limit).map(closed).collect()
    }

    fn bridges(&self) -> Vec<Bridge> {
        self.exchange.bridges.iter().flat_map(|bridges| bridges.handles()).map(bridge).collect()
    }

    fn info(&self) -> Info {
        Info {
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.started_at,
            uptime: self.started.elapsed(),
            config_digest: String::clone(&self.config_digest.load()),
            node: self.node.clone(),
            draining: self.exchange.is_draining(),
            dao: self.dao,
        }
    }
}

/// How long a link may take to say what it does: it takes microseconds, unless the machine has stopped.
const PATIENCE: Duration = Duration::from_secs(5);

async fn within(report: impl Future<Output = Option<LinkReport>>) -> Option<LinkReport> {
    tokio::time::timeout(PATIENCE, report).await.ok().flatten()
}

fn link(report: LinkReport) -> Link {
    let names = |offered: Vec<presence::Offered>| offered.into_iter().map(|one| one.name.to_string()).collect();
    Link {
        label: report.label.to_string(),
        transport: report.transport.as_str(),
        peer: report.addr,
        connected_since: report.since,
        heartbeat_age: report.heartbeat_age,
        traffic: traffic(report.traffic),
        rpcs: names(report.methods),
        topics: names(report.topics),
    }
}

fn traffic(traffic: presence::Traffic) -> Traffic {
    let presence::Traffic { bytes_in, bytes_out, calls_in, calls_out, messages_in, messages_out } = traffic;
    Traffic { bytes_in, bytes_out, calls_in, calls_out, messages_in, messages_out }
}

fn side(totals: SideTotals, calls: u64, messages: u64) -> Side {
    let SideTotals { online, admitted, displaced, bytes_in, bytes_out } = totals;
    Side { online, admitted, displaced, bytes_in, bytes_out, calls, messages }
}

fn closed(link: presence::ClosedLink) -> Closed {
    let (kind, id) = match link.peer {
        Peer::Edge(edge) => (LinkKind::Edge, edge.0),
        Peer::Service(service) => (LinkKind::Service, service.0),
    };
    Closed {
        kind,
        id,
        label: link.label,
        peer: link.addr,
        connected_since: link.since,
        closed_at: link.until,
        reason: link.reason,
        traffic: traffic(link.traffic),
    }
}

fn bridge(handle: &BridgeHandle) -> Bridge {
    let (state, counters) = (handle.state(), handle.counters());
    let phase = match state.phase {
        Phase::Connecting => BridgeState::Connecting,
        Phase::Up => BridgeState::Up,
        Phase::Down { reason } => BridgeState::Down { reason: reason.to_string() },
    };
    Bridge {
        name: handle.name().to_owned(),
        kind: handle.kind(),
        state: phase,
        since: state.since,
        counters: Counters {
            matched: counters.matched,
            delivered: counters.delivered,
            failed: counters.failed,
            dropped: counters.dropped,
            queued: counters.queued,
            in_flight: counters.in_flight,
            retried: counters.retried,
            late: counters.late,
            bytes: counters.bytes,
        },
    }
}
