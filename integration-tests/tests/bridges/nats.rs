//! NATS. What is true of every broker is tested with JetStream, whose streams outlive the server's death.

mod access;
mod client;
mod core;
mod jetstream;
mod keys;
mod permissions;

use std::net::SocketAddr;

use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::{Broker, Login, Nats, Settings};
use serde_json::json;

pub(crate) use self::client::Client;
use self::client::Message;
use crate::{Access, Target, scenarios};

/// The stream of these tests.
pub(crate) const STREAM: &str = "S";

/// A server whose user `alice` may publish to these subjects alone; `admin` may do all. Both have the password `wonder-1`.
fn permissions(publish: &[&str]) -> Settings {
    let alice = format!("permissions: {{ publish: {publish:?} }}");
    let users = format!(
        "authorization {{ users: [ {{ user: alice, password: wonder-1, {alice} }}, {{ user: admin, password: wonder-1 }} ] }}"
    );
    Settings { lines: vec![users], ..Settings::default() }
}

/// A server with a stream.
pub(crate) struct JetStream {
    nats: Nats,
    login: Option<Login>,
    /// What was read of it, and how far.
    read: Vec<Message>,
    seen: u64,
}

impl JetStream {
    fn client(&self) -> Client {
        Client::connect(self.nats.addr, self.login.as_ref())
    }

    /// Creates a stream of that `name`, kept in files.
    #[track_caller]
    fn create(&self, name: &str, subjects: &[&str], more: &serde_json::Value) {
        let mut config = json!({ "name": name, "subjects": subjects, "storage": "file" });
        for (key, value) in more.as_object().expect("further keys") {
            config[key] = value.clone();
        }
        let created = self.client().ask(&format!("$JS.API.STREAM.CREATE.{name}"), &config);
        assert!(created["error"].is_null(), "{created}");
    }
}

impl Target for JetStream {
    const TOO_LARGE: &str = "exceeded by message size";

    /// A stream of all subjects of one part: those that the server keeps for itself must not be among a stream's.
    fn destinations<'a>(_names: &[&'a str]) -> Vec<&'a str> {
        vec!["*"]
    }

    fn start(settings: &Settings, destinations: &[&str]) -> Self {
        let target = Self { nats: Nats::start(settings), login: settings.login.clone(), read: Vec::new(), seen: 0 };
        target.create(STREAM, destinations, &json!({}));
        target
    }

    fn broker(&mut self) -> &mut Broker {
        &mut self.nats.broker
    }

    fn addr(&self) -> SocketAddr {
        self.nats.addr
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        Some(self.nats.addr)
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        let mut lines = vec!["nats:".to_owned(), format!("  addrs: ['{addr}']")];
        lines.push(format!("  jetstream: {{ enable: true, stream: {STREAM} }}"));
        if let Some((user, password)) = &access.login {
            lines.push(format!("  username: {user}"));
            lines.push(format!("  password: {password}"));
        }
        lines.extend(access.tls_lines());
        lines
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        let (new, seen) = self.client().stored(STREAM, self.seen);
        self.read.extend(new);
        self.seen = seen;
        let there = self.read.iter().filter(|message| message.subject == destination);
        let mut there: Vec<Arrived> = there.map(|message| message.arrived.clone()).collect();
        // What the bridge tells the server has tests of its own.
        there.iter_mut().for_each(|arrived| arrived.headers.retain(|name, _| !name.starts_with("Nats-")));
        there
    }
}

scenarios!(JetStream:
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
    a_name_that_moves_is_followed,
    of_several_addresses_of_a_name_any_will_do,
    an_address_of_ipv6_is_taken,
);

#[test]
fn too_large_spoils_no_neighbour() {
    let settings = Settings { lines: vec!["max_payload: 1024".to_owned()], ..Settings::default() };
    crate::scenarios::too_large_spoils_no_neighbour::<JetStream>(&settings, &[], 1024, 1_000);
}

/// Messages on a subject that is new to the server are handed over a hundred at a time.
#[test]
fn frozen_it_gets_no_more_than_its_client_had() {
    crate::scenarios::frozen_it_gets_no_more_than_its_client_had::<JetStream>(1_000, 100);
}
