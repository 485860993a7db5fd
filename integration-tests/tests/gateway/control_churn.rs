//! Lists and counts while edges come and go.

use std::collections::BTreeSet;
use std::thread;

use frontier_integration_tests::control::Control;
use frontier_integration_tests::raw::{Client, Hello};
use frontier_integration_tests::{Settings, eventually};

/// Edges that stay throughout.
const STAY: usize = 200;

/// Threads that come and go, each with so many edges at once, so many times: 10 000 with either back end.
const STORMS: usize = 4;
const EACH: usize = 25;
const ROUNDS: usize = 100;

/// Each thread walks through a list in one of so many of its rounds, while the others come and go.
const WALK_EVERY: usize = 5;

/// Orders in which lists are walked while it storms.
const WALKS: [&str; 5] = [
    "/v1/edges?page=1&page_size=7",
    "/v1/edges?page=1&page_size=100&order=%2Bmeta&meta=m",
    "/v1/edges?page=1&page_size=1000&order=-edge_id",
    "/v1/edges?page=1&page_size=33&order=%2Bcreate_time",
    "/v1/edges?page=1&page_size=64&order=-addr&addr=127.0.0.1",
];

#[test]
fn in_memory_counts_are_exact_and_no_walk_misses_or_repeats_anybody_who_stays() {
    storms("memory");
}

#[test]
fn in_sqlite_counts_are_exact_and_no_walk_misses_or_repeats_anybody_who_stays() {
    storms("sqlite");
}

fn storms(backend: &str) {
    let sections = format!("dao:\n  backend: {backend}\n");
    let gateway = Settings { sections, ..Settings::default() }.with_control().start();
    let control = Control::of(&gateway);
    let stay: Vec<Client> =
        (0..STAY).map(|i| Client::connect(gateway.edge, &Hello::edge(format!("m{i:04}").as_bytes()))).collect();
    let staying: BTreeSet<u64> = stay.iter().map(|edge| edge.id).collect();
    assert_eq!(control.count(), STAY as u64);

    thread::scope(|scope| {
        for storm in 0..STORMS {
            let (gateway, staying) = (&gateway, &staying);
            scope.spawn(move || {
                let hello = Hello::edge(b"m-comes-and-goes");
                for round in 0..ROUNDS {
                    let edges: Vec<Client> = (0..EACH).map(|_| Client::connect(gateway.edge, &hello)).collect();
                    if (round + storm) % WALK_EVERY == 0 {
                        let mut there = staying.clone();
                        there.extend(edges.iter().map(|edge| edge.id));
                        walk(&control, WALKS[round / WALK_EVERY % WALKS.len()], &there);
                    }
                }
            });
        }
    });

    // Who has just closed its socket is online until the gateway has read so.
    eventually("those who went are gone", || (control.count() == STAY as u64).then_some(()));
    assert_eq!(control.walk("/v1/edges?order=%2Bedge_id").0, staying.iter().copied().collect::<Vec<_>>());
    let mut left = STAY as u64;
    for edge in stay {
        edge.close();
        left -= 1;
        if left.is_multiple_of(40) {
            assert_eq!(control.walk("/v1/edges?page=1&page_size=50"), (control.walk("/v1/edges").0, left));
        }
    }
}

/// Nobody is met twice, and everybody who is there all the while is met.
fn walk(control: &Control, path: &str, there: &BTreeSet<u64>) {
    let (ids, _) = control.walk(path);
    let met: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(met.len(), ids.len(), "{path}: an id twice");
    assert!(met.is_superset(there), "{path}: one who stays is missing");
}
