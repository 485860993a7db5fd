//! Much at once.

use std::time::Duration;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::go::Generation;
use serde_json::json;

use crate::pairs::{Pair, every_pair};

/// For transfers that take a busy machine a while.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn four_hundred_calls_at_once() {
    every_pair(|_, pair| {
        pair.echo();
        let edge = pair.edge.id.to_string();
        let command = json!({"do": "call_many", "edge": edge, "method": "echo", "count": 400, "size": 200});
        for caller in [&pair.edge, &pair.service] {
            let sum = caller.tell(command.clone());
            assert_eq!(sum["ok"], 400, "{sum}");
        }
    });
}

#[test]
fn calls_both_ways_at_once() {
    every_pair(|_, pair| {
        pair.echo();
        let edge = pair.edge.id.to_string();
        let command = json!({"do": "call_many", "edge": edge, "method": "echo", "count": 200, "size": 400});
        let up = pair.edge.begin(command.clone());
        let down = pair.service.begin(command);
        for (caller, ticket) in [(&pair.edge, up), (&pair.service, down)] {
            let sum = caller.answer(ticket).expect("the calls are summed up");
            assert_eq!(sum["ok"], 200, "{sum}");
        }
    });
}

#[test]
fn fifty_streams_at_once() {
    every_pair(|_, pair| {
        let opening = json!({"do": "stream_many", "peer": "svc", "count": 50, "size": 3000});
        let many = pair.edge.begin(opening);
        for _ in 0..50 {
            let name = pair.service.accepted();
            pair.service.tell(json!({"do": "echo_raw", "on": name}));
        }
        let sum = pair.edge.answer(many).expect("the streams are summed up");
        assert_eq!(sum["ok"], 50, "{sum}");
    });
}

#[test]
fn fifty_streams_of_a_service_at_once() {
    every_pair(|_, pair| {
        let opening = json!({"do": "stream_many", "peer": pair.edge.id.to_string(), "count": 50, "size": 3000});
        let many = pair.service.begin(opening);
        for _ in 0..50 {
            let name = pair.edge.accepted();
            pair.edge.tell(json!({"do": "echo_raw", "on": name}));
        }
        let sum = pair.service.answer(many).expect("the streams are summed up");
        assert_eq!(sum["ok"], 50, "{sum}");
    });
}

#[test]
fn a_quarter_of_a_gibibyte_arrives_with_its_checksum() {
    // The old transport drops what its reader has not fetched, so this is for the new one.
    let gateway = Gateway::start();
    let pair = Pair::connect(&gateway, Generation::B, Generation::B);
    let size = 256 << 20;
    let stream = pair.edge.open("svc");
    let accepted = pair.service.accepted();
    for (writer, from, reader, to) in
        [(&pair.edge, &stream, &pair.service, &accepted), (&pair.service, &accepted, &pair.edge, &stream)]
    {
        let read = reader.begin(json!({"do": "read_sum", "on": to, "size": size}));
        let write = writer.begin(json!({"do": "write", "on": from, "size": size, "chunk": 64 << 10, "seed": 5}));
        let written = writer.answer_within(write, LONG).expect("all is written");
        let read = reader.answer_within(read, LONG).expect("all is read");
        assert_eq!(written["sum"].as_str().map(str::len), Some(64));
        assert_eq!(read["sum"], written["sum"]);
    }
}
