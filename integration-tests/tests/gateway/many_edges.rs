//! Ten thousand edges at once, and what is left of them.

use std::fs;

use frontier_integration_tests::process::resident_kib;
use frontier_integration_tests::raw::{Body, Client, Hello, kind};
use frontier_integration_tests::{Gateway, eventually};

const EDGES: usize = 10_000;

/// How many edges are on their way in at the same time.
const BATCH: usize = 200;

/// What all later rounds together may add to what the first one left. The allocator keeps the pages of the first round
/// for the next ones; 1 KiB left of each edge would come to 40 MiB.
const ALLOWED_KIB: u64 = 24 * 1024;
const LATER_ROUNDS: usize = 4;

#[test]
fn ten_thousand_edges_connect_work_and_leave_and_nothing_of_them_stays() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["edge_online", "edge_offline"]);
    service.register("echo");
    let (threads, descriptors, _) = usage(gateway.pid());
    // The first round brings the process to its working size.
    round(&gateway, &mut service, EDGES);
    let (_, _, memory) = usage(gateway.pid());
    for _ in 0..LATER_ROUNDS {
        round(&gateway, &mut service, EDGES);
    }
    eventually("descriptors, threads and memory are back where they were", || {
        let now = usage(gateway.pid());
        (now.0 <= threads && now.1 <= descriptors && now.2 <= memory + ALLOWED_KIB).then_some(())
    });
}

/// Lets `count` edges come, call and leave.
fn round(gateway: &Gateway, service: &mut Client, count: usize) {
    let mut edges: Vec<Client> = Vec::with_capacity(count);
    while edges.len() < count {
        edges.extend(batch(gateway, service));
    }
    edges.drain(..).for_each(Client::reset);
    for _ in 0..count {
        service.heard("edge_offline");
    }
}

fn batch(gateway: &Gateway, service: &mut Client) -> Vec<Client> {
    let mut edges: Vec<Client> = (0..BATCH).map(|_| Client::dial(gateway.edge)).collect();
    for edge in &mut edges {
        edge.say(&Hello::default());
    }
    for _ in 0..BATCH {
        service.heard("edge_online");
    }
    let calls: Vec<u64> = edges
        .iter_mut()
        .map(|edge| {
            edge.admitted();
            edge.request(&Body::new().method("echo").value(&[1; 128]))
        })
        .collect();
    for _ in 0..BATCH {
        let request = service.expect(kind::REQUEST);
        service.respond(&request, &request.value());
    }
    for (edge, call) in edges.iter_mut().zip(calls) {
        assert_eq!(edge.answer(call), Ok(vec![1; 128]));
    }
    edges
}

/// Threads, descriptors and resident memory in KiB of a process.
fn usage(pid: u32) -> (usize, usize, u64) {
    let count = |folder: &str| {
        let entries = fs::read_dir(format!("/proc/{pid}/{folder}"));
        entries.expect("the gateway runs on Linux").count()
    };
    (count("task"), count("fd"), resident_kib(pid))
}
