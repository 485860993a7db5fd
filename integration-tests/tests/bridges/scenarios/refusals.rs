//! What a broker or its bridge will not take: its publisher hears a clear error at once, and everything else passes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use frontier_integration_tests::bridges::{counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::{Proxy, eventually};

use crate::{Access, BRIDGE, Target, gateway, with};

/// How soon an error has to come that is no time-out. Far below the deadlines of those publishes, far above what it takes.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Names that some broker forbids, or that mean something to it.
const NAMES: &[&str] = &[
    "a/+/b",
    "#",
    "",
    "a\0b",
    "$SYS/x",
    "a b",
    "a/b",
    "..",
    ".a",
    "a..b",
    "ä",
    "a.*",
    "a.>",
    "$JS.x",
    "__sentinel__:hello",
    "__keyspace@0__:x",
    "__keyevent@0__:del",
    "__redis__:invalidate",
];

/// No destination, no matter which name, takes the connection away: each is an error that names the bridge, or the message arrives
/// there.
pub(crate) fn poisoned_names_cost_nobody_else<T: Target>() {
    let proxy = Proxy::new();
    let long = "x".repeat(65_536);
    let names: Vec<&str> = NAMES.iter().copied().chain([&*long]).collect();
    let mut target = T::start_behind(&proxy, &Settings::default(), &T::destinations(&[&["t"], &*names].concat()));
    let lines = with(T::bridge(&proxy.addr.to_string(), &Access::default()), &["fallback: true"]);
    let gateway = gateway(lines);
    let (mut bad, mut good) = (Client::edge(gateway.edge), Client::edge(gateway.edge));
    let mut number = 0;
    let mut passes = |what: &str| {
        let value = format!("good/{number:06}");
        number += 1;
        let sent = good.message(&Body::new().topic("t").value(value.as_bytes()));
        assert_eq!(good.acked(sent), Ok(()), "behind {what:?}");
    };
    passes("nothing");
    let before = proxy.accepted();
    let mut taken = Vec::new();
    for name in names {
        let sent = bad.message(&Body::new().topic(name).value(b"bad").deadline(&time::from_now(30)));
        passes(&name[..name.len().min(20)]);
        let begun = Instant::now();
        match bad.acked(sent) {
            Ok(()) => taken.push(name),
            Err(error) => {
                assert!(error.starts_with("bridge \"b\" ("), "{name:?}: {error}");
                assert!(!error.contains("not confirmed"), "{name:?}: {error}");
            }
        }
        assert!(begun.elapsed() < AT_ONCE, "{name:?} is answered at once");
    }
    assert_eq!(proxy.accepted(), before, "the connection is the same");
    assert!(is(&gateway, BRIDGE, "up"));
    assert!(!taken.is_empty(), "some of these names mean nothing to it");
    for name in taken {
        let stored =
            eventually(&format!("it is at {name:?}"), || Some(target.stored(name)).filter(|stored| !stored.is_empty()));
        let payloads: Vec<_> = stored.into_iter().map(|record| record.payload).collect();
        assert_eq!(payloads, [b"bad"], "{name:?}");
    }
    eventually("the good ones are there", || {
        let stored = target.stored("t");
        let good = stored.iter().filter(|record| record.payload.starts_with(b"good/")).count();
        (good == number).then_some(())
    });
}

/// The queue is full: `congested` at once, and once the broker is back what was taken arrives, and later messages pass.
pub(crate) fn a_full_queue_answers_congested_and_later_messages_pass<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let lines = T::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]", "queue_bytes: 65536"]));
    target.broker().freeze();
    let mut edge = Client::edge(gateway.edge);
    let large = |number: usize| {
        let value = format!("1/{number:06}{}", " ".repeat(20_000));
        Body::new().topic("t").value(value.as_bytes()).deadline(&time::from_now(300))
    };
    let sent: Vec<u64> = (0..5).map(|number| edge.message(&large(number))).collect();
    assert_eq!(edge.acked(sent[4]), Err("congested".to_owned()));
    assert!(counters(&gateway, BRIDGE)["bytes"] <= 65_536);
    target.broker().thaw();
    for packet in &sent[..2] {
        assert_eq!(edge.acked(*packet), Ok(()));
    }
    let later = edge.message(&large(5));
    assert_eq!(edge.acked(later), Ok(()));
    eventually("they are there", || {
        let stored = target.stored("t");
        ["1/000000", "1/000001", "1/000005"]
            .iter()
            .all(|wanted| stored.iter().any(|record| record.payload.starts_with(wanted.as_bytes())))
            .then_some(())
    });
}

