//! What RabbitMQ will not take, each in its own words, and none at the cost of others.

use std::collections::HashSet;

use frontier_integration_tests::bridges::{Told, counters, is};
use frontier_integration_tests::brokers::Settings;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::{Proxy, eventually};

use super::{LARGEST, NARROW, Shared, alice_publishes};
use crate::scenarios::{everything_acked_is_there, too_large_spoils_no_neighbour};
use crate::{Access, BRIDGE, Target, gateway, with};

/// Messages that an edge has under way at a time.
const AT_ONCE: usize = 30;

#[test]
fn what_the_broker_finds_too_large_spoils_no_neighbour() {
    too_large_spoils_no_neighbour::<Shared>(&Settings::default(), &[], LARGEST, 300);
}

/// Neither a body that the configuration forbids nor headers that fit no frame cost the connection.
#[test]
fn what_is_known_to_be_too_large_is_not_sent() {
    let proxy = Proxy::new();
    let mut target = Shared::start_behind(&proxy, &Settings::default(), &["t"]);
    let lines = Shared::bridge(&proxy.addr.to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  max_message_bytes: 2000", "topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    let before = proxy.accepted();
    for (value, custom, expected) in [
        (vec![b'x'; 2000], 0, None),
        (vec![b'x'; 2001], 0, Some("message of 2001 bytes; the broker takes 2000")),
        (vec![], 100_000, None),
        (vec![], 140_000, Some("a frame of 131072 bytes must hold them")),
    ] {
        let sent = edge.message(&Body::new().topic("t").value(&value).custom(&vec![b'c'; custom]));
        match (edge.acked(sent), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.starts_with("bridge \"b\" (amqp ") && error.contains(expected), "{error}");
            }
            (answer, expected) => panic!("{answer:?} for {expected:?}"),
        }
    }
    assert_eq!((target.stored("t").len(), proxy.accepted()), (2, before));
}

/// Many under way at the same time, some of which no queue takes: each publisher hears what became of its own message.
#[test]
fn what_no_queue_takes_is_a_failure_of_that_message_alone() {
    let mut target = Shared::with(&["t"]);
    let gateway = gateway(with(Shared::bridge(&target.addr().to_string(), &Access::default()), &["topics: ['*']"]));
    let mut edges: Vec<Client> = (0..8).map(|_| Client::edge(gateway.edge)).collect();
    let unroutable = |number: usize| number % 7 == 3;
    let mut told = 0;
    for round in 0..10 {
        let numbers = round * AT_ONCE..(round + 1) * AT_ONCE;
        let mut sent = Vec::new();
        for edge in &mut edges {
            for number in numbers.clone() {
                let value = format!("{}/{number:06}", edge.id);
                let topic = if unroutable(number) { "nowhere" } else { "t" };
                sent.push((number, edge.message(&Body::new().topic(topic).value(value.as_bytes()))));
            }
        }
        for (index, (number, packet)) in sent.into_iter().enumerate() {
            match edges[index / AT_ONCE].acked(packet) {
                Ok(()) => assert!(!unroutable(number), "{number} went nowhere"),
                Err(error) => {
                    assert!(unroutable(number), "{number}: {error}");
                    let expected = "312 NO_ROUTE: exchange \"\" has no queue for routing key \"nowhere\"";
                    assert!(error.contains(expected), "{error}");
                    told += 1;
                }
            }
        }
    }
    let all = 10 * AT_ONCE * edges.len();
    assert_eq!(target.stored("t").len(), all - told);
    let counters = counters(&gateway, BRIDGE);
    assert_eq!((counters["delivered"], counters["failed"]), ((all - told) as u64, told as u64));
    assert!(!gateway.log.lines().join("\n").contains("BasicReturnMessage"), "messages are not written to the log");
}

