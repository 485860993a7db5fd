//! What records cost: memory per row, and the time that pages take, at 100 000 edges (or as many as the first argument says; the second
//! names the one back end to measure). Times are those of the process's CPU, which other programs of a busy machine do not lengthen by their
//! turns; nothing of it waits for anything else.
//!
//! `cargo run --release -p frontier-dao --example pages`

use std::sync::Arc;
use std::time::{Duration, Instant};

use frontier_dao::{
    Change, Dao, During, Edge, EdgeQuery, EdgeRpc, EdgeRpcQuery, Generation, Memory, Order, Page, Sqlite, Text,
};
use proto::id::EdgeId;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The CPU time that this process has used.
fn spent() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// Asked so often each.
const ROUNDS: usize = 12;

const GROUP: usize = 512;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("a line about memory");
    let kib: usize = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    kib * 1024
}

/// Edges as they are: 64 bytes of meta, addresses of a network, ids in the usual shape.
fn edges(many: u64) -> Vec<Edge> {
    let edge = |n: u64| {
        let meta = format!(
            "{{\"serial\":\"SN-{:08}\",\"model\":\"mk3\",\"firmware\":\"2.14.{:03}\"}}",
            n * 7919 % many,
            n % 100
        );
        Edge {
            id: EdgeId((1_795_349_525 + n / 5_000) << 32 | n),
            meta: Text::from(format!("{meta:<64}")),
            addr: format!("10.{}.{}.{}:{}", n % 200, n / 200 % 250, n % 250, 20_000 + n % 40_000).into(),
            create_time: 1_795_349_525 + (n / 5_000) as i64,
        }
    };
    (0..many).map(edge).collect()
}

fn queries(many: u64) -> Vec<(String, EdgeQuery)> {
    let mut queries = Vec::new();
    let filters = [
        ("none", EdgeQuery::default()),
        ("meta, all", EdgeQuery { meta: Some("{\"serial\":\"SN-".to_owned()), ..EdgeQuery::default() }),
        ("meta, 1 %", EdgeQuery { meta: Some("{\"serial\":\"SN-00001".to_owned()), ..EdgeQuery::default() }),
        ("addr, all", EdgeQuery { addr: Some("10.".to_owned()), ..EdgeQuery::default() }),
        ("rpc, all", EdgeQuery { rpc: Some("echo".to_owned()), ..EdgeQuery::default() }),
        ("rpc, 1 %", EdgeQuery { rpc: Some("method-7".to_owned()), ..EdgeQuery::default() }),
        (
            "time, half",
            EdgeQuery { during: During::new(Some(1_795_349_525), Some(1_795_349_535)), ..EdgeQuery::default() },
        ),
    ];
    for (filter, query) in filters {
        for order in ["", "+create_time", "-meta", "+meta", "-addr", "+edge_id"] {
            for (page, size) in [(1, 10), (1, 1_000), (many as i64 / 200, 100)] {
                let order_read = Order::of_edges(order).expect("a field that there is");
                let query = EdgeQuery { order: order_read, page: Page::new(page, size), ..query.clone() };
                queries.push((format!("{filter:<11} {order:<13} page {page} of {size}"), query));
            }
        }
    }
    queries
}

fn percentile(times: &mut [Duration], of: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * of) as usize]
}

async fn measure(name: &str, dao: &dyn Dao, many: u64) {
    let queries = queries(many);
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); queries.len()];
    // Round by round, so that whatever else the machine does falls on all alike.
    for _ in 0..ROUNDS {
        for (times, (_, query)) in times.iter_mut().zip(&queries) {
            let start = spent();
            dao.edges(query).await.expect("an answer");
            times.push(spent().saturating_sub(start));
        }
    }
    let mut all = times.concat();
    let told = times.iter_mut().zip(queries);
    let mut worst: Vec<_> =
        told.map(|(times, (told, _))| (percentile(times, 0.5), percentile(times, 1.0), told)).collect();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = spent();
        let names = dao.edge_rpcs(&EdgeRpcQuery { page: Page::new(2, 20), ..EdgeRpcQuery::default() }).await;
        assert_eq!(names.expect("an answer").count, 101);
        times.push(spent().saturating_sub(start));
    }
    println!("{name}: all pages p50 {:.1?}, p99 {:.1?}", percentile(&mut all, 0.5), percentile(&mut all, 0.99));
    println!("{name}: methods p50 {:.1?}, p99 {:.1?}", percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    worst.sort();
    for (p50, most, told) in worst.iter().rev().take(10) {
        println!("    p50 {p50:>8.1?} most {most:>8.1?}  {told}");
    }
}

async fn fill(name: &str, dao: &dyn Dao, edges: &[Edge]) {
    let before = resident();
    let start = Instant::now();
    for group in edges.chunks(GROUP) {
        let changes = group.iter().map(|edge| Change::EdgeOnline(edge.clone(), Generation(1)));
        dao.apply(changes.collect()).await.expect("it is written");
    }
    let took = start.elapsed();
    let bytes = resident().saturating_sub(before) / edges.len();
    println!("{name}: {} edges in {took:.1?}, {bytes} B a row beside its meta", edges.len());
    for group in edges.chunks(GROUP) {
        let offer = |edge: &Edge, rpc: &str| {
            let rpc = EdgeRpc { rpc: rpc.into(), edge: edge.id, create_time: edge.create_time };
            Change::EdgeRpc(rpc, Generation(1))
        };
        let methods = |edge: &Edge| [offer(edge, "echo"), offer(edge, &format!("method-{}", edge.id.0 % 100))];
        dao.apply(group.iter().flat_map(methods).collect()).await.expect("it is written");
    }
}

#[tokio::main]
async fn main() {
    let many = std::env::args().nth(1).map_or(100_000, |many| many.parse().expect("a number of edges"));
    let only = std::env::args().nth(2);
    let edges = edges(many);
    let folder = tempfile::tempdir().expect("a folder for a file");
    let backends: [(&str, Arc<dyn Dao>); 3] = [
        ("memory", Arc::new(Memory::default())),
        ("sqlite :memory:", Arc::new(Sqlite::open(None, false).await.expect("it opens"))),
        ("sqlite file", Arc::new(Sqlite::open(Some(&folder.path().join("dao.db")), false).await.expect("it opens"))),
    ];
    for (name, dao) in backends.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)) {
        fill(name, &*dao, &edges).await;
        measure(name, &*dao, many).await;
        let start = Instant::now();
        dao.rebuild(edges.iter().map(|edge| Change::EdgeOnline(edge.clone(), Generation(1))).collect())
            .await
            .expect("made anew");
        println!("{name}: made anew in {:.1?}", start.elapsed());
    }
}
