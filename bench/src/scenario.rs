//! What is measured: one file for each scenario.

#[cfg(feature = "brokers")]
pub(crate) mod bridge;
pub(crate) mod call;
pub(crate) mod connect;
pub(crate) mod control;
pub(crate) mod idle;
mod lean;
pub(crate) mod publish;
pub(crate) mod stream;

use std::ffi::OsString;

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
        let edges = edges::connect(&gateway.edge_addr, &gateway.edge_tls, count, |builder| builder).await?;
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
        let mut args =
            ["edges", "--addr", &gateway.edge_addr, "--count", &count.to_string()].map(OsString::from).to_vec();
        args.extend(gateway.edge_tls.arguments());
        let edges = Process::start(args).await?;
        let service = Service::builder(&gateway.service_addr).connect().await.context("the service cannot connect")?;
        Ok(Self { service, edges: edges.ready.edges.iter().copied().map(EdgeId).collect(), _edges: edges })
    }
}

/// A service in a process of its own, with hooks for coming and going edges if wanted.
async fn answering_service(gateway: &Gateway, hooks: bool) -> Result<Process> {
    let mut args = ["service", "--addr", &gateway.service_addr].map(OsString::from).to_vec();
    if hooks {
        args.push("--hooks".into());
    }
    Process::start(args).await
}
