//! Bytes through one stream.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sdk::{Edge, EdgeId, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::args::{self, Direction};
use crate::peer::{Process, SERVICE};
use crate::report::{self, StreamReport};
use crate::server::Server;

/// Measures how many bytes a second one stream carries, our SDK at both ends.
pub(crate) async fn measure(args: &args::Stream) -> Result<()> {
    let server = args.gateway.pid.map(Server);
    let (mut stream, _keep) = open(args).await?;
    let chunk = vec![7_u8; args.write_size as usize];
    let cpu_before = server.map(Server::cpu).transpose()?;
    let begin = Instant::now();
    let mut written = 0_u64;
    while begin.elapsed() < args.run.seconds {
        stream.write_all(&chunk).await.context("the stream takes no more")?;
        written += chunk.len() as u64;
    }
    stream.shutdown().await.context("the end of the stream cannot be said")?;
    let mut sum = [0; 8];
    stream.read_exact(&mut sum).await.context("the reader does not say how much came")?;
    let elapsed = begin.elapsed();
    ensure!(u64::from_be_bytes(sum) == written, "{written} bytes were written, {} came", u64::from_be_bytes(sum));
    let cpu = server.map(Server::cpu).transpose()?.zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    let gigabytes = written as f64 / 1e9;
    report::stream(
        args,
        &StreamReport {
            write_size: args.write_size,
            megabytes_per_second: written as f64 / 1e6 / elapsed.as_secs_f64(),
            cpu_seconds_per_gigabyte: cpu.map(|cpu| cpu.as_secs_f64() / gigabytes),
        },
    )
}

/// What must live as long as the stream.
type Keep = (Process, Option<Edge>, Option<Service>);

async fn open(args: &args::Stream) -> Result<(sdk::Stream, Keep)> {
    match args.direction {
        Direction::EdgeToService => {
            let peer = Process::start(&["service", "--addr", &args.gateway.service_addr]).await?;
            let edge = Edge::builder(&args.gateway.edge_addr).connect().await.context("the edge cannot connect")?;
            let stream = edge.open_stream(SERVICE).await.context("the stream cannot be opened")?;
            Ok((stream, (peer, Some(edge), None)))
        }
        Direction::ServiceToEdge => {
            let peer = Process::start(&["edges", "--addr", &args.gateway.edge_addr, "--count", "1"]).await?;
            let service =
                Service::builder(&args.gateway.service_addr).connect().await.context("the service cannot connect")?;
            let edge = EdgeId(peer.ready.parse().context("the peer names its edge by its id")?);
            let stream = service.open_stream(edge).await.context("the stream cannot be opened")?;
            Ok((stream, (peer, None, Some(service))))
        }
    }
}
