//! Kafka.

mod access;
mod delivery;
mod setup;
mod sizes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use frontier_integration_tests::Proxy;
use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::{Broker, Kafka, KafkaLog, Settings, make_topics};
use frontier_integration_tests::raw::{Body, Client};

use crate::{Access, Target, scenarios};

/// A JVM starts for each of Kafka's tools, beside others.
const TOOL_PATIENCE: Duration = Duration::from_secs(180);

/// A Kafka server, and readers of its topics.
#[derive(Debug)]
pub(crate) struct Server {
    kafka: Kafka,
    logs: HashMap<String, KafkaLog>,
}

impl Server {
    #[track_caller]
    fn over(kafka: Kafka, topics: &[&str]) -> Self {
        let server = Self { kafka, logs: HashMap::new() };
        server.make(topics, 1, &[]);
        server
    }

    /// Makes topics.
    #[track_caller]
    fn make(&self, topics: &[&str], partitions: i32, properties: &[(&str, &str)]) {
        make_topics(self.kafka.inside, topics, partitions, properties).expect("topics can be made");
    }

    /// Makes a user who logs in by SCRAM-SHA-256.
    #[track_caller]
    fn make_user(&self, user: &str, password: &str) {
        self.alter(
            &format!("--entity-type users --entity-name {user}"),
            &format!("SCRAM-SHA-256=[password={password}]"),
        );
    }

    /// Sets a property of a topic, a user or whatever else `entity` names.
    #[track_caller]
    fn alter(&self, entity: &str, property: &str) {
        let alter = format!("--alter {entity} --bootstrap-server {}", self.kafka.inside);
        let tool = Kafka::tool("org.apache.kafka.tools.ConfigCommand", &alter);
        let altered = tool.arg("--add-config").arg(property).run_within(TOOL_PATIENCE, b"");
        assert_eq!(altered.code, 0, "{}{}", altered.text(), altered.err);
    }

    /// Gives a user a right.
    #[track_caller]
    fn allow(&self, user: &str, right: &str) {
        let add = format!("--add --allow-principal User:{user} {right} --bootstrap-server {}", self.kafka.inside);
        let added = Kafka::tool("org.apache.kafka.tools.AclCommand", &add).run_within(TOOL_PATIENCE, b"");
        assert_eq!(added.code, 0, "{}{}", added.text(), added.err);
    }
}

impl Target for Server {
    const HAS_KEYS: bool = true;
    const TOO_LARGE: &str = "too large";
    // The client has copies of what is under way, in buffers of its own.
    const MEMORY_KIB: u64 = 48 * 1024;

    /// Other topics are made as they come.
    fn destinations<'a>(_names: &[&'a str]) -> Vec<&'a str> {
        vec!["t"]
    }

    fn start(settings: &Settings, destinations: &[&str]) -> Self {
        Self::over(Kafka::start(settings), destinations)
    }

    fn start_behind(proxy: &Proxy, settings: &Settings, destinations: &[&str]) -> Self {
        Self::start_called(&proxy.addr.ip().to_string(), proxy, settings, destinations)
    }

    fn start_called(name: &str, proxy: &Proxy, settings: &Settings, destinations: &[&str]) -> Self {
        let port = proxy.addr.port();
        let addr = if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
        let server = Self::over(Kafka::start_behind(&addr, settings), destinations);
        proxy.aim(server.addr());
        server
    }

    fn broker(&mut self) -> &mut Broker {
        &mut self.kafka.broker
    }

    fn addr(&self) -> SocketAddr {
        self.kafka.addr
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        self.kafka.tls
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        let mut lines = vec!["kafka:".to_owned(), format!("  addrs: [\"{addr}\"]")];
        if let Some((user, password)) = &access.login {
            lines.push(format!("  sasl: {{ mechanism: scram-sha-256, username: {user}, password: {password} }}"));
        }
        lines.extend(access.tls_lines());
        lines
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        let new = || KafkaLog::new(self.kafka.inside, destination, 0);
        let log = self.logs.entry(destination.to_owned()).or_insert_with(new);
        log.read().expect("Kafka tells what it has").to_vec()
    }
}

scenarios!(Server:
    a_name_that_moves_is_followed,
    of_several_addresses_of_a_name_any_will_do,
    an_address_of_ipv6_is_taken,
    every_publish_arrives_in_order,
    headers_tell_where_a_message_came_from,
    a_drain_sends_what_is_held,
    a_drain_in_vain_gives_each_one_error,
    killed_in_the_middle_it_costs_nothing_that_was_acked,
    frozen_it_holds_up_nobody_and_loses_nothing,
    absent_at_the_start_it_is_taken_up_when_it_comes,
    what_came_while_it_was_dead_and_was_given_up_never_arrives,
    a_killed_gateway_has_lost_nothing_that_it_acked,
    cut_connections_cost_nothing_that_was_acked,
    who_accepts_and_never_answers_is_down,
    dropped_packets_are_noticed,
    tls_and_login_are_wanted_and_given,
    a_wrong_password_is_told_and_a_right_one_taken_up,
    poisoned_names_cost_nobody_else,
    a_full_queue_answers_congested_and_later_messages_pass,
    who_is_to_wait_for_room_gets_it_or_its_deadline,
);

/// Publishes `value` on `topic`, and gives the answer.
#[track_caller]
fn publish(edge: &mut Client, topic: &str, value: &[u8]) -> Result<(), String> {
    let sent = edge.message(&Body::new().topic(topic).value(value));
    edge.acked(sent)
}
