//! The built gateway as a child process.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::brokers::port::Port;
use crate::http::{self, Answer, Sample};
use crate::log::Log;
use crate::process::{self, Signal};
use crate::wait::PATIENCE;

/// The name of a gateway's configuration file.
const FILE: &str = "frontier.yaml";

/// What a test wants of its gateway. The default is what most tests need: free ports on 127.0.0.1, local edge ids on,
/// no drain window.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether edges get an id without an id service.
    pub local_edge_ids: bool,
    /// More lines of the section `edgebound`, each without its indent.
    pub edgebound: Vec<String>,
    /// More lines of the section `servicebound`, each without its indent.
    pub servicebound: Vec<String>,
    /// The value of `edgebound.listen.tls`; empty leaves it out.
    pub edge_tls: String,
    /// The value of `servicebound.listen.tls`; empty leaves it out.
    pub service_tls: String,
    /// How many files the process may have open; none leaves the limit as it is here.
    pub open_files: Option<u32>,
    /// A file that this gateway alone takes for `/etc/hosts`; it knows no other names. None leaves it to the system.
    pub hosts: Option<PathBuf>,
    /// Whole further sections, as they stand in the file.
    pub sections: String,
    /// The whole file, in place of all of the above.
    pub whole: Option<String>,
    /// `FRONTIER_DRAIN_SECONDS`.
    pub drain_seconds: u32,
    /// Where to listen for services and edges; port 0 means any.
    pub listen: Addresses,
    /// What keeps those ports for a successor.
    pub held: Held,
}

/// Ports that stay one gateway's own while it is down: the system would give them to any connection that is made meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Held(Vec<Arc<Port>>);

/// Where a gateway listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For services.
    pub service: SocketAddr,
    /// For edges.
    pub edge: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            local_edge_ids: true,
            edgebound: Vec::new(),
            servicebound: Vec::new(),
            edge_tls: String::new(),
            service_tls: String::new(),
            open_files: None,
            hosts: None,
            sections: String::new(),
            whole: None,
            drain_seconds: 0,
            listen: Addresses { service: any, edge: any },
            held: Held::default(),
        }
    }
}

impl Settings {
    /// Starts a gateway with these settings and waits until it says that it runs.
    ///
    /// # Panics
    /// When the binary is missing or the gateway does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Gateway {
        Gateway::launch(self, true)
    }

    /// As [`Settings::start`], for a gateway whose observability port is switched off.
    ///
    /// # Panics
    /// When the binary is missing or the gateway does not come up.
    #[must_use]
    #[track_caller]
    pub fn start_unobserved(&self) -> Gateway {
        Gateway::launch(self, false)
    }

    /// Starts a gateway that must give up by itself; returns how it ended and all that it said.
    ///
    /// # Panics
    /// When the binary is missing or the gateway keeps running.
    #[must_use]
    #[track_caller]
    pub fn fails_to_start(&self) -> (ExitStatus, String) {
        let mut running = Running::launch(self);
        let status = process::wait_exit(&mut running.child, PATIENCE, "a gateway that cannot start");
        assert!(running.log.wait_for_end(PATIENCE), "the gateway has ended and its outputs stay open");
        (status, running.log.lines().join("\n"))
    }

    /// Has these settings checked by `frontier check`; returns how it ended and all that it said.
    ///
    /// # Panics
    /// When the binary is missing.
    #[must_use]
    #[track_caller]
    pub fn check(&self) -> (ExitStatus, String) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("frontier.yaml");
        fs::write(&file, self.yaml()).expect("a temporary file can be written");
        let output = Command::new(process::frontier_binary()).arg("check").arg("--config").arg(&file).output();
        let output = output.expect("the program runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// These settings, with ports of their own where any will do.
    fn holding_ports(&self) -> Self {
        let mut settings = self.clone();
        for addr in [&mut settings.listen.service, &mut settings.listen.edge] {
            if addr.port() == 0 {
                let port = Port::any();
                *addr = port.addr();
                settings.held.0.push(Arc::new(port));
            }
        }
        settings
    }

    /// The configuration file.
    #[must_use]
    pub fn yaml(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut text = String::new();
        let ids = format!("edgeid_alloc_when_no_idservice_on: {}", self.local_edge_ids);
        let edgebound = [&[ids], self.edgebound.as_slice()].concat();
        section(&mut text, "edgebound", self.listen.edge, &self.edge_tls, &edgebound);
        section(&mut text, "servicebound", self.listen.service, &self.service_tls, &self.servicebound);
        text.push_str("observability:\n  addr: 127.0.0.1:0\n");
        text.push_str(&self.sections);
        text
    }
}

