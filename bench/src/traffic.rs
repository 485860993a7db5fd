//! Calls and acknowledged messages in a closed loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use sdk::{Edge, EdgeId, Service};
use tokio::task::JoinSet;

use crate::args::{self, Direction};
use crate::latencies::Latencies;
use crate::load::{self, Load, Stop, alternate};
use crate::peer::{METHOD, Process, TOPIC};
use crate::progress::Progress;
use crate::reference::Reference;
use crate::report;
use crate::server::Server;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Publish,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Publish => "publish",
        }
    }
}

/// Bytes of a request with a payload of `size`, as the SDK sends it: header, session, and the JSON with its base64.
pub(crate) const fn frame_len(size: usize) -> usize {
    const AROUND: usize = 14 + 8 + 85;
    AROUND + size.div_ceil(3) * 4
}

/// Somebody who calls or publishes.
#[derive(Debug, Clone)]
enum Caller {
    Edge(Edge),
    Service(Service, EdgeId),
}

impl Caller {
    async fn once(&self, kind: Kind, payload: bytes::Bytes) -> Result<(), sdk::Error> {
        match (self, kind) {
            (Caller::Edge(edge), Kind::Call) => edge.call(METHOD, payload).await.map(drop),
            (Caller::Edge(edge), Kind::Publish) => edge.publish(TOPIC, payload).await,
            (Caller::Service(service, edge), Kind::Call) => service.call(*edge, METHOD, payload).await.map(drop),
            (Caller::Service(service, edge), Kind::Publish) => service.publish(*edge, payload).await,
        }
    }
}

/// The gateway under this traffic.
struct Traffic {
    kind: Kind,
    callers: Vec<Caller>,
    payload: bytes::Bytes,
    server: Option<Server>,
    /// Keeps the other side running.
    _peer: Process,
}

impl Load for Traffic {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        self.server
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let share = stop.share(self.callers.len());
        let mut running = JoinSet::new();
        for caller in &self.callers {
            let (caller, payload, kind) = (caller.clone(), self.payload.clone(), self.kind);
            running.spawn(keep_calling(caller, kind, payload, share, progress.counter()));
        }
        let mut all = Latencies::default();
        while let Some(ended) = running.join_next().await {
            all.add(&ended??);
        }
        Ok(all)
    }
}

async fn keep_calling(
    caller: Caller,
    kind: Kind,
    payload: bytes::Bytes,
    stop: Stop,
    counter: Arc<AtomicU64>,
) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut begun = 0;
    let mut now = Instant::now();
    while stop.allows(begun, now) {
        begun += 1;
        caller.once(kind, payload.clone()).await.with_context(|| format!("a {} failed", kind.name()))?;
        let after = Instant::now();
        latencies.record(after - now);
        counter.fetch_add(1, Ordering::Relaxed);
        now = after;
    }
    Ok(latencies)
}

async fn connect(kind: Kind, load: &args::Load) -> Result<Traffic> {
    let edges = load.edges.get();
    let mut callers = Vec::new();
    let peer = match load.direction {
        Direction::EdgeToService => {
            let peer = Process::start(&["service", "--addr", &load.gateway.service_addr]).await?;
            for _ in 0..edges {
                let edge = Edge::builder(&load.gateway.edge_addr).connect().await.context("an edge cannot connect")?;
                callers.push(Caller::Edge(edge));
            }
            peer
        }
        Direction::ServiceToEdge => {
            let count = edges.to_string();
            let peer = Process::start(&["edges", "--addr", &load.gateway.edge_addr, "--count", &count]).await?;
            let builder = Service::builder(&load.gateway.service_addr);
            let service = builder.connect().await.context("the service cannot connect")?;
            for id in peer.ready.split(',') {
                let id = EdgeId(id.parse().context("the peer names its edges by their ids")?);
                callers.push(Caller::Service(service.clone(), id));
            }
            peer
        }
    };
    let in_flight = load.in_flight.get() as usize;
    let callers = callers.iter().flat_map(|caller| std::iter::repeat_n(caller.clone(), in_flight)).collect();
    let payload = bytes::Bytes::from(vec![b'x'; load.size]);
    Ok(Traffic { kind, callers, payload, server: load.gateway.pid.map(Server), _peer: peer })
}

/// Measures calls or publishes, in turn with the reference if asked, and reports.
pub(crate) async fn measure(kind: Kind, load: &args::Load) -> Result<()> {
    let traffic = connect(kind, load).await?;
    let reference = match load.relay {
        true => Some(Reference::start(load.edges.get(), load.in_flight.get(), frame_len(load.size)).await?),
        false => None,
    };
    let pairs: Vec<load::Pair<Latencies>> = alternate(&load.run, traffic, reference).await?;
    report::traffic(kind, load, &pairs)
}
