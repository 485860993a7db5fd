//! Acknowledged messages in a closed loop, in either direction.

use anyhow::Result;
use sdk::{Bytes, Edge, EdgeId, Service};

use super::{EdgesHere, ServiceHere, lean};
use crate::args::{Direction, Load};
use crate::callers::{Callers, Operation};
use crate::frame::{self, Kind};
use crate::measure::measure;
use crate::peer::TOPIC;
use crate::report::{LoadReport, Report};
use crate::server::Server;

pub(crate) async fn run(load: &Load) -> Result<Report> {
    let report = if load.sdk { on_sdk(load).await } else { lean::run(load, Kind::Publish).await };
    report.map(Report::Publish)
}

async fn on_sdk(load: &Load) -> Result<LoadReport> {
    let payload = Bytes::from(frame::payload(load.size));
    let frame_bytes = frame::wire_len(Kind::Publish, load.direction, load.size);
    let (count, in_flight, server) = (load.edges.get(), load.in_flight.get(), load.gateway.pid.map(Server));
    match load.direction {
        Direction::EdgeToService => {
            let EdgesHere { edges, _service } = EdgesHere::start(&load.gateway, count).await?;
            let publish = |edge| EdgeMessage { edge, payload: payload.clone() };
            measure(load, Callers::new(edges.into_iter().map(publish), in_flight, server), frame_bytes).await
        }
        Direction::ServiceToEdge => {
            let ServiceHere { service, edges, _edges } = ServiceHere::start(&load.gateway, count).await?;
            let publish = |edge| ServiceMessage { service: service.clone(), edge, payload: payload.clone() };
            measure(load, Callers::new(edges.into_iter().map(publish), in_flight, server), frame_bytes).await
        }
    }
}

struct EdgeMessage {
    edge: Edge,
    payload: Bytes,
}

impl Operation for EdgeMessage {
    async fn once(&self) -> Result<(), sdk::Error> {
        self.edge.publish(TOPIC, self.payload.clone()).await
    }
}

struct ServiceMessage {
    service: Service,
    edge: EdgeId,
    payload: Bytes,
}

impl Operation for ServiceMessage {
    async fn once(&self) -> Result<(), sdk::Error> {
        self.service.publish(self.edge, self.payload.clone()).topic(TOPIC).await
    }
}
