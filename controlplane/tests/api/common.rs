//! A control plane that serves, who is online behind it, and a plain client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use config::Backend;
use dao::{Change, Edge, EdgeRpc, Generation, Records, Service, ServiceRpc, ServiceTopic, Snapshot};
use frontier_controlplane::{
    Bridge, BridgeState, Closed, ControlPlane, Counters, Info, Link, LinkKind, Loaded, Meter, Running, Side, Totals,
    Traffic,
};
use proto::id::{EdgeId, ServiceId};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const BACKENDS: [Backend; 2] = [Backend::Memory, Backend::Sqlite];

/// Who is online: a gateway without links. Its coming and going is recorded as a real one's.
#[derive(Debug, Default)]
pub(crate) struct Online {
    edges: Mutex<BTreeMap<u64, Vec<Change>>>,
    services: Mutex<BTreeMap<u64, Vec<Change>>>,
    closed: Mutex<Vec<Closed>>,
    records: Mutex<Option<Records>>,
}

impl Online {
    fn records(&self) -> Records {
        self.records.lock().unwrap().clone().expect("set at the start")
    }

    pub(crate) fn edge(&self, id: u64, meta: &str, at: i64, rpcs: &[&str]) {
        let addr = format!("127.0.0.1:{}", 10_000 + id % 50_000).into();
        let edge = Edge { id: EdgeId(id), meta: meta.into(), addr, create_time: at };
        let rpc = |rpc: &&str| EdgeRpc { rpc: (*rpc).into(), edge: EdgeId(id), create_time: at };
        let rpcs = rpcs.iter().map(|name| Change::EdgeRpc(rpc(name), Generation(1)));
        let changes: Vec<_> = [Change::EdgeOnline(edge, Generation(1))].into_iter().chain(rpcs).collect();
        self.edges.lock().unwrap().insert(id, changes.clone());
        changes.into_iter().for_each(|change| self.records().record(change));
    }

    pub(crate) fn service(&self, id: u64, name: &str, at: i64, rpcs: &[&str], topics: &[&str]) {
        let addr = format!("127.0.0.1:{}", 10_000 + id % 50_000).into();
        let service = Service { id: ServiceId(id), name: name.into(), addr, create_time: at };
        let mut changes = vec![Change::ServiceOnline(service, Generation(1))];
        for rpc in rpcs {
            let rpc = ServiceRpc { rpc: (*rpc).into(), service: ServiceId(id), create_time: at };
            changes.push(Change::ServiceRpc(rpc, Generation(1)));
        }
        for topic in topics {
            let topic = ServiceTopic { topic: (*topic).into(), service: ServiceId(id), create_time: at };
            changes.push(Change::ServiceTopic(topic, Generation(1)));
        }
        self.services.lock().unwrap().insert(id, changes.clone());
        changes.into_iter().for_each(|change| self.records().record(change));
    }

    fn close(&self, kind: LinkKind, id: u64) {
        let (label, reason, traffic) = ("left".into(), "kicked".into(), Traffic::default());
        let closed = Closed { kind, id, label, peer: peer(), connected_since: 0, closed_at: 7, reason, traffic };
        self.closed.lock().unwrap().push(closed);
    }
}

/// The edge whose link never answers.
pub(crate) const STUCK: u64 = 404;

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4711))
}

fn link(of: &[Change]) -> Link {
    let mut link = Link {
        label: String::new(),
        transport: "tls",
        peer: peer(),
        connected_since: 3,
        heartbeat_age: Duration::from_millis(12),
        traffic: Traffic { bytes_in: u64::MAX, calls_in: 3, ..Traffic::default() },
        rpcs: Vec::new(),
        topics: Vec::new(),
    };
    for change in of {
        match change {
            Change::EdgeOnline(edge, _) => link.label = edge.meta.to_string(),
            Change::ServiceOnline(service, _) => link.label = service.name.to_string(),
            Change::EdgeRpc(EdgeRpc { rpc, .. }, _) | Change::ServiceRpc(ServiceRpc { rpc, .. }, _) => {
                link.rpcs.push(rpc.to_string());
            }
            Change::ServiceTopic(topic, _) => link.topics.push(topic.topic.to_string()),
            Change::EdgeOffline(..) | Change::ServiceOffline(..) => {}
        }
    }
    link
}

