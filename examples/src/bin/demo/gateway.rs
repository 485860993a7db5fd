//! The gateway as a child process.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Free ports of this machine, nothing that others can reach.
const CONFIG: &str = "\
servicebound: {listen: {network: tcp, addr: '127.0.0.1:0'}}
edgebound: {listen: {network: tcp, addr: '127.0.0.1:0'}}
observability: {enable: false}
";

/// A running gateway. Dropped, it is killed.
pub(crate) struct Gateway {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    /// Where services dial.
    pub(crate) services: String,
    /// Where edges dial.
    pub(crate) edges: String,
    /// Removed with the gateway.
    _config: NamedTempFile,
}

impl Gateway {
    /// Starts the program at `path` and waits until it accepts links.
    pub(crate) async fn start(path: &Path) -> anyhow::Result<Self> {
        let config = NamedTempFile::with_suffix(".yaml").context("cannot make a file for the configuration")?;
        std::fs::write(config.path(), CONFIG).context("cannot write the configuration")?;
        let mut child = Command::new(path)
            .arg("--config")
            .arg(config.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}; build it with `make demo`", path.display()))?;
        let stdout = child.stdout.take().context("the gateway's output is not piped")?;
        let mut log = BufReader::new(stdout).lines();
        let (mut services, mut edges) = (None, None);
        loop {
            let Some(line) = log.next_line().await.context("cannot read the gateway's log")? else {
                let status = child.wait().await.context("cannot wait for the gateway")?;
                bail!("the gateway ended before it was ready ({status})");
            };
            if let Some((_, addr)) = line.split_once("servicebound server listening on: ") {
                services = Some(addr.trim().to_owned());
            } else if let Some((_, addr)) = line.split_once("edgebound server listening on: ") {
                edges = Some(addr.trim().to_owned());
            } else if line.contains("frontier starts") {
                break;
            }
        }
        let services = services.context("the gateway's log names no port for services")?;
        let edges = edges.context("the gateway's log names no port for edges")?;
        Ok(Self { child, log, services, edges, _config: config })
    }

    /// Asks the gateway to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().context("the gateway has already ended")?;
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status().await;
        ensure!(sent.is_ok_and(|status| status.success()), "cannot send SIGTERM to the gateway (process {pid})");
        // Its log is read to the end, so that it never waits for a reader.
        while self.log.next_line().await.context("cannot read the gateway's log")?.is_some() {}
        let status = self.child.wait().await.context("cannot wait for the gateway")?;
        ensure!(status.success(), "the gateway ended with {status} instead of 0");
        Ok(())
    }
}
