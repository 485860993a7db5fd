//! The other side, in a process of its own: this program once more, with the hidden command `peer`.
//!
//! A child says one line of JSON when it is ready, and ends with its standard input, so that none outlives its parent.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::server::Server;

/// Time for a child to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a child says when it is ready.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where it listens, if it does.
    pub(crate) addr: Option<SocketAddr>,
    /// The ids of its edges.
    pub(crate) edges: Vec<u64>,
}

impl Ready {
    /// Says it to the parent.
    pub(crate) fn say(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// A child that is ready. Dropping it ends the process and waits for that.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) ready: Ready,
}

impl Process {
    /// Starts `frontier-bench peer` with these arguments and waits until it is ready.
    pub(crate) async fn start(args: Vec<OsString>) -> Result<Self> {
        tokio::task::spawn_blocking(move || Self::launch(&args)).await.context("a child process was not started")?
    }

    fn launch(args: &[OsString]) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let child = Command::new(&program)
            .arg("peer")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut process = Self { child, ready: Ready::default() };
        let stdout = process.child.stdout.take().expect("the output is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("cannot read what a child says")?;
        if line.is_empty() {
            let args = args.join(OsStr::new(" "));
            bail!("the child process `peer {}` ended before it was ready; its error stands above", args.display());
        }
        process.ready = serde_json::from_str(&line).with_context(|| format!("a child said {line:?}"))?;
        Ok(process)
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> Result<SocketAddr> {
        self.ready.addr.context("a child did not say where it listens")
    }

    pub(crate) fn server(&self) -> Server {
        Server(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that has ended cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For a child: waits until its parent wants its end, or is gone.
pub(crate) async fn parent_gone() {
    let read = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
    // An input that cannot be read has ended too.
    let _ = read.await;
}
