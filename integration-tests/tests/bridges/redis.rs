//! Redis: entries of streams, unless a test says otherwise.

mod channels;
mod cluster;
mod forms;
mod refusals;
mod replicas;
mod sentinel;
mod tls;

use std::net::SocketAddr;

use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::{Broker, Login, Redis as Server, RedisClient, Reply, Settings};

use crate::{Access, Target};

/// A server, and how it is looked into.
pub(crate) struct Redis {
    pub(crate) server: Server,
    login: Option<Login>,
}

impl Redis {
    /// A client of it.
    #[track_caller]
    pub(crate) fn client(&self) -> RedisClient {
        RedisClient::connect(self.server.addr, self.login.as_ref())
    }
}

impl Target for Redis {
    const HAS_KEYS: bool = true;
    // Eight pipelines, each of which goes off with the first record that comes.
    const UNDER_WAY: u64 = 8;
    const TOO_LARGE: &str = "bytes in one argument; the server takes";

    fn start(settings: &Settings, _destinations: &[&str]) -> Self {
        Self { server: Server::start(settings), login: settings.login.clone() }
    }

    fn broker(&mut self) -> &mut Broker {
        &mut self.server.broker
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        self.server.tls
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        let mut lines = vec!["redis:".to_owned(), format!("  addrs: [\"{addr}\"]")];
        if let Some((user, password)) = &access.login {
            lines.extend([format!("  username: {user}"), format!("  password: {password}")]);
        }
        lines.extend(access.tls_lines());
        lines
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        entries(&mut self.client(), destination)
    }
}

/// The entries of a stream, in its order.
#[track_caller]
pub(crate) fn entries(client: &mut RedisClient, stream: &str) -> Vec<Arrived> {
    let entries = client.ask(&["XRANGE", stream, "-", "+"]);
    entries.list().iter().map(|entry| arrived(&entry.list()[1])).collect()
}

/// An entry of these fields: the first is the payload, the second the key.
fn arrived(fields: &Reply) -> Arrived {
    let mut fields = fields.list().chunks(2).map(|pair| (pair[0].text(), pair[1].bytes()));
    let (payload, key) = (fields.next(), fields.next());
    assert_eq!((payload.map(|field| field.0), key.map(|field| field.0)), (Some("payload"), Some("key")));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Arrived {
        payload: payload.expect("compared above").1.to_vec(),
        key: key.map(|(_, key)| text(key)),
        headers: fields.map(|(name, value)| (name.to_owned(), text(value))).collect(),
    }
}

crate::scenarios! { Redis:
    every_publish_arrives_in_order,
    headers_tell_where_a_message_came_from,
    a_drain_sends_what_is_held,
    a_drain_in_vain_gives_each_one_error,
    tls_and_login_are_wanted_and_given,
    a_wrong_password_is_told_and_a_right_one_taken_up,
    killed_in_the_middle_it_costs_nothing_that_was_acked,
    frozen_it_holds_up_nobody_and_loses_nothing,
    absent_at_the_start_it_is_taken_up_when_it_comes,
    what_came_while_it_was_dead_and_was_given_up_never_arrives,
    a_killed_gateway_has_lost_nothing_that_it_acked,
    cut_connections_cost_nothing_that_was_acked,
    who_accepts_and_never_answers_is_down,
    dropped_packets_are_noticed,
    poisoned_names_cost_nobody_else,
    a_full_queue_answers_congested_and_later_messages_pass,
    who_is_to_wait_for_room_gets_it_or_its_deadline,
    a_name_that_moves_is_followed,
    of_several_addresses_of_a_name_any_will_do,
    an_address_of_ipv6_is_taken,
}

/// Eight pipelines of 500 are under way at most.
#[test]
fn frozen_it_gets_no_more_than_its_client_had() {
    crate::scenarios::frozen_it_gets_no_more_than_its_client_had::<Redis>(8_000, 4_000);
}
