//! Processes of their own for the other side: this program, started again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use sdk::{Edge, EdgeId, Service};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::args::Peer;

/// What the other side offers.
pub(crate) const METHOD: &str = "echo";
pub(crate) const TOPIC: &str = "bench";
pub(crate) const SERVICE: &str = "bench";

/// A running peer. It ends when this is dropped, as its standard input closes.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// What it said when it was ready: its address, or the ids of its edges.
    pub(crate) ready: String,
}

impl Process {
    /// Starts this program as a peer and waits until it is ready.
    pub(crate) async fn start(args: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let mut child = Command::new(program)
            .arg("peer")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the peer cannot be started")?;
        let stdout = child.stdout.take().context("the peer has no standard output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready).await?;
        match ready.trim().strip_prefix("ready ") {
            Some(ready) => Ok(Self { child, ready: ready.to_owned() }),
            None => bail!("the peer `{}` did not get ready", args.join(" ")),
        }
    }

    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Runs as a peer until the standard input ends.
pub(crate) async fn run(peer: Peer) -> Result<()> {
    match peer {
        Peer::Service { addr, hooks } => {
            let _service = service(&addr, hooks).await?;
            ready("service").await
        }
        Peer::Edges { addr, count } => {
            let mut edges = Vec::new();
            for _ in 0..count {
                edges.push(edge(&addr).await?);
            }
            let ids: Vec<String> = edges.iter().map(|edge| edge.id().to_string()).collect();
            ready(&ids.join(",")).await
        }
        Peer::Relay { upstream } => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let addr = listener.local_addr()?;
            tokio::spawn(relay(listener, upstream));
            ready(&addr.to_string()).await
        }
        Peer::Echo => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let addr = listener.local_addr()?;
            tokio::spawn(echo(listener));
            ready(&addr.to_string()).await
        }
    }
}

async fn ready(what: &str) -> Result<()> {
    println!("ready {what}");
    let mut nothing = Vec::new();
    tokio::io::stdin().read_to_end(&mut nothing).await?;
    Ok(())
}

/// A service that echoes calls, acknowledges messages, swallows streams and, with `hooks`, gives out ids.
async fn service(addr: &str, hooks: bool) -> Result<Service> {
    let mut builder = Service::builder(addr)
        .name(SERVICE)
        .topics([TOPIC])
        .handle_now(METHOD, |request| Ok::<_, Infallible>(request.payload));
    if hooks {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        builder = builder
            .on_get_edge_id(async |_meta| Ok::<_, Infallible>(EdgeId(NEXT.fetch_add(1, Ordering::Relaxed))))
            .on_edge_online(async |_presence| Ok::<_, Infallible>(()))
            .on_edge_offline(async |_presence| Ok::<_, Infallible>(()));
    }
    let service = builder.connect().await.context("the service cannot connect")?;
    let receiving = service.clone();
    tokio::spawn(async move {
        while let Ok(message) = receiving.receive().await {
            message.ack();
        }
    });
    let accepting = service.clone();
    tokio::spawn(async move {
        while let Ok(stream) = accepting.accept_stream().await {
            tokio::spawn(swallow(stream));
        }
    });
    Ok(service)
}

/// An edge that echoes calls and acknowledges messages.
async fn edge(addr: &str) -> Result<Edge> {
    let edge = Edge::builder(addr)
        .handle_now(METHOD, |request| Ok::<_, Infallible>(request.payload))
        .connect()
        .await
        .context("an edge cannot connect")?;
    let receiving = edge.clone();
    tokio::spawn(async move {
        while let Ok(message) = receiving.receive().await {
            message.ack();
        }
    });
    let accepting = edge.clone();
    tokio::spawn(async move {
        while let Ok(stream) = accepting.accept_stream().await {
            tokio::spawn(swallow(stream));
        }
    });
    Ok(edge)
}

/// Reads a stream to its end and answers with how much came, as 8 bytes.
async fn swallow(mut stream: sdk::Stream) {
    let mut buffer = vec![0; 256 * 1024];
    let mut sum = 0_u64;
    while let Ok(read) = stream.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        sum += read as u64;
    }
    // A writer that is gone wants no answer.
    let _ = stream.write_all(&sum.to_be_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The plain relay: what two hops of TCP cost if nothing is done in between.
async fn relay(listener: TcpListener, upstream: SocketAddr) {
    while let Ok((mut inner, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut outer) = TcpStream::connect(upstream).await {
                let _ = (inner.set_nodelay(true), outer.set_nodelay(true));
                let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
            }
        });
    }
}

async fn echo(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read) = stream.read(&mut buffer).await {
                if read == 0 || stream.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        });
    }
}
