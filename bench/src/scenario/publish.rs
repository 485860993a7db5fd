//! Acknowledged messages in a closed loop, in either direction.

use anyhow::Result;
use sdk::{Bytes, Edge, EdgeId, Service};

use super::{EdgesHere, ServiceHere};
use crate::args::{Direction, Load};
use crate::callers::Operation;
use crate::frame;
use crate::measure::measure;
use crate::peer::TOPIC;
use crate::report::Report;

pub(crate) async fn run(load: &Load) -> Result<Report> {
    let payload = Bytes::from(vec![b'x'; load.size]);
    let frame_bytes = frame::message(load.direction, TOPIC, &payload);
    let count = load.edges.get();
    let report = match load.direction {
        Direction::EdgeToService => {
            let EdgesHere { edges, _service } = EdgesHere::start(&load.gateway, count).await?;
            let publish = |edge| EdgeMessage { edge, payload: payload.clone() };
            measure(load, edges.into_iter().map(publish), frame_bytes).await
        }
        Direction::ServiceToEdge => {
            let ServiceHere { service, edges, _edges } = ServiceHere::start(&load.gateway, count).await?;
            let publish = |edge| ServiceMessage { service: service.clone(), edge, payload: payload.clone() };
            measure(load, edges.into_iter().map(publish), frame_bytes).await
        }
    };
    report.map(Report::Publish)
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