/// Whoever asks for no routes is told OK, as the broker does.
#[test]
fn without_mandatory_what_no_queue_takes_is_acked() {
    let mut target = Shared::with(&["t"]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  mandatory: false", "topics: ['*']"]));
    let mut edge = Client::edge(gateway.edge);
    let sent: Vec<u64> =
        (0..AT_ONCE).map(|at| edge.message(&Body::new().topic(["t", "nowhere"][at % 2]).value(b"x"))).collect();
    for packet in sent {
        assert_eq!(edge.acked(packet), Ok(()));
    }
    assert_eq!(target.stored("t").len(), AT_ONCE / 2);
}

/// A queue that is full and rejects: the publisher hears it at once, other queues go on, and so does this one once there is room.
#[test]
fn a_full_queue_is_told_at_once_and_passes_when_there_is_room() {
    let mut target = Shared::in_host(NARROW, &["t"]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    let mut publish = || {
        let sent = edge.message(&Body::new().topic("t").value(b"x").deadline(&time::from_now(300)));
        edge.acked(sent)
    };
    // Which one is the first too many is the broker's affair, to a few.
    let full = (0..100).find_map(|_| publish().err()).expect("the queue holds five");
    assert!(full.starts_with("bridge \"b\" (amqp ") && full.contains("x-overflow: reject-publish"), "{full}");
    assert!(is(&gateway, BRIDGE, "up"));
    let held = target.stored("t").len();
    assert!((5..10).contains(&held), "{held}");
    let mut client = target.client();
    client.purges("t");
    client.closes();
    assert_eq!(publish(), Ok(()));
}

/// Every other message goes to a queue that is full: those to another queue arrive, all of them and in order (field case 15).
#[test]
fn a_full_queue_spoils_no_neighbour() {
    const COUNT: usize = 1_000;
    let mut target = Shared::with(&["t"]);
    let full = "  queues: [{ name: full, durable: true, arguments: { x-max-length: 5, x-overflow: reject-publish } }]";
    let lines = with(Shared::bridge(&target.addr().to_string(), &Access::default()), &[full, "topics: ['*']"]);
    let gateway = gateway(lines);
    let mut edges: Vec<Client> = (0..3).map(|_| Client::edge(gateway.edge)).collect();
    let sent: Vec<Vec<u64>> = edges
        .iter_mut()
        .map(|edge| {
            let message = |number: usize| {
                let value = format!("{}/{number:06}", edge.id);
                edge.message(&Body::new().topic(["t", "full"][number % 2]).value(value.as_bytes()))
            };
            (0..COUNT).map(message).collect()
        })
        .collect();
    let mut taken = 0;
    let mut told = Vec::new();
    for (edge, sent) in edges.iter_mut().zip(sent) {
        let mut its = Told { edge: edge.id, sent: COUNT, ..Told::default() };
        for (number, packet) in sent.into_iter().enumerate() {
            match (edge.acked(packet), number % 2) {
                (Ok(()), 0) => drop(its.acked.insert(number)),
                (Ok(()), _) => taken += 1,
                (Err(error), 1) => {
                    let expected = ["bridge \"b\" (amqp ", "x-overflow: reject-publish"];
                    assert!(error.starts_with(expected[0]) && error.contains(expected[1]), "{number}: {error}");
                }
                (Err(error), _) => panic!("edge {}, {number}: {error}", edge.id),
            }
        }
        told.push(its);
    }
    assert_eq!(everything_acked_is_there(&mut target, "t", &told).len(), 3 * COUNT / 2, "each once");
    // Which one is the first too many is the broker's affair, to a few of those that come at once.
    assert!((5..COUNT).contains(&taken), "{taken}");
    assert_eq!(target.stored("full").len(), taken, "what was acked, and no more");
}

/// Keys that the user may not publish by close a channel; nobody else notices, and the connection stays.
#[test]
fn forbidden_topics_are_told_and_cost_nobody_else() {
    // Batches are judged in one way if returned messages count, and in another if they do not.
    for mandatory in [true, false] {
        forbidden_topics(mandatory);
    }
}

fn forbidden_topics(mandatory: bool) {
    const COUNT: usize = 200;
    let proxy = Proxy::new();
    let (mut target, gateway) = alice_publishes(&proxy, &format!("  mandatory: {mandatory}"));
    let (mut good, mut bad) = (Client::edge(gateway.edge), Client::edge(gateway.edge));
    let before = proxy.accepted();
    let mut sent = Vec::new();
    for number in 0..COUNT {
        let value = format!("{}/{number:06}", good.id);
        let topic = if number % 20 == 10 { format!("shut.{number}") } else { "shut".to_owned() };
        let passes = good.message(&Body::new().topic("open").value(value.as_bytes()).deadline(&time::from_now(300)));
        sent.push((passes, bad.message(&Body::new().topic(&topic).value(b"bad").deadline(&time::from_now(300)))));
    }
    for (passes, refused) in sent {
        assert_eq!(good.acked(passes), Ok(()));
        let error = bad.acked(refused).expect_err("alice may not");
        assert!(error.contains("ACCESS_REFUSED - access to topic 'shut"), "{error}");
    }
    assert_eq!(proxy.accepted(), before, "the connection is the same");
    let stored = eventually("all are there", || Some(target.stored("t")).filter(|stored| stored.len() >= COUNT));
    assert!(stored.iter().all(|record| record.payload != b"bad"));
    // What was on a closed channel may come twice: of copies the first counts.
    let mut seen = HashSet::new();
    let first: Vec<&[u8]> =
        stored.iter().map(|record| &*record.payload).filter(|payload| seen.insert(*payload)).collect();
    assert!(first.len() == COUNT && first.is_sorted(), "in order: {}", first.len());
    assert!(is(&gateway, BRIDGE, "up"));
}
