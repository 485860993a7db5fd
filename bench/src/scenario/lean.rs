//! Calls or messages between lean peers.

use std::ffi::OsString;

use anyhow::{Result, ensure};
use proto::id::EdgeId;

use crate::args::{Direction, Load, Over};
use crate::child::Process;
use crate::frame::Kind;
use crate::lean::{self, Callers, LONGEST_SILENCE, Link, Requests, Target, target};
use crate::measure::measure;
use crate::report::LoadReport;
use crate::server::Server;

/// Most bytes under way at once, all links together.
const UNDER_WAY: usize = 256 * 1024 * 1024;

pub(super) async fn run(load: &Load, kind: Kind) -> Result<LoadReport> {
    let over = load.gateway.over();
    ensure!(over == Over::Tcp, "edges over {} are the SDK's: add --sdk", over.name());
    ensure!(
        load.run.seconds.max(load.run.warm_up) <= LONGEST_SILENCE,
        "a round takes {LONGEST_SILENCE:?} at most, as links are silent in the relay's: lower --seconds, or add --sdk"
    );
    let (edges, in_flight) = (load.edges.get() as usize, load.in_flight.get() as usize);
    let requests = Requests::new(kind, load.direction, load.size)?;
    let bytes = requests.wire_len().saturating_mul(in_flight).saturating_mul(edges);
    ensure!(bytes <= UNDER_WAY, "{bytes} bytes would be under way, {UNDER_WAY} at most: lower --size or --in-flight");
    // Dropped at the end: callers leave before those who answer them.
    let Sides { links, targets, _answering } = Sides::start(load).await?;
    let server = load.gateway.pid.map(Server);
    let mut callers = Callers::new(links, &requests, in_flight, &targets, server);
    let report = measure(load, &mut callers, requests.wire_len()).await?;
    callers.leave().await;
    Ok(report)
}

/// Links here that call, and a process whose links answer.
struct Sides {
    links: Vec<Link>,
    /// The edges that a service calls.
    targets: Vec<Target>,
    _answering: Process,
}

impl Sides {
    async fn start(load: &Load) -> Result<Self> {
        let (gateway, edges) = (&load.gateway, load.edges.get());
        Ok(match load.direction {
            Direction::EdgeToService => {
                let args = ["lean-service", "--addr", &gateway.service_addr].map(OsString::from);
                let answering = Process::start(args.to_vec()).await?;
                Self {
                    links: lean::edges(&gateway.edge_addr, edges).await?,
                    targets: Vec::new(),
                    _answering: answering,
                }
            }
            Direction::ServiceToEdge => {
                let count = edges.to_string();
                let args = ["lean-edges", "--addr", &gateway.edge_addr, "--count", &count].map(OsString::from);
                let answering = Process::start(args.to_vec()).await?;
                let targets = answering.ready.edges.iter().map(|edge| target(EdgeId(*edge))).collect();
                Self { links: vec![lean::service(&gateway.service_addr, &[]).await?], targets, _answering: answering }
            }
        })
    }
}
