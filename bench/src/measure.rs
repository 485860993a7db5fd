//! Calls and messages have this in common: callers on the gateway, and frames through the relay beside them.

use anyhow::Result;

use crate::args::Load;
use crate::latencies::Latencies;
use crate::load::{self, alternate};
use crate::ping_pong::{PingPong, Shape};
use crate::report::{Compared, LoadReport, Peers};
use crate::server::Server;

/// Runs all rounds of `callers`.
pub(crate) async fn measure(
    load: &Load,
    callers: impl load::Load<Done = Latencies>,
    frame_bytes: usize,
) -> Result<LoadReport> {
    let Load { direction, edges, in_flight, size, .. } = *load;
    let server = load.gateway.pid.map(Server);
    let relay = match load.relay {
        true => {
            let shape = Shape { frame: frame_bytes, in_flight: in_flight.get() as usize };
            Some(PingPong::connect(edges.get(), shape).await?)
        }
        false => None,
    };
    let pairs = alternate(&load.run, callers, relay).await?;
    let Compared { gateway, relay, versus_relay, rounds, relay_rounds } = Compared::of(&pairs);
    Ok(LoadReport {
        peers: if load.sdk { Peers::Sdk } else { Peers::Lean },
        direction,
        edges: edges.get(),
        in_flight: in_flight.get(),
        size,
        frame_bytes,
        gateway,
        relay,
        versus_relay,
        rounds,
        relay_rounds,
        memory: server.map(Server::memory).transpose()?,
    })
}
