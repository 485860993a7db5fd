//! Acknowledged messages of edges through a bridge to a broker, in turn with a bare client of that broker.

use std::num::NonZeroU32;

use anyhow::{Context, Result};

use crate::args::{AtBroker, Bridge, Direction, Run, Target};
use crate::bare::{self, Bare, Client};
use crate::frame::Kind;
use crate::lean::{self, Callers, Requests};
use crate::load::alternate;
use crate::report::{Beside, BridgeReport, Report, median};
use crate::server::Server;

/// Rounds at half load.
const HALF_ROUNDS: NonZeroU32 = NonZeroU32::MIN;

pub(crate) async fn run(bridge: &Bridge) -> Result<Report> {
    match bridge.at.target {
        Target::Kafka => beside::<bare::Kafka>(bridge).await,
        Target::Rabbitmq => beside::<bare::Rabbitmq>(bridge).await,
        Target::Nats => beside::<bare::Nats>(bridge).await,
        Target::Jetstream => beside::<bare::JetStream>(bridge).await,
        Target::Mqtt => beside::<bare::Mqtt>(bridge).await,
        Target::Redis => beside::<bare::Redis>(bridge).await,
    }
    .map(|report| Report::Bridge(Box::new(report)))
}

/// Prepares the broker, and prints what the gateway has to be told.
pub(crate) async fn config(at: &AtBroker) -> Result<()> {
    match at.target {
        Target::Kafka => configured::<bare::Kafka>(&at.broker).await,
        Target::Rabbitmq => configured::<bare::Rabbitmq>(&at.broker).await,
        Target::Nats => configured::<bare::Nats>(&at.broker).await,
        Target::Jetstream => configured::<bare::JetStream>(&at.broker).await,
        Target::Mqtt => configured::<bare::Mqtt>(&at.broker).await,
        Target::Redis => configured::<bare::Redis>(&at.broker).await,
    }
}

async fn configured<C: Client>(broker: &str) -> Result<()> {
    C::prepare(broker).await?;
    println!("bridges:\n  - name: bench\n    topics: [{}]\n    {}", crate::peer::TOPIC, C::section(broker));
    Ok(())
}

async fn beside<C: Client>(bridge: &Bridge) -> Result<BridgeReport> {
    let Bridge { at, edges, in_flight, size, .. } = bridge;
    let server = bridge.pid.map(Server);
    let requests = Requests::new(Kind::Publish, Direction::EdgeToService, *size)?;
    let links = lean::edges(&bridge.edge_addr, edges.get()).await?;
    let in_flight = in_flight.get() as usize;
    let mut callers = Callers::new(links, &requests, in_flight, &[], server);
    let mut bare = Bare::<C>::connect(&at.broker, *size, in_flight * edges.get() as usize).await?;

    let full = Beside::of(&alternate(&bridge.run, &mut callers, Some(&mut bare)).await?);
    let full = full.context("there was no round")?;
    let rate = median(full.rounds.iter().map(|round| round.per_second)).context("there was no round")?;
    let half_per_second = rate / 2.0;
    callers.keep_pace(half_per_second);
    bare.keep_pace(half_per_second);
    // As long as it takes: a number of operations would be a length of its own.
    let run = Run { count: None, rounds: HALF_ROUNDS, ..bridge.run.clone() };
    let half = Beside::of(&alternate(&run, &mut callers, Some(&mut bare)).await?).context("there was no round")?;
    callers.leave().await;
    Ok(BridgeReport {
        target: at.target,
        version: bridge.version.clone(),
        settings: C::SETTINGS.to_owned(),
        edges: edges.get(),
        in_flight: bridge.in_flight.get(),
        size: *size,
        full,
        half,
        half_per_second,
        memory: server.map(Server::memory).transpose()?,
    })
}
