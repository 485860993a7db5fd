//! Reaches a TCP port behind an edge: each connection to a port of the service's machine becomes a stream to the edge, which
//! connects to its target.
//!
//! ```text
//! tcp_forward edge --target 127.0.0.1:22              # on the machine that nobody can dial; says its edge id
//! tcp_forward service --edge ID --listen 127.0.0.1:2222     # where it is wanted
//! ssh -p 2222 127.0.0.1
//! ```
//!
//! Only the edge decides what can be reached through it.

mod join;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use frontier_examples::asked_to_end;
use sdk::{Edge, EdgeId, Error, Service, Stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::join::join;

/// Most connections at a time; further ones wait.
const CONNECTIONS: usize = 1024;

/// Time for the target to accept a connection.
const DIAL: Duration = Duration::from_secs(10);

/// Reaches a TCP port behind an edge.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    side: Side,
}

#[derive(Debug, Subcommand)]
enum Side {
    /// Run beside what is to be reached
    Edge {
        /// Where the gateway takes edges
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30012")]
        address: String,
        /// What the edge says about itself
        #[arg(long, default_value = "tcp_forward")]
        meta: String,
        /// What is to be reached
        #[arg(long, value_name = "HOST:PORT")]
        target: String,
    },
    /// Run where it is to be reached from
    Service {
        /// Where the gateway takes services
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30011")]
        address: String,
        /// Id of the edge
        #[arg(long, value_name = "ID")]
        edge: u64,
        /// Port to listen on
        #[arg(long, value_name = "IP:PORT")]
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ending = asked_to_end()?;
    let forward = async {
        match Args::parse().side {
            Side::Edge { address, meta, target } => run_edge(&address, meta, target.into()).await,
            Side::Service { address, edge, listen } => run_service(&address, EdgeId(edge), listen).await,
        }
    };
    tokio::select! {
        failed = forward => failed,
        () = ending => Ok(()),
    }
}

/// Connects each stream that comes to the target.
async fn run_edge(address: &str, meta: String, target: Arc<str>) -> anyhow::Result<()> {
    let edge = Edge::builder(address).meta(meta).connect().await.context("cannot join the gateway")?;
    println!("edge {} forwards to {target}", edge.id());
    let mut connections = Connections::default();
    loop {
        let stream = edge.accept_stream().await?;
        let target = Arc::clone(&target);
        connections
            .add(async move {
                match dial(&target).await {
                    Ok(tcp) => join(tcp, stream).await,
                    Err(error) => {
                        let reason = format!("cannot connect to {target}: {error}");
                        stream.abort(&reason);
                        Err(reason)
                    }
                }
            })
            .await;
    }
}

async fn dial(target: &str) -> std::io::Result<TcpStream> {
    let tcp = tokio::time::timeout(DIAL, TcpStream::connect(target)).await??;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// Opens a stream for each connection that comes.
async fn run_service(address: &str, edge: EdgeId, listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let service = Service::builder(address).name("tcp_forward").connect().await.context("cannot join the gateway")?;
    println!("{} leads to edge {edge}", listener.local_addr()?);
    let mut connections = Connections::default();
    loop {
        let (tcp, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, for example: the next try comes when there may be some again.
                eprintln!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = service.clone();
        connections
            .add(async move {
                let stream = open(&service, edge).await.map_err(|error| {
                    // A reset tells the client that this is no end in order.
                    let _ = tcp.set_zero_linger();
                    format!("edge {edge} takes no stream: {error}")
                })?;
                join(tcp, stream).await
            })
            .await;
    }
}

async fn open(service: &Service, edge: EdgeId) -> Result<Stream, Error> {
    service.open_stream(edge).await
}

/// Connections under way. Dropping it ends them all.
#[derive(Debug)]
struct Connections {
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Default for Connections {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(CONNECTIONS)), tasks: JoinSet::new() }
    }
}

impl Connections {
    /// Lets one run, as soon as there is room.
    async fn add(&mut self, connection: impl Future<Output = Result<(), String>> + Send + 'static) {
        let place = Arc::clone(&self.room).acquire_owned().await;
        self.tasks.spawn(async move {
            let _place = place;
            if let Err(reason) = connection.await {
                eprintln!("a connection was cut: {reason}");
            }
        });
        while self.tasks.try_join_next().is_some() {}
    }
}
