//! Calls in a closed loop, in either direction.

use anyhow::Result;
use sdk::{Bytes, Edge, EdgeId, Service};

use super::{EdgesHere, ServiceHere, lean};
use crate::args::{Direction, Load};
use crate::callers::{Callers, Operation};
use crate::frame::{self, Kind};
use crate::measure::measure;
use crate::peer::METHOD;
use crate::report::{LoadReport, Report};
use crate::server::Server;

pub(crate) async fn run(load: &Load) -> Result<Report> {
    let report = if load.sdk { on_sdk(load).await } else { lean::run(load, Kind::Call).await };
    report.map(Report::Call)
}

async fn on_sdk(load: &Load) -> Result<LoadReport> {
    let payload = Bytes::from(frame::payload(load.size));
    let frame_bytes = frame::wire_len(Kind::Call, load.direction, load.size);
    let (count, in_flight, server) = (load.edges.get(), load.in_flight.get(), load.gateway.pid.map(Server));
    match load.direction {
        Direction::EdgeToService => {
            let EdgesHere { edges, _service } = EdgesHere::start(&load.gateway, count).await?;
            let call = |edge| EdgeCall { edge, payload: payload.clone() };
            measure(load, Callers::new(edges.into_iter().map(call), in_flight, server), frame_bytes).await
        }
        Direction::ServiceToEdge => {
            let ServiceHere { service, edges, _edges } = ServiceHere::start(&load.gateway, count).await?;
            let call = |edge| ServiceCall { service: service.clone(), edge, payload: payload.clone() };
            measure(load, Callers::new(edges.into_iter().map(call), in_flight, server), frame_bytes).await
        }
    }
}

struct EdgeCall {
    edge: Edge,
    payload: Bytes,
}

impl Operation for EdgeCall {
    async fn once(&self) -> Result<(), sdk::Error> {
        self.edge.call(METHOD, self.payload.clone()).await.map(drop)
    }
}

struct ServiceCall {
    service: Service,
    edge: EdgeId,
    payload: Bytes,
}

impl Operation for ServiceCall {
    async fn once(&self) -> Result<(), sdk::Error> {
        self.service.call(self.edge, METHOD, self.payload.clone()).await.map(drop)
    }
}
