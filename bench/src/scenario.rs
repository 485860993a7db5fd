//! What is measured: one file for each scenario.

pub(crate) mod call;
pub(crate) mod connect;
pub(crate) mod idle;
pub(crate) mod publish;
pub(crate) mod stream;

use anyhow::{Context, Result};
use sdk::{Edge, EdgeId, Service};

use crate::args::Gateway;
use crate::child::Process;
use crate::edges;

/// Edges here, a service that answers them in a process of its own.
struct EdgesHere {
    edges: Vec<Edge>,
    _service: Process,
}

impl EdgesHere {
    async fn start(gateway: &Gateway, count: u32) -> Result<Self> {
        let service = answering_service(gateway, false).await?;
        let edges = edges::connect(&gateway.edge_addr, count, |builder| builder).await?;
        Ok(Self { edges, _service: service })
    }
}

/// A service here, edges that answer it in a process of their own.
struct ServiceHere {
    service: Service,
    edges: Vec<EdgeId>,
    _edges: Process,
}

impl ServiceHere {
    async fn start(gateway: &Gateway, count: u32) -> Result<Self> {
        let args = ["edges", "--addr", &gateway.edge_addr, "--count", &count.to_string()];
        let edges = Process::start(args.map(str::to_owned).to_vec()).await?;
        let service = Service::builder(&gateway.service_addr).connect().await.context("the service cannot connect")?;
        Ok(Self { service, edges: edges.ready.edges.iter().copied().map(EdgeId).collect(), _edges: edges })
    }
}

/// A service in a process of its own, with hooks for coming and going edges if wanted.
async fn answering_service(gateway: &Gateway, hooks: bool) -> Result<Process> {
    let mut args = vec!["service".to_owned(), "--addr".to_owned(), gateway.service_addr.clone()];
    if hooks {
        args.push("--hooks".to_owned());
    }
    Process::start(args).await
}
