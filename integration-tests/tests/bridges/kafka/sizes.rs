//! Records and batches that are too large for a topic, while the client makes batches of a megabyte.

use std::collections::HashSet;
use std::time::Duration;

use frontier_integration_tests::bridges::Load;
use frontier_integration_tests::brokers::{Login, Settings};
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::{Body, Client};

use super::{Server, publish};
use crate::scenarios::{everything_acked_is_there, too_large_spoils_no_neighbour};
use crate::{Access, Target, gateway, settings, with};

/// Where the bridge can know its topic, it asks before it sends.
#[test]
fn a_topic_that_takes_little_is_asked_before_anything_is_sent() {
    let settings = Settings { lines: vec!["message.max.bytes=10000".to_owned()], ..Settings::default() };
    too_large_spoils_no_neighbour::<Server>(&settings, &[], 10_000, 1_000);
}

/// What the client is told not to take never gets as far as the broker, and holds up nobody.
#[test]
fn what_the_client_refuses_by_itself_holds_up_nobody() {
    too_large_spoils_no_neighbour::<Server>(&Settings::default(), &["  max_message_bytes: 10000"], 10_000, 1_000);
}

/// What the bridge refuses by itself it refuses by what the cluster has said lately: a topic that takes more later gets more.
#[test]
fn a_topic_that_is_made_to_take_more_gets_more_without_a_restart() {
    let server = Server::start(&Settings::default(), &[]);
    // What the topic itself would compress counts as it comes.
    server.make(&["t"], 1, &[("max.message.bytes", "10000"), ("compression.type", "zstd")]);
    let gateway = gateway(with(Server::bridge(&server.addr().to_string(), &Access::default()), &["topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    let error = publish(&mut edge, "t", &[b'x'; 20_000]).expect_err("it is too large");
    assert!(error.contains("while max.message.bytes of topic \"t\" is 10000"), "{error}");
    server.alter("--entity-type topics --entity-name t", "max.message.bytes=50000");
    eventually("the topic takes more", || publish(&mut edge, "t", &[b'x'; 20_000]).ok());
    let error = publish(&mut edge, "t", &[b'x'; 60_000]).expect_err("it is too large again");
    assert!(error.contains("while max.message.bytes of topic \"t\" is 50000"), "{error}");
    assert_eq!(gateway.log.count("bridge down"), 0);
}

/// Bytes that no codec makes smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    noise.take(bytes).collect()
}

/// The bridge refuses by itself exactly what the broker would. That is asked by a bridge that compresses, and leaves it to the broker.
#[test]
fn the_bridge_measures_as_the_broker_does() {
    let server = Server::start(&Settings::default(), &[]);
    server.make(&["a", "b"], 1, &[("max.message.bytes", "10000")]);
    let bridge = |more: &[&str]| with(Server::bridge(&server.addr().to_string(), &Access::default()), more);
    let itself = bridge(&["topics: [a]"]);
    let broker = bridge(&["  compression: lz4", "topics: [b]"]);
    let gateway = settings(&[("itself", itself), ("broker", broker)]).start();
    let mut edge = Client::edge(gateway.edge);
    let mut least_refused = |topic: &str, words: &str| {
        let (mut taken, mut refused) = (9_000, 10_000);
        while taken + 1 < refused {
            let middle = usize::midpoint(taken, refused);
            match publish(&mut edge, topic, &noise(middle)) {
                Ok(()) => taken = middle,
                Err(error) => {
                    assert!(error.contains(words), "{error}");
                    refused = middle;
                }
            }
        }
        refused
    };
    let by_broker = least_refused("b", "MessageSizeTooLarge");
    assert_eq!(least_refused("a", "while max.message.bytes"), by_broker);
}

/// How small a record becomes that is compressed only the broker sees.
#[test]
fn what_compression_makes_small_enough_is_taken() {
    let server = Server::start(&Settings::default(), &[]);
    server.make(&["t"], 1, &[("max.message.bytes", "10000")]);
    let bridge = Server::bridge(&server.addr().to_string(), &Access::default());
    let gateway = gateway(with(bridge, &["  compression: zstd", "topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    assert_eq!(publish(&mut edge, "t", &[b'x'; 20_000]), Ok(()));
    let error = publish(&mut edge, "t", &noise(20_000)).expect_err("it is too large");
    assert!(error.contains("MessageSizeTooLarge"), "{error}");
    assert_eq!(publish(&mut edge, "t", &[b'x'; 20_000]), Ok(()));
}

/// Where edges choose the topic, it is asked as soon as it comes up, and nothing is sent to it in larger batches.
#[test]
fn a_topic_that_comes_up_later_is_asked_before_anything_is_sent_to_it() {
    let mut server = Server::start(&Settings::default(), &["wide"]);
    server.make(&["narrow"], 1, &[("max.message.bytes", "10000")]);
    let lines = with(Server::bridge(&server.addr().to_string(), &Access::default()), &["topics: [\"*\"]"]);
    let gateway = gateway(lines);
    let wide = Load::start(gateway.edge, 4, "wide", Duration::from_millis(2));
    eventually("acks", || (wide.acked() >= 200).then_some(()));
    let narrow = Load::start(gateway.edge, 8, "narrow", Duration::ZERO);
    eventually("further acks", || (narrow.acked() >= 1_000).then_some(()));
    let mut edge = Client::edge(gateway.edge);
    let error = publish(&mut edge, "narrow", &[b'x'; 20_000]).expect_err("it is too large");
    assert!(error.contains("too large"), "{error}");
    for (topic, load) in [("wide", wide), ("narrow", narrow)] {
        let told = load.stop();
        assert!(told.iter().all(|told| told.refused.is_empty() && !told.cut), "{topic}: {told:?}");
        everything_acked_is_there(&mut server, topic, &told);
    }
    assert_eq!(gateway.log.count("bridge down"), 1, "one producer had to go");
    // Larger than `max_message_bytes`: the client itself does not take it.
    let error = publish(&mut edge, "wide", &[b'x'; 1_000_001]).expect_err("it is too large");
    assert!(error.starts_with("bridge \"b\" (kafka 127.0.0.1:") && error.contains("too large"), "{error}");
}

/// To a login without the right to ask, the first batch that is refused tells; then records go one by one, and all arrive.
#[test]
fn a_topic_that_may_not_be_asked_gets_its_records_one_by_one() {
    let lines =
        ["authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS"];
    let login = Login::new("bob", "builder-2");
    let broker = Settings { login: Some(login.clone()), lines: lines.map(str::to_owned).into(), ..Settings::default() };
    let mut server = Server::start(&broker, &[]);
    server.make(&["narrow"], 1, &[("max.message.bytes", "3000")]);
    server.allow("bob", "--operation Write --topic narrow");
    let lines = with(Server::bridge(&server.addr().to_string(), &Access::by(&login)), &["topics: [narrow]"]);
    let gateway = gateway(lines);
    let mut edges: Vec<Client> = (0..8).map(|_| Client::edge(gateway.edge)).collect();
    let send = |edge: &mut Client, number: usize| {
        edge.message(
            &Body::new().topic("narrow").value(format!("{}/{number:06}{}", edge.id, " ".repeat(100)).as_bytes()),
        )
    };
    let sent: Vec<Vec<u64>> = edges.iter_mut().map(|edge| (0..32).map(|number| send(edge, number)).collect()).collect();
    gateway.logged("records go one by one");
    for (edge, sent) in edges.iter_mut().zip(sent) {
        for packet in sent {
            assert_eq!(edge.acked(packet), Ok(()));
        }
    }
    eventually("all are there", || {
        let payloads: HashSet<Vec<u8>> = server.stored("narrow").into_iter().map(|record| record.payload).collect();
        (payloads.len() == 8 * 32).then_some(())
    });
}
