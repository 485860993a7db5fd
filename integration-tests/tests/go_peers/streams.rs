//! Streams, opened by either side, with everything that fits into one.

use frontier_integration_tests::go::{Generation, Peer, Start, bytes, encode};
use serde_json::json;

use crate::pairs::{Pair, every_pair};

/// One end of a stream: the peer and the name of the stream there.
struct End<'a> {
    peer: &'a Peer,
    generation: Generation,
    name: String,
}

impl End<'_> {
    #[track_caller]
    fn tell(&self, mut command: serde_json::Value) -> serde_json::Value {
        command["on"] = json!(self.name);
        self.peer.tell(command)
    }
}

/// Opens a stream from the edge, then one from the service; runs the test with each: opener first.
#[track_caller]
fn both_ways(pair: &Pair, test: impl Fn(&End<'_>, &End<'_>)) {
    let at_edge = |name| End { peer: &pair.edge, generation: pair.generations.0, name };
    let at_service = |name| End { peer: &pair.service, generation: pair.generations.1, name };
    let opener = at_edge(pair.edge.open("svc"));
    test(&opener, &at_service(pair.service.accepted()));
    let opener = at_service(pair.service.open(&pair.edge.id.to_string()));
    test(&opener, &at_edge(pair.edge.accepted()));
}

#[test]
fn raw_bytes_come_back_and_either_side_may_close() {
    every_pair(|_, pair| {
        both_ways(pair, |opener, acceptor| {
            acceptor.tell(json!({"do": "echo_raw"}));
            for size in [1, 1000, 100_000] {
                opener.tell(json!({"do": "write", "size": size, "chunk": 20_000, "seed": 7}));
                opener.tell(json!({"do": "read_pattern", "size": size, "seed": 7}));
            }
            opener.tell(json!({"do": "close_stream"}));
        });
        both_ways(pair, |opener, acceptor| {
            acceptor.tell(json!({"do": "close_stream"}));
            assert_eq!(bytes(&opener.tell(json!({"do": "read_end"}))["value"]), b"");
        });
    });
}

#[test]
fn the_acceptor_may_speak_first() {
    every_pair(|_, pair| {
        for _ in 0..5 {
            both_ways(pair, |opener, acceptor| {
                acceptor.tell(json!({"do": "write", "value": encode(b"greeting")}));
                let read = opener.tell(json!({"do": "read", "size": 8}));
                assert_eq!(bytes(&read["value"]), b"greeting");
            });
        }
    });
}

#[test]
fn messages_inside_a_stream_are_acked_and_refused() {
    every_pair(|_, pair| {
        both_ways(pair, |opener, acceptor| {
            for (from, to) in [(opener, acceptor), (acceptor, opener)] {
                to.tell(json!({"do": "receive", "reply": "ack"}));
                from.tell(json!({"do": "publish", "value": encode(b"in"), "custom": encode(b"c"), "topic": "any"}));
                let message = to.peer.event("message");
                assert_eq!((bytes(&message["value"]), bytes(&message["custom"])), (b"in".to_vec(), b"c".to_vec()));
                assert_eq!((&message["topic"], &message["on"]), (&json!("any"), &json!(to.name)));
            }
        });
    });
}

#[test]
fn calls_inside_a_stream() {
    every_pair(|_, pair| {
        both_ways(pair, |opener, acceptor| {
            for (from, to) in [(opener, acceptor), (acceptor, opener)] {
                to.tell(json!({"do": "register", "method": "inner", "reply": "echo", "quiet": true}));
                let answer = from.tell(json!({"do": "call", "method": "inner", "value": encode(b"v")}));
                assert_eq!(bytes(&answer["value"]), b"v");
                let unknown = json!({"do": "call", "method": "other", "on": from.name});
                assert_eq!(from.peer.ask(unknown).map(drop), Err("no such rpc: other".to_owned()));
            }
        });
        assert_eq!(pair.edge.call(0, "inner", b""), Err("record not found".to_owned()), "not outside the stream");
    });
}

#[test]
fn a_stream_to_nobody_ends_right_after_its_opening() {
    every_pair(|_, pair| {
        for (opener, peer) in [(&pair.edge, "unknown"), (&pair.service, "4242"), (&pair.service, "no number")] {
            let name = opener.open(peer);
            let read = opener.tell(json!({"do": "read_end", "on": name}));
            assert_eq!(bytes(&read["value"]), b"");
        }
    });
}

#[test]
fn what_is_written_right_before_the_close_arrives() {
    every_pair(|_, pair| {
        both_ways(pair, |opener, acceptor| {
            if acceptor.generation == Generation::A {
                // The old transport itself throws away what its reader has not fetched when the stream ends.
                return;
            }
            opener.tell(json!({"do": "write", "size": 60_000, "chunk": 4000, "seed": 3}));
            opener.tell(json!({"do": "close_stream"}));
            acceptor.tell(json!({"do": "read_pattern", "size": 60_000, "seed": 3}));
        });
    });
}

#[test]
fn w37_large_transfers_lose_nothing() {
    every_pair(|_, pair| {
        both_ways(pair, |opener, acceptor| {
            // The old transport holds 32 packets for its reader and drops the rest.
            let size = if acceptor.generation == Generation::A { 1 << 20 } else { 8 << 20 };
            let reading = json!({"do": "read_pattern", "on": acceptor.name, "size": size, "seed": 9});
            let read = acceptor.peer.begin(reading);
            opener.tell(json!({"do": "write", "size": size, "chunk": 64 << 10, "seed": 9}));
            assert_eq!(acceptor.peer.answer(read).map(drop), Ok(()));
            opener.tell(json!({"do": "close_stream"}));
        });
    });
}

#[test]
fn the_death_of_one_end_ends_the_stream_at_the_other() {
    for generation in Generation::ALL {
        let gateway = frontier_integration_tests::Gateway::start();
        let service = Start::service(generation, gateway.service, "svc", &[]).up();
        let edge = Start::edge(generation, gateway.edge, "").up();
        let at_edge = edge.open("svc");
        service.accepted();
        let end = edge.begin(json!({"do": "read_end", "on": at_edge}));
        service.kill();
        assert!(edge.answer(end).is_ok());
    }
}

#[test]
fn streams_that_cross_open_at_once() {
    every_pair(|_, pair| {
        let edge = pair.edge.id.to_string();
        for _ in 0..4 {
            let up = pair.edge.begin(json!({"do": "open", "peer": "svc"}));
            let down = pair.service.begin(json!({"do": "open", "peer": edge}));
            for (opener, opening, acceptor) in [(&pair.edge, up, &pair.service), (&pair.service, down, &pair.edge)] {
                let answer = opener.answer(opening).expect("the stream opens");
                let accepted = acceptor.accepted();
                opener.tell(json!({"do": "write", "on": answer["stream"], "value": encode(b"hello")}));
                let read = acceptor.tell(json!({"do": "read", "on": accepted, "size": 5}));
                assert_eq!(bytes(&read["value"]), b"hello");
            }
        }
    });
}