fn section(text: &mut String, name: &str, listen: SocketAddr, tls: &str, lines: &[String]) {
    write!(text, "{name}:\n  listen:\n    network: tcp\n    addr: {listen}\n").expect("a string takes any text");
    if !tls.is_empty() {
        writeln!(text, "    tls: {tls}").expect("a string takes any text");
    }
    for line in lines {
        writeln!(text, "  {line}").expect("a string takes any text");
    }
}

/// The process, its configuration and what it says.
#[derive(Debug)]
struct Running {
    child: Child,
    log: Log,
    printed: Log,
    folder: TempDir,
}

impl Running {
    #[track_caller]
    fn launch(settings: &Settings) -> Self {
        let binary = process::frontier_binary();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join(FILE);
        fs::write(&file, settings.yaml()).expect("a temporary file can be written");
        let mut command = match (settings.open_files, &settings.hosts) {
            (None, None) => Command::new(&binary),
            (Some(number), None) => limited(&binary, number),
            (None, Some(hosts)) => with_hosts(&binary, hosts, folder.path()),
            (Some(_), Some(_)) => panic!("no test needs both"),
        };
        let mut child = command
            .arg("--config")
            .arg(&file)
            .env("FRONTIER_DRAIN_SECONDS", settings.drain_seconds.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        let (log, printed) = (Log::default(), Log::default());
        Log::collect_for(vec![log.clone(), printed.clone()], child.stdout.take().expect("stdout is piped"));
        log.collect(child.stderr.take().expect("stderr is piped"));
        Self { child, log, printed, folder }
    }
}

/// The program with a limit of open files.
fn limited(binary: &Path, open_files: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {open_files} && exec \"$0\" \"$@\"")).arg(binary);
    shell
}

/// The program with names of its own, in a mount namespace of its own, for which one has to be root.
fn with_hosts(binary: &Path, hosts: &Path, folder: &Path) -> Command {
    let names = folder.join("nsswitch.conf");
    fs::write(&names, "hosts: files\n").expect("a temporary file can be written");
    let script = "mount --bind \"$0\" /etc/hosts && mount --bind \"$1\" /etc/nsswitch.conf && shift && exec \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", script]).arg(hosts).arg(names).arg(binary);
    unshare
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the gateway {}:\n{}", self.child.id(), self.log.lines().join("\n"));
        }
        // A process that has already ended cannot be killed; that is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running gateway. Dropping it kills the process; a test that fails prints its log.
#[derive(Debug)]
pub struct Gateway {
    /// Where services connect.
    pub service: SocketAddr,
    /// Where edges connect.
    pub edge: SocketAddr,
    /// Where edges connect over WebSocket, if that is on.
    pub websocket: Option<SocketAddr>,
    /// Where health and metrics are asked.
    pub observability: SocketAddr,
    /// What it has written to standard output and standard error: above all, what it has logged.
    pub log: Log,
    /// What it has written to standard output alone.
    pub printed: Log,
    settings: Settings,
    running: Running,
}

