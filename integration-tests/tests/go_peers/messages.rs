//! Messages both ways, acknowledged and refused.

use frontier_integration_tests::go::{Generation, Start, bytes, encode};
use frontier_integration_tests::{Gateway, go};
use serde_json::json;

use crate::pairs::{every_pair, payload};

#[test]
fn messages_of_every_size_are_delivered_and_acked_both_ways() {
    every_pair(|_, pair| {
        pair.receive();
        for size in [0, 1, 64 * 1024, 1024 * 1024] {
            let value = payload(size);
            assert_eq!(pair.edge.publish(0, "t", &value), Ok(()));
            let message = pair.service.event("message");
            assert_eq!((bytes(&message["value"]), go::decimal(&message["edge"])), (value.clone(), pair.edge.id));
            assert_eq!(message["topic"], "t");
            assert_eq!(pair.service.publish(pair.edge.id, "", &value), Ok(()));
            assert_eq!(bytes(&pair.edge.event("message")["value"]), value);
        }
    });
}

#[test]
fn the_users_custom_arrives_without_the_tail() {
    every_pair(|_, pair| {
        pair.receive();
        let custom = encode(b"user's");
        pair.edge.tell(json!({"do": "publish", "topic": "t", "custom": custom}));
        assert_eq!(bytes(&pair.service.event("message")["custom"]), b"user's");
        let edge = pair.edge.id.to_string();
        pair.service.tell(json!({"do": "publish", "edge": edge, "custom": custom}));
        assert_eq!(bytes(&pair.edge.event("message")["custom"]), b"user's");
    });
}

#[test]
fn refusals_reach_the_publisher_and_end_nothing() {
    every_pair(|gateway, pair| {
        let refuse = json!({"do": "receive", "reply": "fail", "text": "not today"});
        pair.edge.tell(refuse.clone());
        pair.service.tell(refuse);
        let willing = Start::edge(Generation::B, gateway.edge, "").up();
        willing.tell(json!({"do": "receive", "reply": "ack"}));
        let not_today = Err("not today".to_owned());
        assert_eq!(pair.edge.publish(0, "t", b"x"), not_today);
        assert_eq!(pair.service.publish(pair.edge.id, "", b"x"), not_today);
        assert_eq!(pair.service.publish(4242, "", b"x"), Err("edge not online".to_owned()));
        assert_eq!(pair.edge.publish(0, "nobody's", b"x"), Err("topic not online".to_owned()));
        assert_eq!(pair.service.publish(willing.id, "", b"x"), Ok(()));
    });
}

#[test]
fn topics_reach_their_own_service() {
    for generation in Generation::ALL {
        let gateway = Gateway::start();
        let edge = Start::edge(generation, gateway.edge, "").up();
        let services = [["a", "shared"], ["b", "*"]].map(|topics| {
            let service = Start::service(generation, gateway.service, "svc", &topics).up();
            service.tell(json!({"do": "receive", "reply": "ack"}));
            service
        });
        for (topic, taker) in [("a", 0), ("b", 1), ("shared", 0), ("anything", 1)] {
            assert_eq!(edge.publish(0, topic, b"x"), Ok(()));
            assert_eq!(services[taker].event("message")["topic"], topic);
        }
    }
}

#[test]
fn a_receiver_that_takes_its_time_holds_up_neither_calls_nor_other_receivers() {
    every_pair(|gateway, pair| {
        pair.echo();
        pair.edge.tell(json!({"do": "receive", "reply": "hold"}));
        let other = Start::edge(Generation::A, gateway.edge, "").up();
        other.tell(json!({"do": "receive", "reply": "ack"}));
        let edge = pair.edge.id.to_string();
        let held = pair.service.begin(json!({"do": "publish", "edge": edge}));
        let key = pair.edge.event("message")["key"].clone();
        assert_eq!(pair.service.call(pair.edge.id, "echo", b"meanwhile"), Ok(b"meanwhile".to_vec()));
        assert_eq!(pair.service.publish(other.id, "", b"meanwhile"), Ok(()));
        pair.edge.tell(json!({"do": "release", "target": key}));
        assert!(pair.service.answer(held).is_ok());
    });
}

#[test]
fn hundreds_of_messages_without_waiting_keep_their_order() {
    every_pair(|_, pair| {
        pair.receive();
        let edge = pair.edge.id.to_string();
        let publish = json!({"do": "publish_many", "topic": "t", "edge": edge, "count": 300, "size": 100});
        for (publisher, receiver) in [(&pair.edge, &pair.service), (&pair.service, &pair.edge)] {
            let sum = publisher.tell(publish.clone());
            assert_eq!(sum["ok"], 300, "{sum}");
            for at in 0..300 {
                let value = bytes(&receiver.event("message")["value"]);
                assert!(value.starts_with(format!("{at} ").as_bytes()), "message {at}");
            }
        }
    });
}
