//! What is declared, sent along, and needed to get in.

use std::time::Duration;

use frontier_integration_tests::bridges::{Arrived, is};
use frontier_integration_tests::brokers::{Broker, Login, Settings};
use frontier_integration_tests::raw::{Body, Client, time};
use frontier_integration_tests::wait::eventually_within;
use frontier_integration_tests::{Gateway, PATIENCE, eventually};

use super::{ODD, Shared, TOOL_PATIENCE, node};
use crate::scenarios::odd_passwords_are_taken_as_they_stand;
use crate::{Access, BRIDGE, Target, gateway, settings, with};

/// How long a bridge may take to be up when what stood in its way is gone, on a busy machine.
const RECOVERS: Duration = Duration::from_secs(60);

#[track_caller]
fn ctl(args: &str) {
    let done = node().ctl(args).run_within(TOOL_PATIENCE, b"");
    assert_eq!(done.code, 0, "{args}: {}", done.err);
}

#[track_caller]
fn comes_up(gateway: &Gateway) {
    eventually_within(RECOVERS, "it is up", || is(gateway, BRIDGE, "up").then_some(()));
}

/// Publishes, and wants it acked.
#[track_caller]
fn passes(edge: &mut Client, topic: &str) {
    let sent = edge.message(&Body::new().topic(topic).value(b"x"));
    assert_eq!(edge.acked(sent), Ok(()));
}

