//! Channels, and streams that are cut.

use std::time::Duration;

use frontier_integration_tests::brokers::{RedisClient, Reply, Settings};
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::{Body, Client};
use serde_json::Value;

use super::Redis;
use super::refusals::{accepted, refused};
use crate::{Access, Target, gateway, with};

fn to_channels(target: &Redis, more: &[&str]) -> Vec<String> {
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    with(with(lines, &["  form: pubsub"]), more)
}

/// A client that listens to `channel`.
#[track_caller]
fn listener(target: &Redis, channel: &str) -> RedisClient {
    let mut client = target.client();
    let subscribed = client.ask(&["SUBSCRIBE", channel]);
    assert_eq!(subscribed.list()[2], Reply::Number(1), "{subscribed:?}");
    client
}

/// The next message that a listener gets.
#[track_caller]
fn heard(client: &mut RedisClient) -> Vec<u8> {
    let message = client.reply().expect("a message comes");
    assert_eq!(message.list()[0].text(), "message");
    message.list()[2].bytes().to_vec()
}

#[test]
fn a_channel_gets_the_bytes_as_they_are_or_a_json_object() {
    let target = Redis::start(&Settings::default(), &[]);
    let mut listener = listener(&target, "c.t");
    let mut edge_id = String::new();
    for (payload, check) in [
        ("payload: raw", (|heard, _| assert_eq!(heard, b"\x00\xff21.5")) as fn(&[u8], &str)),
        ("payload: json", |heard, edge| {
            let object: Value = serde_json::from_slice(heard).expect("an object");
            assert_eq!((object["edge_id"].as_str(), object["topic"].as_str()), (Some(edge), Some("t")));
            assert!(object["message_id"].is_string() && object["time"].is_string(), "{object}");
            assert_eq!(object["payload_base64"], "AP8yMS41");
        }),
    ] {
        let gateway = gateway(to_channels(&target, &["topics: [t]", "destination: c.${topic}", payload]));
        let mut edge = Client::edge(gateway.edge);
        edge_id.replace_range(.., &edge.id.to_string());
        let sent = edge.message(&Body::new().topic("t").value(b"\x00\xff21.5"));
        assert_eq!(edge.acked(sent), Ok(()));
        check(&heard(&mut listener), &edge_id);
    }
}

#[test]
fn a_message_that_nobody_listens_to_fails_if_that_is_wanted() {
    let target = Redis::start(&Settings::default(), &[]);
    let gateway_that_minds = gateway(to_channels(&target, &["  fail_without_listeners: true", "topics: [t]"]));
    assert_eq!(refused(&gateway_that_minds, &target, "t"), "nobody listens to the channel");
    let mut client = listener(&target, "t");
    accepted(&gateway_that_minds, "t");
    assert_eq!(heard(&mut client), b"x");
    drop(client);
    eventually("nobody listens any more", || {
        let listening = target.client().ask(&["PUBSUB", "NUMSUB", "t"]);
        (listening.list()[1] == Reply::Number(0)).then_some(())
    });
    let gateway = gateway(to_channels(&target, &["topics: [t]"]));
    accepted(&gateway, "t");
}

#[test]
fn a_stream_keeps_about_as_many_entries_as_it_may() {
    let target = Redis::start(&Settings::default(), &[]);
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  max_len: 100", "topics: [t]"]));
    let load = frontier_integration_tests::bridges::Load::start(gateway.edge, 4, "t", Duration::ZERO);
    eventually("a thousand acks", || (load.acked() >= 1_000).then_some(()));
    let sent: usize = load.stop().iter().map(|told| told.sent).sum();
    let kept = target.client().ask(&["XLEN", "t"]).number();
    // It cuts whole nodes, of a hundred entries each.
    assert!((100..300).contains(&kept), "{kept} of {sent}");
    let about = target.client().ask(&["XINFO", "STREAM", "t"]);
    let added = about.list().chunks(2).find(|pair| pair[0].text() == "entries-added").expect("Redis counts them");
    assert_eq!(added[1].number(), sent as i64);
}

#[test]
fn a_database_of_its_own_is_used() {
    let target = Redis::start(&Settings::default(), &[]);
    let lines = Redis::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  db: 3", "topics: [t]"]));
    accepted(&gateway, "t");
    let mut client = target.client();
    assert_eq!(client.ask(&["XLEN", "t"]).number(), 0);
    client.done(&["SELECT", "3"]);
    assert_eq!(client.ask(&["XLEN", "t"]).number(), 1);
    let clients = client.ask(&["CLIENT", "LIST"]);
    assert!(clients.text().contains("name=frontier-b "), "{}", clients.text());
}
