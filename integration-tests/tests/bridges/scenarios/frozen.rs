//! A broker that stands still, while more comes than a bridge may hold.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{Arrived, Load, Told, counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::eventually;
use frontier_integration_tests::process::resident_kib;
use frontier_integration_tests::raw::{Body, Client, kind, time};
use frontier_integration_tests::wait::eventually_within;

use super::outages::{PAUSE, another_bridge, another_bridge_works, bridge, more_acks};
use super::{NOTICED, everyone_was_acked, everything_acked_is_there};
use crate::{Access, BRIDGE, Target, settings, with};

/// How long it stands still.
const FROZEN: Duration = Duration::from_secs(20);

/// The bridge that gets more than it may hold.
const FULL: &str = "full";

/// What a bridge may hold unless it is told otherwise.
const QUEUE_BYTES: u64 = 16 * 1024 * 1024;

/// Edges that publish at once, the messages of each, and the size of each message: twice what a bridge may hold.
const EDGES: usize = 40;
const EACH: usize = 30;
const SIZE: usize = 30_000;

/// Edges that have all published at once and wait for their answers.
struct Crowd(Vec<(Client, Vec<u64>)>);

impl Crowd {
    #[track_caller]
    fn connect(gateway: SocketAddr) -> Self {
        Self((0..EDGES).map(|_| (Client::edge(gateway), Vec::new())).collect())
    }

    /// Publishes all of its messages on the topic [`FULL`].
    #[track_caller]
    fn publishes(&mut self) {
        let (padding, deadline) = (" ".repeat(SIZE), time::from_now(240));
        for (edge, sent) in &mut self.0 {
            for number in 0..EACH {
                let value = format!("{}/{number:06}{padding}", edge.id);
                sent.push(edge.message(&Body::new().topic(FULL).value(value.as_bytes()).deadline(&deadline)));
            }
        }
    }

    /// Each edge shows that it is there; that it is answered behind what it waits for is no concern.
    #[track_caller]
    fn shows_itself(&mut self) {
        for (edge, _) in &mut self.0 {
            let packet = edge.fresh();
            edge.send(kind::HEARTBEAT, packet, &[]);
        }
    }

    /// Waits for all answers.
    #[track_caller]
    fn told(mut self) -> Vec<Told> {
        let each = self.0.iter_mut().map(|(edge, sent)| {
            let mut told = Told { edge: edge.id, sent: sent.len(), ..Told::default() };
            for (number, packet) in sent.iter().enumerate() {
                match edge.acked(*packet) {
                    Ok(()) => drop(told.acked.insert(number)),
                    Err(error) => drop(told.refused.insert(number, error)),
                }
            }
            told
        });
        each.collect()
    }
}

/// These records without the padding of their payloads.
fn trimmed(mut stored: Vec<Arrived>) -> Vec<Arrived> {
    stored.iter_mut().for_each(|record| record.payload.truncate(record.payload.trim_ascii_end().len()));
    stored
}

/// It stands still for 20 s: its bridges say so, hold no more than they may, tell those beyond it `congested`, and go on when it
/// does, while another bridge works all the time.
pub(crate) fn frozen_it_holds_up_nobody_and_loses_nothing<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t", FULL]);
    let (_folder, other) = another_bridge();
    let full = with(T::bridge(&target.addr().to_string(), &Access::default()), &["topics: [full]"]);
    let bridges = [(BRIDGE, bridge::<T>(target.addr())), (FULL, full), ("other", other)];
    let gateway = settings(&bridges).start();
    let are = |names: [&str; 2], state| names.iter().all(|name| is(&gateway, name, state));
    eventually("all are up", || (are([BRIDGE, FULL], "up") && is(&gateway, "other", "up")).then_some(()));
    let load = Load::start(gateway.edge, 4, "t", PAUSE);
    let mut crowd = Crowd::connect(gateway.edge);
    more_acks(&load, 300);
    let before = resident_kib(gateway.pid());

    target.broker().freeze();
    let frozen = Instant::now();
    crowd.publishes();
    let is_full = |bytes: u64| (QUEUE_BYTES - 2 * SIZE as u64..=QUEUE_BYTES).contains(&bytes);
    eventually("its queue is full", || is_full(counters(&gateway, FULL)["bytes"]).then_some(()));
    while frozen.elapsed() < FROZEN || !are([BRIDGE, FULL], "down") {
        assert!(frozen.elapsed() < NOTICED, "it is not noticed");
        another_bridge_works(&gateway);
        crowd.shows_itself();
        counters(&gateway, BRIDGE);
        let held = counters(&gateway, FULL)["bytes"];
        assert!(is_full(held), "{held} bytes");
        let grown = resident_kib(gateway.pid()).saturating_sub(before);
        assert!(grown < T::MEMORY_KIB, "{grown} KiB more");
        sleep(Duration::from_secs(1));
    }
    target.broker().thaw();

    eventually_within(NOTICED, "they are up again", || are([BRIDGE, FULL], "up").then_some(()));
    more_acks(&load, 300);
    let told = load.stop();
    everyone_was_acked(&told);
    everything_acked_is_there(&mut target, "t", &told);
    let told = crowd.told();
    let refused: Vec<_> = told.iter().flat_map(|told| told.refused.values()).collect();
    assert!(!refused.is_empty() && refused.iter().all(|error| *error == "congested"), "{refused:?}");
    let stored = eventually("what was acked of the crowd is there", || {
        let stored = trimmed(target.stored(FULL));
        told.iter().all(|told| told.missing(&stored).is_empty()).then_some(stored)
    });
    told.iter().for_each(|told| told.is_in_order(&stored));
}