#[test]
fn properties_go_along() {
    let target = Shared::with(&["t"]);
    let lines = with(
        Shared::bridge(&target.addr().to_string(), &Access::default()),
        &[
            "  properties:",
            "    content_type: text/plain",
            "    content_encoding: identity",
            "    priority: 5",
            "    correlation_id: request-1",
            "    reply_to: answers",
            "    expiration: '3600000'",
            "    type: reading",
            "    user_id: guest",
            "    app_id: frontier",
            "topics: [t]",
            "headers: { fixed: { origin: lab } }",
        ],
    );
    let gateway = gateway(lines);
    let mut edge = Client::edge(gateway.edge);
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("the clock is right").as_secs();
    let sent = edge.message(&Body::new().topic("t").value(b"21.5").custom(b"\xff\x00"));
    assert_eq!(edge.acked(sent), Ok(()));
    let [stored] = &*target.all_of("t") else { panic!("one message") };
    let mut properties = stored.properties.clone();
    let at: u64 = properties.remove("timestamp").expect("it has a time").parse().expect("a number");
    assert!((before..before + PATIENCE.as_secs()).contains(&at), "{at}, {before}");
    let id = properties.remove("message_id").expect("it has an id");
    assert_eq!(stored.headers["frontier-message-id"], id.as_bytes());
    assert_eq!(stored.headers["frontier-custom"], b"\xff\x00");
    assert_eq!(stored.headers["origin"], b"lab");
    let expected = [
        ("app_id", "frontier"),
        ("content_encoding", "identity"),
        ("content_type", "text/plain"),
        ("correlation_id", "request-1"),
        ("delivery_mode", "2"),
        ("expiration", "3600000"),
        ("priority", "5"),
        ("reply_to", "answers"),
        ("type", "reading"),
        ("user_id", "guest"),
    ];
    assert_eq!(properties, expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[test]
fn without_persistence_and_headers_there_is_less() {
    let target = Shared::with(&["t"]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let gateway = gateway(with(lines, &["  persistent: false", "topics: [t]", "headers: { enable: false }"]));
    passes(&mut Client::edge(gateway.edge), "t");
    let [stored] = &*target.all_of("t") else { panic!("one message") };
    assert_eq!(stored.properties["delivery_mode"], "1");
    assert!(stored.headers.is_empty() && stored.properties.contains_key("message_id"), "{stored:?}");
}

/// The lines of a bridge that declares what it needs.
fn declaring(target: &Shared) -> Vec<String> {
    with(
        Shared::bridge(&target.addr().to_string(), &Access::default()),
        &[
            "  exchange: readings",
            "  exchanges: [{ name: readings, kind: topic, durable: true }]",
            "  queues: [{ name: all, durable: true }]",
            "  bindings: [{ queue_name: all, exchange_name: readings, binding_key: 'site.*' }]",
            "topics: ['*']",
            "destination: site.${topic}",
        ],
    )
}

#[test]
fn what_is_declared_is_there_and_a_restart_finds_it() {
    let target = Shared::with(&[]);
    for round in 1..=2 {
        let gateway = gateway(declaring(&target));
        passes(&mut Client::edge(gateway.edge), "north");
        let stored = target.all_of("all");
        assert_eq!(stored.len(), round);
        assert!(stored.iter().all(|stored| stored.routing_key == "site.north"));
    }
}

#[test]
fn exchanges_and_queues_are_declared_as_they_are_described() {
    let target = Shared::with(&[]);
    let lines = [
        "  exchanges: [{ name: plain, kind: fanout }, { name: inner, kind: direct, auto_delete: true, internal: true }]",
        "  queues: [{ name: own, exclusive: true }, { name: short, auto_delete: true }, { name: long, durable: true }]",
        "  bindings: [{ queue_name: own, exchange_name: plain }]",
        "topics: [t]",
    ];
    let _gateway = gateway(with(Shared::bridge(&target.addr().to_string(), &Access::default()), &lines));
    let told = |what: &str| {
        let done = node().ctl(&format!("--quiet {what}")).arg("-p").arg(&target.host).run_within(TOOL_PATIENCE, b"");
        assert_eq!(done.code, 0, "{what}: {}", done.err);
        let lines = done.text().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let ours = ["plain", "inner", "own", "short", "long"];
        let mut lines: Vec<String> =
            lines.filter(|line| ours.iter().any(|name| line.starts_with(&format!("{name} ")))).collect();
        lines.sort();
        lines
    };
    assert_eq!(
        told("list_exchanges name type durable auto_delete internal"),
        ["inner direct false true true", "plain fanout false false false"]
    );
    assert_eq!(
        told("list_queues name durable auto_delete exclusive"),
        ["long true false false", "own false false true", "short false true false"]
    );
}

/// Numbers and texts among them: else the broker would refuse the queue, or take more than one message.
#[test]
fn arguments_of_a_queue_are_declared() {
    let target = Shared::with(&[]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let queue = "  queues: [{ name: t, durable: true, arguments: { x-max-length: 1, x-overflow: reject-publish } }]";
    let gateway = gateway(with(lines, &[queue, "topics: [t]"]));
    let mut edge = Client::edge(gateway.edge);
    passes(&mut edge, "t");
    let refused = (0..100).find_map(|_| {
        let sent = edge.message(&Body::new().topic("t").value(b"x"));
        edge.acked(sent).err()
    });
    assert!(refused.is_some_and(|error| error.contains("reject-publish")));
}

/// What the exchange has no queue for goes to its alternate exchange, and counts as taken.
#[test]
fn arguments_of_an_exchange_are_declared() {
    let target = Shared::with(&[]);
    let lines = [
        "  exchange: readings",
        "  exchanges:",
        "    - { name: strays, kind: fanout }",
        "    - { name: readings, kind: direct, arguments: { alternate-exchange: strays } }",
        "  queues: [{ name: known, durable: true }, { name: rest, durable: true }]",
        "  bindings:",
        "    - { queue_name: known, exchange_name: readings, binding_key: t }",
        "    - { queue_name: rest, exchange_name: strays }",
        "topics: ['*']",
    ];
    let gateway = gateway(with(Shared::bridge(&target.addr().to_string(), &Access::default()), &lines));
    let mut edge = Client::edge(gateway.edge);
    ["t", "nowhere"].into_iter().for_each(|topic| passes(&mut edge, topic));
    for (queue, key) in [("known", "t"), ("rest", "nowhere")] {
        let keys: Vec<String> = target.all_of(queue).into_iter().map(|stored| stored.routing_key).collect();
        assert_eq!(keys, [key], "{queue}");
    }
}

/// A queue that is there with other arguments: the state has the broker's own words, and once it is gone the bridge comes up.
#[test]
fn a_declaration_that_differs_is_told_in_the_brokers_words() {
    let target = Shared::with(&[]);
    let mut client = target.client();
    client.declares_passing("all");
    let gateway = settings(&[(BRIDGE, declaring(&target))]).start();
    let line = gateway.logged("bridge down");
    let expected = "queue \\\"all\\\": PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'all'";
    assert!(line.contains(expected) || line.contains(&expected.replace('\\', "")), "{line}");
    let mut edge = Client::edge(gateway.edge);
    let soon = edge.message(&Body::new().topic("north").value(b"x").deadline(&time::from_now(1)));
    let error = edge.acked(soon).expect_err("it is down");
    assert!(error.contains("down: queue \"all\": PRECONDITION_FAILED"), "{error}");
    client.deletes("all");
    client.closes();
    comes_up(&gateway);
    passes(&mut edge, "north");
}

/// The exchange is not there, comes, goes while messages pass, and comes back: the state says it, and nothing acked is missing.
#[test]
fn an_exchange_that_is_missing_is_told_until_it_is_there() {
    let target = Shared::with(&["t"]);
    let lines = Shared::bridge(&target.addr().to_string(), &Access::default());
    let gateway = settings(&[(BRIDGE, with(lines, &["  exchange: readings", "topics: [t]"]))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("NOT_FOUND - no exchange 'readings' in vhost"), "{line}");
    let mut client = target.client();
    let appears = |client: &mut super::Client<std::net::TcpStream>| {
        client.declares_exchange("readings", "fanout");
        client.binds("t", "readings", "");
    };
    appears(&mut client);
    comes_up(&gateway);
    let mut edge = Client::edge(gateway.edge);
    passes(&mut edge, "t");
    client.deletes_exchange("readings");
    let waits = edge.message(&Body::new().topic("t").value(b"waits").deadline(&time::from_now(300)));
    let soon = edge.message(&Body::new().topic("t").value(b"soon").deadline(&time::from_now(2)));
    let error = edge.acked(soon).expect_err("there is no exchange");
    assert!(error.contains("NOT_FOUND - no exchange 'readings'"), "{error}");
    eventually("it is down", || is(&gateway, BRIDGE, "down").then_some(()));
    appears(&mut client);
    client.closes();
    assert_eq!(edge.acked(waits), Ok(()));
    passes(&mut edge, "t");
    let stored: Vec<Vec<u8>> = target.all_of("t").into_iter().map(|stored| stored.payload).collect();
    assert_eq!(stored, [&b"x"[..], b"waits", b"x"]);
}

/// The virtual host is not there, and is made later.
#[test]
fn a_virtual_host_that_is_missing_is_told_until_it_is_there() {
    let lines = vec!["amqp:".to_owned(), format!("  addrs: ['{}']", node().addr), "  vhost: nope".to_owned()];
    let declared = ["  queues: [{ name: t, durable: true }]", "topics: [t]"];
    let gateway = settings(&[(BRIDGE, with(lines, &declared))]).start();
    let line = gateway.logged("bridge down");
    assert!(line.contains("vhost nope not found"), "{line}");
    let mut edge = Client::edge(gateway.edge);
    let waits = edge.message(&Body::new().topic("t").value(b"waits").deadline(&time::from_now(300)));
    ctl("add_vhost nope");
    ctl("set_permissions --vhost nope guest .* .* .*");
    comes_up(&gateway);
    assert_eq!(edge.acked(waits), Ok(()));
}

/// The shared node, by a user, a password and a virtual host that are not easily written.
struct Odd(Shared);

impl Target for Odd {
    const TOO_LARGE: &str = Shared::TOO_LARGE;

    fn start(_: &Settings, destinations: &[&str]) -> Self {
        Self(Shared::in_host(ODD.0, destinations))
    }

    fn broker(&mut self) -> &mut Broker {
        self.0.broker()
    }

    fn addr(&self) -> std::net::SocketAddr {
        self.0.addr()
    }

    fn tls_addr(&self) -> Option<std::net::SocketAddr> {
        None
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        Shared::bridge(addr, access)
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        self.0.stored(destination)
    }
}

#[test]
fn odd_names_and_passwords_are_taken_as_they_stand() {
    odd_passwords_are_taken_as_they_stand::<Odd>(&Settings::default(), &Login::new(ODD.1, ODD.2));
}
