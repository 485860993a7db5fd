//! Bytes through one stream, in either direction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sdk::{Edge, EdgeId, Service};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{EdgesHere, ServiceHere};
use crate::args::{self, Direction};
use crate::load::{Load, Pair, Stop, alternate};
use crate::peer::NAME;
use crate::progress::Progress;
use crate::relay::Reference;
use crate::report::{Report, StreamReport, Throughput, median};
use crate::server::Server;

/// Time for the other end to tell how much came.
const ANSWER: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: &args::Stream) -> Result<Report> {
    let pairs = match args.direction {
        Direction::EdgeToService => {
            let EdgesHere { mut edges, _service } = EdgesHere::start(&args.gateway, 1).await?;
            let edge = edges.pop().context("one edge was to connect, and none did")?;
            measure(args, Opener::Edge(edge)).await?
        }
        Direction::ServiceToEdge => {
            let ServiceHere { service, mut edges, _edges } = ServiceHere::start(&args.gateway, 1).await?;
            let edge = edges.pop().context("one edge was to connect, and none did")?;
            measure(args, Opener::Service(service, edge)).await?
        }
    };
    Ok(Report::Stream(report(args, &pairs)))
}

async fn measure(args: &args::Stream, opener: Opener) -> Result<Vec<Pair<u64>>> {
    let server = args.gateway.pid.map(Server);
    let write_size = args.write_size as usize;
    let relay = if args.relay {
        let reference = Reference::sink().await?;
        let server = Some(reference.relay.server());
        Some(Writer { opener: Opener::Relay(reference), server, write_size })
    } else {
        None
    };
    alternate(&args.run, Writer { opener, server, write_size }, relay).await
}

fn report(args: &args::Stream, pairs: &[Pair<u64>]) -> StreamReport {
    let relays = || pairs.iter().filter_map(|pair| pair.relay.as_ref());
    let rounds: Vec<_> = pairs.iter().map(|pair| Throughput::of([&pair.gateway])).collect();
    let relay_rounds: Vec<_> = relays().map(|round| Throughput::of([round])).collect();
    let ratios = rounds.iter().zip(&relay_rounds).map(|(gateway, relay)| gateway.mb_per_second / relay.mb_per_second);
    StreamReport {
        direction: args.direction,
        write_size: args.write_size,
        gateway: Throughput::of(pairs.iter().map(|pair| &pair.gateway)),
        relay: args.relay.then(|| Throughput::of(relays())),
        versus_relay: median(ratios),
        rounds,
        relay_rounds,
    }
}

/// Who opens what is written to.
enum Opener {
    Edge(Edge),
    Service(Service, EdgeId),
    Relay(Reference),
}

/// Writes to a fresh stream in each round.
struct Writer {
    opener: Opener,
    server: Option<Server>,
    write_size: usize,
}

impl Load for Writer {
    /// Bytes that came.
    type Done = u64;

    fn server(&self) -> Option<Server> {
        self.server
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<u64> {
        let (size, done) = (self.write_size, progress.counter());
        // A task of its own: the runtime's main thread would be woken over and over.
        let written = match &self.opener {
            Opener::Edge(edge) => {
                let stream = edge.open_stream(NAME).await.context("an edge cannot open a stream")?;
                tokio::spawn(async move { write(stream, size, stop, &done).await })
            }
            Opener::Service(service, edge) => {
                let stream = service.open_stream(*edge).await.context("a service cannot open a stream")?;
                tokio::spawn(async move { write(stream, size, stop, &done).await })
            }
            Opener::Relay(reference) => {
                let stream = reference.connect().await?;
                tokio::spawn(async move { write(stream, size, stop, &done).await })
            }
        };
        written.await.context("a writer panicked")?
    }
}

/// Writes until it is to stop; done when the other end has told that all of it came.
async fn write(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    write_size: usize,
    stop: Stop,
    done: &AtomicU64,
) -> Result<u64> {
    let data = vec![b'x'; write_size];
    let mut writes: u64 = 0;
    while stop.allows(writes, Instant::now()) {
        stream.write_all(&data).await.context("a stream cannot be written to")?;
        writes += 1;
        done.store(writes, Ordering::Relaxed);
    }
    stream.shutdown().await.context("the end of a stream cannot be told")?;
    let answer = tokio::time::timeout(ANSWER, stream.read_u64()).await;
    let came = answer.context("the other end of a stream does not say what came")?.context("a stream broke off")?;
    let sent = writes * write_size as u64;
    ensure!(came == sent, "{sent} bytes were written to a stream, {came} came");
    Ok(sent)
}
