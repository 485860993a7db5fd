//! The reference: a plain TCP relay of our own, which does nothing but copy bytes.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::TcpStream;

use crate::child::Process;

/// Joins a connection to one of its own to `upstream`, until both have ended.
pub(crate) async fn forward(mut near: TcpStream, upstream: SocketAddr) -> Result<()> {
    let mut far = TcpStream::connect(upstream).await.with_context(|| format!("cannot connect to {upstream}"))?;
    far.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

/// A relay and what answers behind it, in a process each.
#[derive(Debug)]
pub(crate) struct Reference {
    // Before what it connects to, so that it ends first.
    pub(crate) relay: Process,
    _upstream: Process,
}

impl Reference {
    /// A relay before a server that echoes.
    pub(crate) async fn echo() -> Result<Self> {
        Self::before("echo").await
    }

    /// A relay before a server that counts.
    pub(crate) async fn sink() -> Result<Self> {
        Self::before("sink").await
    }

    async fn before(upstream: &str) -> Result<Self> {
        let upstream = Process::start(vec![upstream.into()]).await?;
        let relay = vec!["relay".into(), "--upstream".into(), upstream.addr()?.to_string().into()];
        Ok(Self { relay: Process::start(relay).await?, _upstream: upstream })
    }

    /// A connection through the relay.
    pub(crate) async fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.relay.addr()?).await.context("cannot connect to the plain relay")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
