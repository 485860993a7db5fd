//! The load for the relay: frames that go through it and come back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::latencies::Latencies;
use crate::load::{Load, Stop};
use crate::progress::Progress;
use crate::relay::Reference;
use crate::server::Server;

/// Bytes under way on one connection at most: what the sockets between hold for sure, as nobody reads while it writes.
const UNDER_WAY: usize = 128 * 1024;

/// Connections through a relay, each with some frames under way.
///
/// What has come back together goes out together, in one write: nobody could use a relay for less.
#[derive(Debug)]
pub(crate) struct PingPong {
    reference: Reference,
    connections: Vec<TcpStream>,
    shape: Shape,
}

/// What goes over a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Bytes of a frame.
    pub(crate) frame: usize,
    /// Frames under way at once.
    pub(crate) in_flight: usize,
}

impl PingPong {
    pub(crate) async fn connect(connections: u32, shape: Shape) -> Result<Self> {
        let bytes = shape.frame.saturating_mul(shape.in_flight);
        ensure!(
            bytes <= UNDER_WAY,
            "--relay cannot have {bytes} bytes under way on a connection, {UNDER_WAY} at most: lower --size or --in-flight"
        );
        let reference = Reference::echo().await?;
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(reference.connect().await?);
        }
        Ok(Self { reference, connections: streams, shape })
    }
}

impl Load for PingPong {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        Some(self.reference.relay.server())
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let stop = stop.share(self.connections.len());
        let mut running = JoinSet::new();
        for mut stream in self.connections.drain(..) {
            let (shape, done) = (self.shape, progress.counter());
            running.spawn(async move {
                let latencies = exchange(&mut stream, shape, stop, &done).await?;
                anyhow::Ok((stream, latencies))
            });
        }
        let mut all = Latencies::default();
        while let Some(joined) = running.join_next().await {
            let (stream, latencies) = joined.context("a connection's task panicked")??;
            self.connections.push(stream);
            all.add(&latencies);
        }
        Ok(all)
    }
}

async fn exchange(stream: &mut TcpStream, shape: Shape, stop: Stop, done: &AtomicU64) -> Result<Latencies> {
    let output = vec![b'x'; shape.frame * shape.in_flight];
    let mut input = vec![0; shape.frame * shape.in_flight];
    let mut latencies = Latencies::default();
    let mut sent = VecDeque::new();
    let (mut begun, mut partial, mut room) = (0, 0, shape.in_flight);
    loop {
        let now = Instant::now();
        let frames = (0..room).take_while(|more| stop.allows(begun + *more as u64, now)).count();
        if frames > 0 {
            stream.write_all(&output[..frames * shape.frame]).await?;
            sent.extend(std::iter::repeat_n(now, frames));
            begun += frames as u64;
        }
        if sent.is_empty() {
            return Ok(latencies);
        }
        let read = stream.read(&mut input).await?;
        ensure!(read > 0, "the plain relay closed a connection");
        room = (partial + read) / shape.frame;
        partial = (partial + read) % shape.frame;
        let now = Instant::now();
        for sent in sent.drain(..room) {
            latencies.record(now - sent);
        }
        done.fetch_add(room as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pair of connected sockets, the far end echoing in pieces of five bytes.
    async fn echoing() -> TcpStream {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut piece = [0; 5];
            while let Ok(len @ 1..) = far.read(&mut piece).await {
                far.write_all(&piece[..len]).await.unwrap();
            }
        });
        near
    }

    #[tokio::test]
    async fn every_frame_counts_once_however_the_bytes_come() {
        let mut stream = echoing().await;
        let done = AtomicU64::new(0);
        let shape = Shape { frame: 12, in_flight: 3 };
        let latencies = exchange(&mut stream, shape, Stop::After(10), &done).await.unwrap();
        assert_eq!((latencies.count(), done.into_inner()), (10, 10));
    }
}
