//! Much at once.

use serde_json::json;

use crate::pairs::every_pair;

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