impl Gateway {
    /// Starts a gateway with the default [`Settings`].
    ///
    /// # Panics
    /// When the binary is missing or the gateway does not come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Settings::default().start()
    }

    #[track_caller]
    fn launch(settings: &Settings, observed: bool) -> Self {
        let settings = settings.holding_ports();
        let running = Running::launch(&settings);
        let any = settings.listen.edge;
        let mut gateway = Self {
            service: any,
            edge: any,
            websocket: None,
            observability: any,
            log: running.log.clone(),
            printed: running.printed.clone(),
            settings,
            running,
        };
        gateway.service = gateway.announced("servicebound server listening on: ");
        gateway.edge = gateway.announced("edgebound server listening on: ");
        if observed {
            gateway.observability = gateway.announced("observability server listening on ");
        }
        gateway.logged("frontier starts");
        const WEBSOCKET: &str = "edgebound websocket server listening on: ";
        gateway.websocket = (gateway.log.count(WEBSOCKET) > 0).then(|| gateway.announced(WEBSOCKET));
        gateway
    }

    #[track_caller]
    pub(crate) fn announced(&self, prefix: &str) -> SocketAddr {
        let line = self.logged(prefix);
        let rest = line.split_once(prefix).map_or("", |(_, rest)| rest);
        let address = rest.split_whitespace().next().unwrap_or("");
        address.parse().unwrap_or_else(|_| panic!("no address in the log line {line:?}"))
    }

    /// Waits for a log line that contains `part`, and returns it.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn logged(&self, part: &str) -> String {
        self.log.wait_for(part, PATIENCE).unwrap_or_else(|| panic!("the gateway never logged {part:?}"))
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Its configuration file, in a folder of its own.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.running.folder.path().join(FILE)
    }

    /// The file that gives a gateway these settings where this one listens.
    #[must_use]
    pub fn yaml_here(&self, settings: &Settings) -> String {
        Settings { listen: self.settings.listen, ..settings.clone() }.yaml()
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        process::signal(&self.running.child, signal);
    }

    /// Waits for the end of the process, for as long as `patience`.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn exit(&mut self, patience: Duration) -> ExitStatus {
        process::wait_exit(&mut self.running.child, patience, "the gateway")
    }

    /// Whether the process still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.running.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Ends this gateway by SIGTERM, and returns all lines that it ever logged: nothing is still on its way.
    ///
    /// # Panics
    /// When it goes on, or fails.
    #[track_caller]
    pub fn last_words(&mut self) -> Vec<String> {
        self.signal(Signal::Term);
        let status = self.exit(PATIENCE);
        assert!(status.success(), "{status}");
        assert!(self.log.wait_for_end(PATIENCE), "the gateway has ended and its outputs stay open");
        self.log.lines()
    }

    /// Ends this gateway by SIGTERM, which must have had nothing to complain of.
    ///
    /// # Panics
    /// When there is a warning or an error in its log.
    #[track_caller]
    pub fn ends_without_complaint(&mut self) {
        let lines = self.last_words();
        let complaint = lines.iter().find(|line| line.contains("WARN") || line.contains("ERROR"));
        assert!(complaint.is_none(), "{}", lines.join("\n"));
    }

    /// Ends this gateway by SIGTERM and starts another one at the same addresses.
    ///
    /// # Panics
    /// When either fails.
    #[must_use]
    #[track_caller]
    pub fn restart(mut self) -> Self {
        self.signal(Signal::Term);
        self.exit(PATIENCE);
        self.settings_here().start()
    }

    /// The settings of this gateway, with the addresses that it really got: for a successor at the same place.
    #[must_use]
    pub fn settings_here(&self) -> Settings {
        let listen = Addresses { service: self.service, edge: self.edge };
        Settings { listen, ..self.settings.clone() }
    }

    /// Asks the observability port; none if it does not answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Answer> {
        http::get(self.observability, path)
    }

    /// All samples of `/metrics`.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    #[track_caller]
    pub fn metrics(&self) -> Vec<Sample> {
        let answer = self.get("/metrics").expect("/metrics answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        http::samples(&answer.body)
    }

    /// The sum of all samples of the family `name` whose labels contain each of `labels`.
    #[must_use]
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let of_family = |series: &str| series == name || series.starts_with(&format!("{name}{{"));
        let labelled = |series: &str| labels.iter().all(|label| series.contains(label));
        let all = self.metrics();
        all.iter().filter(|s| of_family(&s.series) && labelled(&s.series)).map(|s| s.value).sum()
    }
}