#[async_trait]
impl Running for Online {
    async fn kick_edge(&self, edge: EdgeId) -> bool {
        if edge.0 == STUCK {
            return std::future::pending().await;
        }
        if self.edges.lock().unwrap().remove(&edge.0).is_none() {
            return false;
        }
        self.close(LinkKind::Edge, edge.0);
        self.records().record(Change::EdgeOffline(edge, Generation(1)));
        true
    }

    async fn kick_service(&self, service: ServiceId) -> bool {
        if self.services.lock().unwrap().remove(&service.0).is_none() {
            return false;
        }
        self.close(LinkKind::Service, service.0);
        self.records().record(Change::ServiceOffline(service, Generation(1)));
        true
    }

    async fn edge(&self, edge: EdgeId) -> Option<Link> {
        self.edges.lock().unwrap().get(&edge.0).map(|changes| link(changes))
    }

    async fn service(&self, service: ServiceId) -> Option<Link> {
        self.services.lock().unwrap().get(&service.0).map(|changes| link(changes))
    }

    fn totals(&self) -> Totals {
        let side = |online: usize| Side { online: online as u64, admitted: u64::MAX, ..Side::default() };
        Totals { edges: side(self.edges.lock().unwrap().len()), services: side(self.services.lock().unwrap().len()) }
    }

    fn closed(&self, limit: usize) -> Vec<Closed> {
        self.closed.lock().unwrap().iter().rev().take(limit).cloned().collect()
    }

    fn bridges(&self) -> Vec<Bridge> {
        let counters = Counters { matched: 3, delivered: 1, queued: 2, ..Counters::default() };
        let state = BridgeState::Down { reason: "nobody answers".to_owned() };
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        vec![Bridge { name: "events".to_owned(), kind: "kafka", state, since, counters }]
    }

    fn info(&self) -> Info {
        Info {
            version: "9.9.9",
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(2),
            uptime: Duration::from_secs(60),
            config_digest: "ab".to_owned(),
            node: "node".to_owned(),
            draining: false,
            dao: "memory",
        }
    }
}

#[async_trait]
impl Snapshot for Online {
    async fn take(&self) -> Vec<Change> {
        let edges = self.edges.lock().unwrap().values().flatten().cloned().collect::<Vec<_>>();
        edges.into_iter().chain(self.services.lock().unwrap().values().flatten().cloned()).collect()
    }
}

/// A control plane that serves on a port of its own.
pub(crate) struct Served {
    pub(crate) online: Arc<Online>,
    pub(crate) addr: SocketAddr,
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) meter: Arc<Meter>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    writing: (JoinHandle<()>, CancellationToken),
}

impl Served {
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::with(backend, &config::ControlPlane::default()).await
    }

    pub(crate) async fn with(backend: Backend, settings: &config::ControlPlane) -> Self {
        Self::changed(backend, settings, |plane| plane).await
    }

    /// One that was changed before it serves.
    pub(crate) async fn changed(
        backend: Backend,
        settings: &config::ControlPlane,
        change: impl FnOnce(ControlPlane) -> ControlPlane,
    ) -> Self {
        let dao = dao::open(&config::Dao { backend, ..config::Dao::default() }).await.unwrap();
        let online = Arc::new(Online::default());
        let (records, writer) = Records::new(dao, Arc::clone(&online) as Arc<dyn Snapshot>);
        *online.records.lock().unwrap() = Some(records.clone());
        let stop = CancellationToken::new();
        let end = CancellationToken::new();
        let writing = (tokio::spawn(writer.run(end.clone())), end);
        let running = Arc::clone(&online) as Arc<dyn Running>;
        let meter = Arc::new(Meter::default());
        let loaded = Loaded::load(settings).unwrap();
        let plane = Arc::new(change(ControlPlane::new(loaded, records, running, Arc::clone(&meter))));
        let listener = net::Listener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr();
        let serving = tokio::spawn(Arc::clone(&plane).serve(listener, stop.clone()));
        Self { online, addr, plane, meter, stop, serving, writing }
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped serving.
    pub(crate) async fn stopped(self) {
        within(self.serving).await.unwrap();
    }

    /// Ends the writer of the records: from then on they cannot be asked.
    pub(crate) async fn stop_records(&mut self) {
        self.writing.1.cancel();
        within(&mut self.writing.0).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        ask(stream, method, path, headers).await
    }
}

/// Waits for what must come.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it comes in time")
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Asks once over `stream`, by HTTP/1.1.
pub(crate) async fn ask<S>(mut stream: S, method: &str, path: &str, headers: &[&str]) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8(answer[..at].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: answer[at + 4..].to_vec() }
}
