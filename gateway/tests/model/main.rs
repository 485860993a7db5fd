//! Random interleavings of everything that peers can do, over in-process links, with a clock that moves only when it is
//! told to. Each seed is one run; what must hold is checked while it runs, when it has come to rest, and at its end:
//!
//! * every call and message gets exactly one answer, and none that its target did not give;
//! * what one peer sends to another on one session arrives once, in order; so do the bytes of streams;
//! * an edge id comes and goes in turns, for whoever keeps records and for the services that are told;
//! * records that are made anew from the directory are those that were kept all along;
//! * no two links wait for each other: where everybody answers, nothing runs into a deadline;
//! * whoever is kicked has gone, once, when the kick returns, and its id is free;
//! * a link that is over has left every table.
//!
//! `FRONTIER_SEEDS=100000` runs more seeds. `FRONTIER_SEED=17` runs that one alone, and tells every frame and what the
//! gateway logs.

mod frames;
mod ledger;
mod owed;
mod peer;
mod presence;
mod rng;
mod script;
mod stream;
mod terms;
mod wire;
mod world;

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::runtime;
use tokio::task::LocalSet;

/// Seeds of each test, unless the environment says otherwise.
const SEEDS: u64 = 1_200;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number of seeds")))
}

fn run(seed: u64, honest: bool) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without IO starts");
    let script = tokio::task::unconstrained(script::run(seed, honest));
    if let Err(fault) = LocalSet::new().block_on(&runtime, script) {
        panic!("seed {seed}: {fault}\nrun it alone with FRONTIER_SEED={seed}");
    }
}

/// Runs all seeds, on every core.
fn run_all(honest: bool) {
    if let Some(seed) = number("FRONTIER_SEED") {
        let told = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).without_time().with_test_writer();
        return tracing::subscriber::with_default(told.finish(), || run(seed, honest));
    }
    let seeds = number("FRONTIER_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let seed = next.fetch_add(1, Ordering::Relaxed)
                    && seed < seeds
                {
                    run(seed, honest);
                }
            });
        }
    });
}

#[test]
fn promises_hold_whatever_peers_do() {
    run_all(false);
}

#[test]
fn full_links_do_not_wait_for_each_other() {
    run_all(true);
}
