//! Messages of edges to bridges: which of services and bridges get one, and the way back of a bridge's answer.

use std::sync::Arc;

use bridges::{Answer, GivenUp, Route};
use proto::id::ServiceId;

use super::{Exchange, ReplyTo, RouteError};
use crate::directory::{Service, weight};
use crate::metrics::Outcome;

/// The bridges of a gateway.
pub(crate) type Bridges = bridges::Bridges<BridgeReply>;

/// One of them.
pub(crate) type BridgeHandle = bridges::BridgeHandle<BridgeReply>;

/// Who gets a message: a service, bridges, or both.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(crate) service: Option<Arc<Service>>,
    /// Places among all bridges; none without any.
    pub(crate) bridges: Option<Arc<[usize]>>,
}

impl Exchange {
    /// Who gets a message on `topic`. First those that take it by name or pattern; if there is none, those that take what
    /// nobody else does. Of services and bridges with `delivery: one` one is chosen by `key`; bridges with `delivery: all` get it
    /// in any case.
    pub(crate) fn targets(&self, topic: &str, key: u64) -> Option<Targets> {
        let services = &self.directory.services;
        let Some(bridges) = &self.bridges else {
            return services.for_topic(topic, key).map(|service| Targets { service: Some(service), bridges: None });
        };
        let (service, route) = (services.taking(topic, key), bridges.route(topic));
        if service.is_some() || !route.is_empty() {
            return Some(self.choose(bridges, service, route, key));
        }
        let (service, route) = (services.fallback(key), bridges.fallback());
        (service.is_some() || !route.is_empty()).then(|| self.choose(bridges, service, route, key))
    }

    fn choose(&self, bridges: &Bridges, service: Option<Arc<Service>>, route: Route, key: u64) -> Targets {
        let Route { mut all, one } = route;
        let of_service = service.as_ref().map(|service| weight(key, service.id));
        let weighed = one.into_iter().map(|at| (weight(key, stand_in(bridges.handles()[at].name())), at));
        let service = match weighed.max() {
            Some((of_bridge, at)) if of_service.is_none_or(|of_service| of_bridge > of_service) => {
                all.push(at);
                None
            }
            _ => service,
        };
        Targets { service, bridges: (!all.is_empty()).then(|| all.into()) }
    }

    /// A bridge without which the gateway does not count as ready, and which is not up.
    pub(crate) fn missing_bridge(&self) -> Option<&str> {
        let handles = self.bridges.as_ref()?.handles();
        handles.iter().find(|bridge| bridge.is_needed_for_ready() && !bridge.is_up()).map(|bridge| bridge.name())
    }
}

/// A bridge stands among services by a number made of its name (FNV-1a), the same on every gateway and after every start.
fn stand_in(name: &str) -> ServiceId {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    ServiceId(name.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Owes an edge the answer of a bridge. Dropping it answers `force closed`.
#[derive(Debug)]
pub(crate) struct BridgeReply {
    pub(crate) reply: ReplyTo,
    /// What the edge is told first when its deadline passes.
    pub(crate) on_expiry: RouteError,
}

impl Answer for BridgeReply {
    fn answer(self, outcome: Result<(), GivenUp>) {
        let reply = self.reply;
        match outcome {
            Ok(()) => reply.ack(""),
            Err(GivenUp::Congested) => reply.fail(RouteError::Congested),
            Err(GivenUp::Closing) => reply.fail(RouteError::ShuttingDown),
            Err(GivenUp::Expired { cause }) => {
                reply.decline(Outcome::Timeout, format!("{}: {cause}", self.on_expiry.text()));
            }
            Err(other) => reply.decline(Outcome::Rejected, other.to_string()),
        }
    }
}
