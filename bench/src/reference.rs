//! The reference: ping-pong of frames of the same size through a plain TCP relay, with an echo behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::latencies::Latencies;
use crate::load::{Load, Stop};
use crate::peer::Process;
use crate::progress::Progress;
use crate::server::Server;

/// Connections through the relay, each with so many frames under way.
pub(crate) struct Reference {
    streams: Vec<TcpStream>,
    in_flight: usize,
    frame_len: usize,
    relay: Process,
    _echo: Process,
}

impl Reference {
    /// Starts echo and relay, and connects.
    pub(crate) async fn start(connections: u32, in_flight: u32, frame_len: usize) -> Result<Self> {
        let echo = Process::start(&["echo"]).await?;
        let relay = Process::start(&["relay", "--upstream", &echo.ready]).await?;
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(&relay.ready).await.context("the relay takes no connection")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(Self { streams, in_flight: in_flight as usize, frame_len, relay, _echo: echo })
    }
}

impl Load for Reference {
    type Done = Latencies;

    fn server(&self) -> Option<Server> {
        self.relay.id().map(Server)
    }

    async fn run(&mut self, stop: Stop, progress: &Progress) -> Result<Latencies> {
        let share = stop.share(self.streams.len());
        let mut running = JoinSet::new();
        for stream in self.streams.drain(..) {
            running.spawn(ping_pong(stream, self.in_flight, self.frame_len, share, progress.counter()));
        }
        let mut all = Latencies::default();
        while let Some(ended) = running.join_next().await {
            let (stream, latencies) = ended??;
            self.streams.push(stream);
            all.add(&latencies);
        }
        Ok(all)
    }
}

async fn ping_pong(
    mut stream: TcpStream,
    in_flight: usize,
    frame_len: usize,
    stop: Stop,
    counter: Arc<AtomicU64>,
) -> Result<(TcpStream, Latencies)> {
    let mut latencies = Latencies::default();
    let frames = vec![b'x'; frame_len * in_flight];
    let mut buffer = vec![0; frames.len()];
    let mut sent = VecDeque::new();
    let mut have = 0;
    let mut begun = in_flight as u64;
    stream.write_all(&frames).await?;
    sent.extend(std::iter::repeat_n(Instant::now(), in_flight));
    while !sent.is_empty() {
        let read = stream.read(&mut buffer[have..]).await?;
        anyhow::ensure!(read > 0, "the relay closed a connection");
        have += read;
        let now = Instant::now();
        let whole = have / frame_len;
        have %= frame_len;
        for sent in sent.drain(..whole) {
            latencies.record(now - sent);
        }
        counter.fetch_add(whole as u64, Ordering::Relaxed);
        let more = (0..whole as u64).take_while(|more| stop.allows(begun + more, now)).count();
        if more > 0 {
            begun += more as u64;
            stream.write_all(&frames[..more * frame_len]).await?;
            sent.extend(std::iter::repeat_n(Instant::now(), more));
        }
    }
    Ok((stream, latencies))
}
