//! What bridge and server agree on when they connect, and what comes of it.

use std::collections::HashSet;

use frontier_integration_tests::bridges::is;
use frontier_integration_tests::brokers::Settings as Plain;
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, Proxy, Settings, eventually};

use super::{Shared, TOOL_PATIENCE, alice_publishes, node};
use crate::{Access, BRIDGE, Target, gateway, with};

/// What the broker's own tool says of the connection to this virtual host.
#[track_caller]
fn negotiated(host: &str) -> String {
    let columns = "--quiet list_connections vhost channel_max frame_max timeout user client_properties";
    let done = node().ctl(columns).run_within(TOOL_PATIENCE, b"");
    assert_eq!(done.code, 0, "{}", done.err);
    let text = done.text();
    let connections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&format!("{host}\t"))).collect();
    let [connection] = &*connections else { panic!("one connection to {host}: {text}") };
    let (numbers, properties) = connection.rsplit_once('\t').expect("several columns");
    assert!(properties.contains("\"connection_name\",\"frontier\""), "{properties}");
    numbers.replace('\t', " ")
}

/// A gateway with this under `mqm.amqp`.
#[track_caller]
fn of_the_go_gateway(target: &Shared, lines: &str) -> Gateway {
    let sections = format!(
        "mqm:\n  amqp:\n    enable: true\n    addrs: ['{}/{}']\n    producer: {{ routing_keys: [t] }}\n{lines}",
        target.addr(),
        target.host
    );
    let gateway = Settings { sections, ..Settings::default() }.start();
    eventually("it is up", || is(&gateway, "mqm.amqp", "up").then_some(()));
    gateway
}

#[test]
fn what_is_configured_is_what_is_negotiated() {
    let target = Shared::with(&[]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let set = ["  channel_max: 9", "  frame_max: 8192", "  heartbeat_seconds: 7", "  locale: en_US", "topics: [t]"];
    let _gateway = gateway(with(lines, &set));
    assert_eq!(negotiated(&target.host), "9 8192 7 guest");
}

#[test]
fn what_the_go_gateways_form_sets_is_what_is_negotiated() {
    let target = Shared::with(&[]);
    let set = "    channel_max: 11\n    frame_size: 9000\n    heartbeat: 8\n    locale: en_US\n";
    let _gateway = of_the_go_gateway(&target, set);
    assert_eq!(negotiated(&target.host), "11 9000 8 guest");
}

/// The server's numbers, but for heartbeats; and where it allows less than is set, that.
#[test]
fn what_is_not_set_is_the_servers() {
    let target = Shared::with(&[]);
    let _gateway = of_the_go_gateway(&target, "    heartbeat: 0\n");
    assert_eq!(negotiated(&target.host), "2047 131072 10 guest");

    let target = Shared::with(&[]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let set = ["  channel_max: 65535", "  frame_max: 1048576", "  heartbeat_seconds: 3600", "topics: [t]"];
    let _gateway = gateway(with(lines, &set));
    assert_eq!(negotiated(&target.host), "2047 131072 60 guest");
}

/// In the smallest frames: a body goes in as many as it takes, and headers are taken as long as they fit in one. The broker would
/// close the connection for a byte more.
#[test]
fn headers_fill_a_frame_and_no_more() {
    let proxy = Proxy::new();
    let mut target = Shared::start_behind(&proxy, &Plain::default(), &["t"]);
    let lines = Shared::bridge(&proxy.addr.to_string(), &Access::default());
    let properties = "  properties: { priority: 3, correlation_id: request-1, app_id: frontier }";
    let gateway = gateway(with(lines, &["  frame_max: 4096", properties, "topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    let before = proxy.accepted();
    let sizes = 3500..4096;
    let body = vec![b'x'; 50_000];
    let sent: Vec<u64> = sizes
        .clone()
        .map(|size| edge.message(&Body::new().topic("t").value(&body).custom(&vec![b'c'; size])))
        .collect();
    let outcomes: Vec<_> = sent.into_iter().map(|packet| edge.acked(packet)).collect();
    let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(taken > 0 && outcomes[..taken].iter().all(Result::is_ok), "the smaller ones: {taken}");
    for error in outcomes[taken..].iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(error.contains("a frame of 4096 bytes must hold them"), "{error}");
    }
    assert!(taken < outcomes.len());
    let stored = target.stored("t");
    assert!(stored.len() == taken && stored.iter().all(|record| record.payload == body));
    assert_eq!(proxy.accepted(), before, "the connection is the same");
}

/// Each refused message uses a channel up. With no more than a bridge needs that is soon told of the connection; nothing else is
/// told, lost, or out of order.
#[test]
fn a_connection_without_channels_left_is_made_anew() {
    const COUNT: usize = 60;
    let proxy = Proxy::new();
    let (mut target, gateway) = alice_publishes(&proxy, "  channel_max: 4");
    let (mut good, mut bad) = (Client::edge(gateway.edge), Client::edge(gateway.edge));
    let before = proxy.accepted();
    let mut sent = Vec::new();
    for number in 0..COUNT {
        let value = format!("{}/{number:06}", good.id);
        let passes = good.message(&Body::new().topic("open").value(value.as_bytes()).deadline(&time::from_now(300)));
        // Each by a key of its own, so that the broker is asked each time.
        let topic = format!("shut.{number}");
        let refused = (number % 10 == 5)
            .then(|| bad.message(&Body::new().topic(&topic).value(b"bad").deadline(&time::from_now(300))));
        sent.push((passes, refused));
    }
    for (passes, refused) in sent {
        assert_eq!(good.acked(passes), Ok(()));
        if let Some(refused) = refused {
            let error = bad.acked(refused).expect_err("alice may not");
            assert!(error.contains("ACCESS_REFUSED - access to topic 'shut"), "{error}");
        }
    }
    assert!(proxy.accepted() > before, "the connection was made anew");
    let line = gateway.logged("bridge down");
    assert!(line.contains("all channels of the connection are used up"), "{line}");
    let stored = eventually("all are there", || Some(target.stored("t")).filter(|stored| stored.len() >= COUNT));
    assert!(stored.iter().all(|record| record.payload != b"bad"));
    // Copies of what was under way may come: of these the first counts.
    let mut seen = HashSet::new();
    let first: Vec<&[u8]> =
        stored.iter().map(|record| &*record.payload).filter(|payload| seen.insert(*payload)).collect();
    assert!(first.len() == COUNT && first.is_sorted(), "in order: {}", first.len());
    eventually_within(TOOL_PATIENCE, "it is up", || is(&gateway, BRIDGE, "up").then_some(()));
}

/// A server that allows too few says so before anything is published.
#[test]
fn a_server_that_allows_too_few_channels_is_told() {
    let lines = vec!["channel_max = 3".to_owned()];
    let node = frontier_integration_tests::brokers::Rabbitmq::start(&Plain { lines, ..Plain::default() });
    let lines = super::Own::bridge(&node.addr.to_string(), &Access::default());
    let gateway = crate::settings(&[(BRIDGE, with(lines, &["topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("the server allows 3 channels on a connection; a bridge needs 4"), "{line}");
}
