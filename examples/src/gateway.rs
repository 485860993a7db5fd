//! A gateway of a program's own, as a child process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A running gateway. Dropped, it is killed.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// Reads its log to the end, so that it never waits for a reader.
    log: JoinHandle<()>,
    /// Where services dial.
    pub services: String,
    /// Where edges dial.
    pub edges: String,
    /// Where edges of browsers dial, if the configuration lets them.
    pub websockets: Option<String>,
    /// Where it runs. Removed with it.
    folder: TempDir,
}

impl Gateway {
    /// Starts the program at `path` with this configuration, in a folder of its own, and waits until it accepts links.
    ///
    /// # Errors
    /// It cannot be started, or ends before it is ready.
    pub async fn start(path: &Path, config: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the gateway")?;
        std::fs::write(folder.path().join("frontier.yaml"), config).context("cannot write the configuration")?;
        let path = std::path::absolute(path).context("there is no working folder")?;
        let mut child = Command::new(&path)
            .args(["--config", "frontier.yaml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!("cannot start {}; build it with `make demo` or `make demo-web`", path.display())
            })?;
        let stdout = child.stdout.take().context("the gateway's output is not piped")?;
        let mut log = BufReader::new(stdout).lines();
        let (mut services, mut edges, mut websockets) = (None, None, None);
        loop {
            let Some(line) = log.next_line().await.context("cannot read the gateway's log")? else {
                let status = child.wait().await.context("cannot wait for the gateway")?;
                bail!("the gateway ended before it was ready ({status})");
            };
            if let Some((_, addr)) = line.split_once("servicebound server listening on: ") {
                services = Some(addr.trim().to_owned());
            } else if let Some((_, addr)) = line.split_once("edgebound server listening on: ") {
                edges = Some(addr.trim().to_owned());
            } else if let Some((_, addr)) = line.split_once("edgebound websocket server listening on: ") {
                websockets = Some(addr.trim().to_owned());
            } else if line.contains("frontier starts") {
                break;
            }
        }
        let services = services.context("the gateway's log names no port for services")?;
        let edges = edges.context("the gateway's log names no port for edges")?;
        // A log that cannot be read has ended.
        let log = tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Ok(Self { child, log, services, edges, websockets, folder })
    }

    /// A file beside its configuration.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks the gateway to end, and waits until it has.
    ///
    /// # Errors
    /// It does not end as it should.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().context("the gateway has already ended")?;
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status().await;
        ensure!(sent.is_ok_and(|status| status.success()), "cannot send SIGTERM to the gateway (process {pid})");
        let status = self.child.wait().await.context("cannot wait for the gateway")?;
        self.log.await.context("the reader of the gateway's log")?;
        ensure!(status.success(), "the gateway ended with {status} instead of 0");
        Ok(())
    }
}
