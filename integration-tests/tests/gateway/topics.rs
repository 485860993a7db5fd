//! Which service takes a topic.

use std::collections::HashSet;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, gather, kind};

/// Services by the topics they take, and an edge that publishes.
struct Topics {
    services: Vec<(&'static str, Client)>,
    edge: Client,
}

impl Topics {
    fn connect(gateway: &Gateway, topics: &[&'static str]) -> Self {
        let services = topics.iter().map(|topic| (*topic, Client::service(gateway.service, "svc", &[topic])));
        Self { services: services.collect(), edge: Client::edge(gateway.edge) }
    }

    /// Publishes to `topic`; the service that declared `taker` must get it.
    #[track_caller]
    fn goes(&mut self, topic: &str, taker: &str) {
        let sent = self.edge.message(&Body::new().topic(topic).value(b"x"));
        let service = self.services.iter_mut().find(|(declared, _)| *declared == taker);
        let (_, service) = service.expect("the test names a topic of its own");
        let message = service.received();
        assert_eq!(message.text("topic"), topic);
        service.ack(&message);
        assert_eq!(self.edge.acked(sent), Ok(()));
    }

    /// Publishes to `topic`, which nobody takes.
    #[track_caller]
    fn nowhere(&mut self, topic: &str) {
        let sent = self.edge.message(&Body::new().topic(topic).value(b"x"));
        assert_eq!(self.edge.acked(sent), Err("topic not online".to_owned()));
    }
}

#[test]
fn w02_a_star_takes_what_nobody_else_takes() {
    let gateway = Gateway::start();
    let mut topics = Topics::connect(&gateway, &["*", "known"]);
    topics.goes("known", "known");
    topics.goes("anything else", "*");
    topics.goes("*", "*");
    topics.goes("", "*");
}

#[test]
fn a_star_inside_a_topic_stands_for_any_run_of_characters() {
    let gateway = Gateway::start();
    let mut topics = Topics::connect(&gateway, &["a/*/z", "b*"]);
    topics.goes("a/1/z", "a/*/z");
    topics.goes("a/1/2/z", "a/*/z");
    topics.goes("a//z", "a/*/z");
    topics.goes("b", "b*");
    topics.goes("bcd", "b*");
    topics.nowhere("a/z");
    topics.nowhere("a/1/y");
    topics.nowhere("B");
}

#[test]
fn the_exact_topic_wins_then_the_longest_literal_prefix_then_the_star() {
    let gateway = Gateway::start();
    let mut topics = Topics::connect(&gateway, &["*", "a*", "ab*c", "abc"]);
    topics.goes("abc", "abc");
    topics.goes("abxc", "ab*c");
    topics.goes("abx", "a*");
    topics.goes("x", "*");
}

#[test]
fn a_topic_ends_with_its_service_and_the_next_best_takes_over() {
    let gateway = Gateway::start();
    let mut topics = Topics::connect(&gateway, &["t", "*"]);
    topics.goes("t", "t");
    topics.services.remove(0).1.close();
    topics.goes("t", "*");
    topics.services.remove(0).1.close();
    topics.nowhere("t");
}

#[test]
fn services_that_share_a_topic_share_the_edges() {
    let gateway = Gateway::start();
    let mut services: Vec<Client> = (0..2).map(|_| Client::service(gateway.service, "svc", &["t"])).collect();
    let mut edges: Vec<Client> = (0..20).map(|_| Client::edge(gateway.edge)).collect();
    let mut takers = HashSet::new();
    for edge in &mut edges {
        let taker = taker(&mut services, edge);
        takers.insert(taker);
        for _ in 0..3 {
            assert_eq!(self::taker(&mut services, edge), taker, "an edge keeps to its service");
        }
    }
    assert_eq!(takers.len(), 2, "20 edges over 2 services");
}

/// Which service gets a message of this edge.
fn taker(services: &mut [Client], edge: &mut Client) -> usize {
    let sent = edge.message(&Body::new().topic("t"));
    let (at, message) = gather(services, kind::MESSAGE, 1).remove(0);
    services[at].ack(&message);
    assert_eq!(edge.acked(sent), Ok(()));
    at
}

#[test]
fn a_service_may_declare_many_topics_and_one_twice() {
    let gateway = Gateway::start();
    let names: Vec<String> = (0..500).map(|at| format!("topic/{at}")).collect();
    let mut declared: Vec<&str> = names.iter().map(String::as_str).collect();
    declared.push("topic/7");
    let mut service = Client::service(gateway.service, "svc", &declared);
    let mut edge = Client::edge(gateway.edge);
    for topic in ["topic/0", "topic/7", "topic/499"] {
        let sent = edge.message(&Body::new().topic(topic));
        let message = service.received();
        service.ack(&message);
        assert_eq!(edge.acked(sent), Ok(()));
    }
    assert_eq!(service.unasked(), []);
}

#[test]
fn declaring_a_topic_again_after_a_reconnect_takes_effect_at_once() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    for _ in 0..20 {
        let mut service = Client::service(gateway.service, "svc", &["t"]);
        let sent = edge.message(&Body::new().topic("t"));
        let message = service.received();
        service.ack(&message);
        assert_eq!(edge.acked(sent), Ok(()));
        service.close();
    }
}