/// The queue is full and bridges are told to wait: nobody hears `congested` before five times as much is held, each has its deadline, and
/// all that still wait are taken once the broker is back.
pub(crate) fn who_is_to_wait_for_room_gets_it_or_its_deadline<T: Target>() {
    let mut target = T::start(&Settings::default(), &["t"]);
    let lines = T::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]", "queue_bytes: 65536", "when_full: wait"]));
    target.broker().freeze();
    let mut edge = Client::edge(gateway.edge);
    let mut publish = |number: usize, deadline: &str| {
        let value = format!("1/{number:06}{}", " ".repeat(20_000));
        edge.message(&Body::new().topic("t").value(value.as_bytes()).deadline(deadline))
    };
    let wait: Vec<u64> = (0..8).map(|number| publish(number, &time::from_now(300))).collect();
    let soon = publish(8, &time::from_now_millis(1_500));
    let many: Vec<u64> = (9..20).map(|number| publish(number, &time::from_now(300))).collect();
    let last = many.last().expect("there are many");
    assert_eq!(edge.acked(*last), Err("congested".to_owned()));
    let held = counters(&gateway, BRIDGE)["bytes"];
    assert!((65_537..=5 * 65_536).contains(&held), "{held} bytes");
    let error = edge.acked(soon).expect_err("nobody could have it");
    assert!(error.starts_with("context deadline exceeded: bridge \"b\" ("), "{error}");
    target.broker().thaw();
    for packet in &wait {
        assert_eq!(edge.acked(*packet), Ok(()));
    }
    eventually("they are there", || {
        let stored = target.stored("t");
        let there =
            |number: usize| stored.iter().any(|record| record.payload.starts_with(format!("1/{number:06}").as_bytes()));
        (0..8).all(there).then_some(())
    });
}

/// Of three edges' records, `count` each, every other one is too large for the broker, which `settings` make take `most` bytes, and the
/// bridge, which has `more` lines: none spoils its neighbours (field case 15).
pub(crate) fn too_large_spoils_no_neighbour<T: Target>(settings: &Settings, more: &[&str], most: usize, count: usize) {
    let mut target = T::start(settings, &["t"]);
    let gateway =
        gateway(with(T::bridge(&target.addr().to_string(), &Access::default()), &[more, &["topics: [t]"]].concat()));
    let padding = " ".repeat(most + 1);
    let mut edges: Vec<Client> = (0..3).map(|_| Client::edge(gateway.edge)).collect();
    let sent: Vec<Vec<u64>> = edges
        .iter_mut()
        .map(|edge| {
            let id = edge.id;
            let value = |number: usize| match number % 2 {
                1 => format!("{id}/{number:06}{padding}"),
                _ => format!("{id}/{number:06}{:80}", ""),
            };
            (0..count).map(|number| edge.message(&Body::new().topic("t").value(value(number).as_bytes()))).collect()
        })
        .collect();
    for (edge, sent) in edges.iter_mut().zip(&sent) {
        for (number, packet) in sent.iter().enumerate() {
            let answer = edge.acked(*packet);
            match number % 2 {
                1 => {
                    let error = answer.expect_err("it is too large");
                    // Nor did its deadline pass, which would be said in front.
                    assert!(error.starts_with("bridge \"b\" (") && error.contains(T::TOO_LARGE), "{error}");
                }
                _ => assert_eq!(answer, Ok(()), "edge {}, {number}", edge.id),
            }
        }
    }
    let stored = eventually("the small ones are there", || {
        let stored = target.stored("t");
        let all: HashSet<_> = stored.iter().map(|record| &record.payload).collect();
        (all.len() >= 3 * count / 2).then_some(stored)
    });
    for edge in &edges {
        let own = format!("{}/", edge.id);
        let mut seen = HashSet::new();
        // What was under way beside one that is too large may have to be sent again: of copies the first counts.
        let its: Vec<_> = stored
            .iter()
            .map(|record| &record.payload)
            .filter(|payload| payload.starts_with(own.as_bytes()) && seen.insert(*payload))
            .collect();
        assert_eq!(its.len(), count / 2, "edge {}", edge.id);
        assert!(its.is_sorted(), "edge {}", edge.id);
    }
}
