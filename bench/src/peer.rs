//! The answering side of every scenario, as a child process.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use sdk::{Edge, EdgeId, Request, Service};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::args::{EdgeTls, Peer};
use crate::child::{Ready, parent_gone};
use crate::lean::answering;
use crate::{edges, relay};

/// The method that echoes.
pub(crate) const METHOD: &str = "echo";
/// The topic whose messages are acknowledged.
pub(crate) const TOPIC: &str = "bench";
/// The service's name.
pub(crate) const NAME: &str = "bench";

/// Bytes that are read at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Runs until the parent wants the end.
pub(crate) async fn run(peer: Peer) -> Result<()> {
    match peer {
        Peer::Service { addr, hooks } => service(addr, hooks).await,
        Peer::Edges { addr, count, edge_tls } => answering_edges(&addr, &edge_tls, count).await,
        Peer::LeanService { addr } => answering::service(&addr).await,
        Peer::LeanEdges { addr, count } => answering::edges(&addr, count).await,
        Peer::Relay { upstream } => listen(move |stream| relay::forward(stream, upstream)).await,
        Peer::Echo => listen(echo).await,
        Peer::Sink => listen(sink).await,
    }
}

async fn service(addr: String, hooks: bool) -> Result<()> {
    let mut builder = Service::builder(addr).name(NAME).topics([TOPIC]).handle_now(METHOD, echo_call);
    if hooks {
        let next = Arc::new(AtomicU64::new(1));
        builder = builder
            .on_get_edge_id(move |_meta| {
                let id = EdgeId(next.fetch_add(1, Ordering::Relaxed));
                async move { Ok::<_, Infallible>(id) }
            })
            .on_edge_online(async |_edge| Ok::<_, Infallible>(()))
            .on_edge_offline(async |_edge| Ok::<_, Infallible>(()));
    }
    let service = builder.connect().await.context("the answering service cannot connect")?;
    let receiving = service.clone();
    tokio::spawn(async move {
        while let Ok(message) = receiving.receive().await {
            message.ack();
        }
    });
    let accepting = service.clone();
    tokio::spawn(async move {
        while let Ok(stream) = accepting.accept_stream().await {
            tokio::spawn(sink(stream));
        }
    });
    Ready::default().say()?;
    parent_gone().await;
    service.close().await;
    Ok(())
}

async fn answering_edges(addr: &str, tls: &EdgeTls, count: u32) -> Result<()> {
    let edges = edges::connect(addr, tls, count, |builder| builder.handle_now(METHOD, echo_call)).await?;
    for edge in &edges {
        tokio::spawn(answer_messages(edge.clone()));
        tokio::spawn(accept_streams(edge.clone()));
    }
    Ready { edges: edges.iter().map(|edge| edge.id().0).collect(), ..Ready::default() }.say()?;
    parent_gone().await;
    edges::close(edges).await;
    Ok(())
}

async fn answer_messages(edge: Edge) {
    while let Ok(message) = edge.receive().await {
        message.ack();
    }
}

async fn accept_streams(edge: Edge) {
    while let Ok(stream) = edge.accept_stream().await {
        tokio::spawn(sink(stream));
    }
}

fn echo_call(request: Request) -> Result<sdk::Bytes, Infallible> {
    Ok(request.payload)
}

/// Serves every connection to a fresh port in a task of its own.
async fn listen<F>(serve: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.context("cannot listen")?;
    Ready { addr: Some(listener.local_addr()?), ..Ready::default() }.say()?;
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await.context("cannot accept a connection")?;
            stream.set_nodelay(true)?;
            // A connection that fails is missed by whoever waits at its other end.
            tokio::spawn(serve(stream));
        }
    };
    tokio::select! {
        failed = accept => failed,
        () = parent_gone() => Ok(()),
    }
}

/// Sends back whatever comes, as it comes.
async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            len => stream.write_all(&buffer[..len]).await?,
        }
    }
}

/// Reads to the end, and answers with the number of bytes that came.
async fn sink(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut total: u64 = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            len => total += len as u64,
        }
    }
    stream.write_u64(total).await?;
    stream.shutdown().await?;
    Ok(())
}
