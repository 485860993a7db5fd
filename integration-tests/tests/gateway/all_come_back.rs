//! A gateway that is killed and started again while thousands of edges are online.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use frontier_integration_tests::process::Signal;
use frontier_integration_tests::{Gateway, PATIENCE, Settings};
use sdk::{Bytes, Edge, EdgeId, EdgePresence, LinkState, Service};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const EDGES: usize = 3_000;

/// Edges that connect for the first time at once.
const BATCH: usize = 250;

/// What the service does before it lets an edge in takes that long.
const HOOK: Duration = Duration::from_millis(20);

/// Attempts are up to 30 s apart once they were in vain or refused.
const ALL: Duration = Duration::from_secs(120);

/// Who is online, as a service has been told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Presence>>);

#[derive(Default)]
struct Presence {
    online: BTreeSet<u64>,
    faults: Vec<String>,
}

impl Told {
    fn note(&self, what: &str, edge: EdgeId, alternates: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let mut presence = self.0.lock().expect("nobody panics with it");
        if !alternates(&mut presence.online) {
            presence.faults.push(format!("{what} of edge {edge} out of turn"));
        }
    }

    /// The edges that are online.
    fn online(&self) -> BTreeSet<u64> {
        let presence = self.0.lock().expect("nobody panics with it");
        assert_eq!(presence.faults, [] as [String; 0]);
        presence.online.clone()
    }
}

/// Names edges by their meta, takes its time for each, and hears who comes and goes.
async fn hooked(gateway: &Gateway, told: &Told) -> Service {
    let (online, offline) = (told.clone(), told.clone());
    let service = Service::builder(gateway.service.to_string())
        .name("hooks")
        .on_get_edge_id(async |meta: Bytes| {
            let text = std::str::from_utf8(&meta).map_err(|error| error.to_string())?;
            text.parse().map(EdgeId).map_err(|error| format!("{text}: {error}"))
        })
        .on_edge_online(move |edge: EdgePresence| {
            online.note("online", edge.edge_id, |known| known.insert(edge.edge_id.0));
            async {
                sleep(HOOK).await;
                Ok::<_, Infallible>(())
            }
        })
        .on_edge_offline(move |edge: EdgePresence| {
            offline.note("offline", edge.edge_id, |known| known.remove(&edge.edge_id.0));
            async { Ok::<_, Infallible>(()) }
        });
    service.connect().await.expect("the gateway lets the service in")
}

/// An edge whose id is `number`, and how often it has dialed.
async fn edge(gateway: &Gateway, number: usize) -> (Edge, Arc<AtomicUsize>) {
    let (addr, dialed) = (gateway.edge, Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&dialed);
    let builder = Edge::builder("").meta(number.to_string()).dial_with(move || {
        count.fetch_add(1, Ordering::Relaxed);
        TcpStream::connect(addr)
    });
    let edge = builder.handle_now("who", move |_| Ok::<_, Infallible>(number.to_string())).connect().await;
    (edge.expect("the gateway lets the edge in"), dialed)
}

/// Calls every edge by its id: it is the one, and it lives.
async fn reach_all(service: &Service) {
    let mut calls = JoinSet::new();
    for number in 1..=EDGES {
        let service = service.clone();
        calls.spawn(async move {
            let answer = service.call(EdgeId(number as u64), "who", "").await;
            assert_eq!(answer.expect("a live link"), number.to_string());
        });
    }
    calls.join_all().await;
}

/// Waits for every edge's link to be in such a state.
async fn all_are(edges: &[(Edge, Arc<AtomicUsize>)], what: &str, wanted: fn(&LinkState) -> bool) {
    let all = async {
        for (edge, _) in edges {
            edge.state().wait_for(wanted).await.expect("the edge is not closed");
        }
    };
    timeout(ALL, all).await.unwrap_or_else(|_| panic!("not all are {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_everybody_comes_back_and_nobody_is_a_ghost() {
    let everybody: BTreeSet<u64> = (1..=EDGES as u64).collect();
    let mut gateway = Settings { local_edge_ids: false, ..Settings::default() }.start();
    let told = Told::default();
    let service = hooked(&gateway, &told).await;
    let mut edges = Vec::with_capacity(EDGES);
    while edges.len() < EDGES {
        let batch = (1..=BATCH).map(|at| edge(&gateway, edges.len() + at));
        edges.extend(futures_util::future::join_all(batch).await);
    }
    assert_eq!(told.online(), everybody);
    reach_all(&service).await;

    gateway.signal(Signal::Kill);
    gateway.exit(PATIENCE);
    drop(service);
    all_are(&edges, "offline", |state| matches!(state, LinkState::Offline { .. })).await;
    let tried = || edges.iter().all(|(_, dialed)| dialed.load(Ordering::Relaxed) > 1);
    let all_tried = async {
        while !tried() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(ALL, all_tried).await.expect("everybody tries again");

    let gateway = gateway.settings_here().start();
    let told = Told::default();
    let service = hooked(&gateway, &told).await;
    all_are(&edges, "online again", |state| matches!(state, LinkState::Online { .. })).await;
    assert_eq!(told.online(), everybody, "each is online once, under the id that it had");
    assert_eq!(gateway.metric("frontier_links", &["edge"]), EDGES as f64);
    reach_all(&service).await;

    drop(edges);
    let all_gone = async {
        while !told.online().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(ALL, all_gone).await.expect("every online is followed by an offline");
}
