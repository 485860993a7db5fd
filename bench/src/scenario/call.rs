//! Calls in a closed loop, in either direction.

use anyhow::Result;
use sdk::{Bytes, Edge, EdgeId, Service};

use super::{EdgesHere, ServiceHere};
use crate::args::{Direction, Load};
use crate::callers::Operation;
use crate::frame;
use crate::measure::measure;
use crate::peer::METHOD;
use crate::report::Report;

pub(crate) async fn run(load: &Load) -> Result<Report> {
    let payload = Bytes::from(vec![b'x'; load.size]);
    let frame_bytes = frame::call(load.direction, METHOD, &payload);
    let count = load.edges.get();
    let report = match load.direction {
        Direction::EdgeToService => {
            let EdgesHere { edges, _service } = EdgesHere::start(&load.gateway, count).await?;
            measure(load, edges.into_iter().map(|edge| EdgeCall { edge, payload: payload.clone() }), frame_bytes).await
        }
        Direction::ServiceToEdge => {
            let ServiceHere { service, edges, _edges } = ServiceHere::start(&load.gateway, count).await?;
            let call = |edge| ServiceCall { service: service.clone(), edge, payload: payload.clone() };
            measure(load, edges.into_iter().map(call), frame_bytes).await
        }
    };
    report.map(Report::Call)
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
