//! The gateway as a child process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Free ports of this machine, nothing that others can reach; a topic goes to a file in the same folder.
const CONFIG: &str = "\
servicebound: {listen: {network: tcp, addr: '127.0.0.1:0'}}
edgebound: {listen: {network: tcp, addr: '127.0.0.1:0'}}
observability: {enable: false}
bridges:
  - name: readings
    topics: [vibration]
    file: {path: readings.jsonl}
";

/// A running gateway. Dropped, it is killed.
pub(crate) struct Gateway {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    /// Where services dial.
    pub(crate) services: String,
    /// Where edges dial.
    pub(crate) edges: String,
    /// Where its bridge writes to.
    pub(crate) readings: PathBuf,
    /// Removed with the gateway.
    _folder: TempDir,
}

impl Gateway {
    /// Starts the program at `path` and waits until it accepts links.
    pub(crate) async fn start(path: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the gateway")?;
        std::fs::write(folder.path().join("frontier.yaml"), CONFIG).context("cannot write the configuration")?;
        let path = std::path::absolute(path).context("there is no working folder")?;
        let mut child = Command::new(&path)
            .args(["--config", "frontier.yaml"])
            .current_dir(folder.path())
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
        Ok(Self { child, log, services, edges, readings: folder.path().join("readings.jsonl"), _folder: folder })
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
