//! The gateway between services and edges.
//!
//! `ARCHITECTURE.md` at the root of the repository follows one call through all of it. [`Gateway`] is the one place that
//! knows every part.

mod control;
mod directory;
mod drain;
mod edgebound;
mod exchange;
mod health;
mod lifecycle;
mod limits;
mod metrics;
mod node;
mod presence;
mod quiet;
mod reload;
mod servicebound;
mod takeovers;
mod ways_in;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dao::Records;
use net::{ListenError, Listener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::control::Opened;
use crate::directory::{Chooser, Directory};
use crate::edgebound::Edgebound;
use crate::exchange::{Bridges, Exchange, Parts, now};
use crate::lifecycle::Lifecycle;
use crate::metrics::Side;
use crate::presence::Presence;
use crate::servicebound::Servicebound;
use crate::ways_in::{Gate, LinkSide, Loaded, Pass, WayIn, WebSocketWay, accept, close};

pub use crate::directory::Tables;
pub use crate::presence::{
    ClosedLink, LinkReport, Links, Offered, Peer, PresenceListener, SideTotals, Totals, Traffic, Transport,
};
pub use crate::reload::{Process, ReloadError};
pub use crate::ways_in::WayInError;

/// A gateway that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port for services cannot be opened.
    #[error("the port for services cannot be opened")]
    Servicebound(#[source] ListenError),
    /// The port for edges cannot be opened.
    #[error("the port for edges cannot be opened")]
    Edgebound(#[source] ListenError),
    /// The port for edges over WebSocket cannot be opened.
    #[error("the port for edges over WebSocket cannot be opened")]
    WebSocket(#[source] ListenError),
    /// What stands before links cannot be set up: certificates or the bypass.
    #[error(transparent)]
    WayIn(#[from] WayInError),
    /// A bridge that this program cannot have, or whose client does not take its configuration.
    #[error(transparent)]
    Bridge(#[from] bridges::OpenError),
    /// The records of who is online cannot be kept as configured.
    #[error(transparent)]
    Records(#[from] dao::OpenError),
    /// The control plane's port cannot be opened.
    #[error("the port of the control plane cannot be opened")]
    ControlPlanePort(#[source] ListenError),
    /// What the control plane needs, certificates or tokens, is not usable.
    #[error(transparent)]
    ControlPlane(#[from] controlplane::LoadError),
}

/// The addresses of a gateway, with the ports that the system has chosen where none was configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// For services.
    pub services: SocketAddr,
    /// For edges.
    pub edges: SocketAddr,
    /// For edges over WebSocket, where that is on.
    pub websockets: Option<SocketAddr>,
}

#[derive(Debug)]
struct WaysIn {
    services: Arc<WayIn>,
    edges: Arc<WayIn>,
    websockets: Option<Arc<WebSocketWay>>,
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    exchange: Arc<Exchange>,
    edgebound: Arc<Edgebound>,
    servicebound: Arc<Servicebound>,
    /// Once there are ports.
    ways_in: Option<WaysIn>,
    listening: Option<Listening>,
    /// None where it is off.
    control: Option<control::Served>,
    /// Stops accepting, at the begin of a drain.
    accepting: Lifecycle,
    /// Stops the rest.
    serving: Lifecycle,
    /// The tasks of bridges, which end after links have.
    bridging: Lifecycle,
}

impl Gateway {
    /// A gateway without ports and bridges: links come by [`Gateway::serve_edge`] and [`Gateway::serve_service`]. Coming and
    /// going is told to `presence`.
    #[must_use]
    pub fn new(config: &config::Config, presence: Option<Arc<dyn PresenceListener>>) -> Self {
        Self::seeded(config, presence, random_seed())
    }

    /// As [`Gateway::new`], with choices at random drawn from `seed`, so that a run can be repeated.
    #[must_use]
    pub fn seeded(config: &config::Config, presence: Option<Arc<dyn PresenceListener>>, seed: u64) -> Self {
        let presence = Presence::new(presence);
        Self::assemble(config, seed, Parts { presence, ..Parts::default() })
    }

    fn assemble(config: &config::Config, seed: u64, parts: Parts) -> Self {
        let chooser = Chooser::new(config.exchange.hash_by, seed);
        let exchange = Arc::new(Exchange::new(chooser, config.edgebound.hook_grace, parts));
        Self {
            edgebound: Arc::new(Edgebound::new(&config.edgebound, Arc::clone(&exchange))),
            servicebound: Arc::new(Servicebound::new(&config.servicebound, Arc::clone(&exchange))),
            exchange,
            ways_in: None,
            listening: None,
            control: None,
            accepting: Lifecycle::default(),
            serving: Lifecycle::default(),
            bridging: Lifecycle::default(),
        }
    }

    /// A gateway on its configured ports, which records who is online as configured.
    ///
    /// # Errors
    /// A port for services or edges cannot be opened, or what it needs is not usable; then none is.
    pub async fn start(config: &config::Config) -> Result<Self, StartError> {
        let websocket = &config.edgebound.websocket;
        let (loaded_services, loaded_edges) =
            (Loaded::services(&config.servicebound)?, Loaded::edges(&config.edgebound)?);
        let loaded_websockets = Loaded::websockets(websocket)?;
        let services =
            Listener::bind(&config.servicebound.listen.addr.to_string()).map_err(StartError::Servicebound)?;
        info!("servicebound server listening on: {}", services.local_addr());
        let edges = Listener::bind(&config.edgebound.listen.addr.to_string()).map_err(StartError::Edgebound)?;
        info!("edgebound server listening on: {}", edges.local_addr());
        let websockets = websocket.enable.then(|| listen_for_websockets(websocket)).transpose()?;
        let listening = Listening {
            services: services.local_addr(),
            edges: edges.local_addr(),
            websockets: websockets.as_ref().map(Listener::local_addr),
        };
        let control = Opened::open(&config.controlplane)?;
        let node = node::name(&config.daemon.frontier_id, listening);
        let (bridges, bridge_tasks) = Bridges::prepare(&config.all_bridges(), &node)?;
        let bridges = Some(bridges).filter(|bridges| !bridges.is_empty());
        let directory = Directory::default();
        let snapshot = Arc::new(directory.clone());
        let (records, writer) = Records::new(dao::open(&config.dao).await?, snapshot);
        let presence = Presence::new(Some(Arc::new(records.clone())));
        let meter = control.as_ref().map(Opened::meter);
        let parts = Parts { directory, presence, records: Some(records), bridges, control: meter };
        let mut gateway = Self::assemble(config, random_seed(), parts);
        let exchange = &gateway.exchange;
        let way = |side, loaded, gate, limits| WayIn::new(side, loaded, gate, limits, exchange);
        let limits = &config.servicebound.limits;
        let for_services = Arc::new(way(Side::Service, loaded_services, Arc::new(Gate::new(limits)), limits));
        let limits = &config.edgebound.limits;
        let gate = Arc::new(Gate::new(limits));
        let for_edges = Arc::new(way(Side::Edge, loaded_edges, Arc::clone(&gate), limits));
        if config.observability.enable {
            gateway.observe(&config.observability.addr.to_string()).await;
        }
        let (accepting, serving) = (&gateway.accepting, &gateway.serving);
        let (way_in, side) = (Arc::clone(&for_services), Arc::clone(&gateway.servicebound));
        accepting.spawn(accept(way_in, services, side, accepting.clone(), serving.clone()));
        let (way_in, side) = (Arc::clone(&for_edges), Arc::clone(&gateway.edgebound));
        accepting.spawn(accept(way_in, edges, side, accepting.clone(), serving.clone()));
        let for_websockets = websockets.map(|listener| {
            let way = way(Side::Edge, loaded_websockets, gate, limits);
            let way_in = Arc::new(WebSocketWay::new(way, websocket, exchange));
            let side = Arc::clone(&gateway.edgebound);
            accepting.spawn(accept(Arc::clone(&way_in), listener, side, accepting.clone(), serving.clone()));
            way_in
        });
        gateway.ways_in = Some(WaysIn { services: for_services, edges: for_edges, websockets: for_websockets });
        gateway.listening = Some(listening);
        if let Some(opened) = control {
            gateway.serve_control(opened, config, node);
        }
        let serving = &gateway.serving;
        bridge_tasks.into_iter().for_each(|task| gateway.bridging.spawn(task));
        serving.spawn(writer.run(serving.stop_token()));
        serving.spawn(takeovers::report(Arc::clone(&gateway.exchange), serving.clone()));
        info!("frontier starts");
        Ok(gateway)
    }

    /// Where it listens; `None` if it has no ports.
    #[must_use]
    pub const fn listening(&self) -> Option<Listening> {
        self.listening
    }

    /// Takes from `config` what the ways in can change: certificates, keys and roots of all listeners, read anew from their
    /// files; where the bypass leads to, and how; who may come over WebSocket; how many links there may be. All of it or
    /// nothing.
    async fn renew_ways_in(&self, config: &config::Config) -> Result<(), WayInError> {
        let Some(ways_in) = &self.ways_in else { return Ok(()) };
        let (services, edges) = (config.servicebound.clone(), config.edgebound.clone());
        let read =
            move || Ok((Loaded::services(&services)?, Loaded::edges(&edges)?, Loaded::websockets(&edges.websocket)?));
        let loaded = tokio::task::spawn_blocking(read).await.expect("reading files does not panic");
        let (services, edges, websockets) = loaded?;
        ways_in.services.install(services);
        ways_in.services.limit(&config.servicebound.limits);
        ways_in.edges.install(edges);
        ways_in.edges.limit(&config.edgebound.limits);
        if let Some(way) = &ways_in.websockets {
            way.install(websockets, &config.edgebound.websocket);
        }
        Ok(())
    }

    /// Opens the observability port. A gateway without it still does its work, so a failure is only logged.
    async fn observe(&self, addr: &str) {
        let listener = TcpListener::bind(addr).await;
        match listener.and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((local, listener)) => {
                info!("observability server listening on {local}");
                self.serving.spawn(health::serve(listener, Arc::clone(&self.exchange), self.serving.clone()));
            }
            Err(error) => error!("observability server cannot listen on {addr}: {error}"),
        }
    }

    /// Runs the link of one edge over any byte stream, to its end. Dropping the future ends the link at once.
    pub fn serve_edge<S>(&self, io: S, peer: SocketAddr) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        Arc::clone(&self.edgebound).serve(io, Pass::free(peer), now(), close)
    }

    /// Runs the link of one service over any byte stream, to its end. Dropping the future ends the link at once.
    pub fn serve_service<S>(&self, io: S, peer: SocketAddr) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        Arc::clone(&self.servicebound).serve(io, Pass::free(peer), now(), close)
    }

    /// Edges and services that are online.
    #[must_use]
    pub fn online(&self) -> (usize, usize) {
        let links = |side| usize::try_from(self.exchange.metrics.side(side).links()).unwrap_or_default();
        (links(Side::Edge), links(Side::Service))
    }

    /// Whether anybody is online, or any connection is passed on to another server.
    fn is_busy(&self) -> bool {
        self.online() != (0, 0) || self.ways_in.as_ref().is_some_and(|ways_in| ways_in.edges.passed_on())
    }

    /// The records of who is online; `None` if this gateway has no ports.
    #[must_use]
    pub fn records(&self) -> Option<&Records> {
        self.exchange.records.as_ref()
    }

    /// The links: to look at, and to end.
    #[must_use]
    pub fn links(&self) -> Links {
        Links::new(Arc::clone(&self.exchange))
    }

    /// What stands in the tables of this gateway now: nothing is left of a link that has ended.
    #[must_use]
    pub fn tables(&self) -> Tables {
        self.exchange.directory.tables()
    }
}

fn listen_for_websockets(config: &config::WebSocket) -> Result<Listener, StartError> {
    let listener = Listener::bind(&config.listen.addr.to_string()).map_err(StartError::WebSocket)?;
    info!("edgebound websocket server listening on: {}", listener.local_addr());
    if config.allowed_origins.is_empty() {
        info!("no page can connect over WebSocket: edgebound.websocket.allowed_origins is empty");
    }
    Ok(listener)
}

fn random_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Reads the files that `config` names, certificates and keys, and has the clients of brokers look at what they are told, as
/// a start would; opens no port and connects to nobody. Blocks while it reads.
///
/// # Errors
/// One of them cannot be used: no gateway starts with this configuration.
pub fn check(config: &config::Config) -> Result<(), StartError> {
    Loaded::services(&config.servicebound)?;
    Loaded::edges(&config.edgebound)?;
    Loaded::websockets(&config.edgebound.websocket)?;
    control::load(&config.controlplane)?;
    Ok(bridges::check(&config.all_bridges())?)
}

/// Runs a gateway until SIGTERM or SIGINT, and then for at most `drain` and a few seconds longer. A second signal ends it at
/// once. SIGHUP reads the configuration again.
///
/// # Errors
/// When it cannot start.
pub async fn run(mut config: config::Config, drain: Duration, process: Arc<dyn Process>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let gateway = Gateway::start(&config).await?;
    let counted = Arc::clone(&process);
    gateway.exchange.metrics.count_lost_log_lines(move || counted.lost_log_lines());
    let stopped = loop {
        tokio::select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            _ = hangup.recv() => gateway.reread(&*process, &mut config).await,
        }
    };
    info!("{stopped} received, draining for at most {} s", drain.as_secs());
    tokio::select! {
        () = gateway.shutdown(drain) => {}
        _ = terminate.recv() => info!("second signal received, stopping at once"),
        _ = interrupt.recv() => info!("second signal received, stopping at once"),
    }
    info!("frontier ends");
    Ok(())
}
