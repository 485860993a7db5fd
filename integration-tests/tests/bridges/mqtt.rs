//! MQTT, against Mosquitto.

mod identity;
mod modes;
mod refusals;
mod subscriber;

use std::collections::HashMap;
use std::net::SocketAddr;

use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::{self, Broker, Login, Settings};

pub(crate) use self::subscriber::Subscriber;
use crate::{Access, Target, scenarios};

/// By MQTT 5 and QoS 1, as bridges are without more configuration.
pub(crate) type Mosquitto = Mqtt<5, 1>;

/// Mosquitto, and a bridge to it by this version of the protocol and quality of service.
pub(crate) struct Mqtt<const VERSION: u8, const QOS: u8> {
    mosquitto: brokers::Mosquitto,
    /// What each topic gets, read as it comes. Its sessions are older than the first message, and outlive the broker.
    subscribers: HashMap<String, Subscriber>,
}

/// What a test wants, and what all of them need.
fn readable(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    // What goes to its standard output it says when it ends; and there would be a line for each time that it saves.
    let log = ["log_dest stderr", "log_type error", "log_type warning", "log_type notice"];
    settings.lines.extend(log.map(str::to_owned));
    if !settings.lines.iter().any(|line| line.starts_with("max_inflight_messages")) {
        // Mosquitto answers a message before it saves it. So that the subscriber has it by then, none waits for room.
        settings.lines.push("max_inflight_messages 0".to_owned());
    }
    settings
}

impl<const VERSION: u8, const QOS: u8> Target for Mqtt<VERSION, QOS> {
    const TOO_LARGE: &str = "bytes with topic and headers, and the broker takes at most";

    /// What is a topic and no filter of several. Those with `$` in front a subscriber does not get to see, and OK for one is an
    /// error of the test.
    fn destinations<'a>(names: &[&'a str]) -> Vec<&'a str> {
        let is_topic = |name: &&&str| !name.is_empty() && name.len() < 100 && !name.contains(['+', '#', '\0', '$']);
        names.iter().filter(is_topic).copied().collect()
    }

    fn start(settings: &Settings, destinations: &[&str]) -> Self {
        let mosquitto = brokers::Mosquitto::start(&readable(settings));
        let subscribe = |topic: &&str| {
            let subscriber = Subscriber::start(mosquitto.addr, settings.login.as_ref(), topic);
            ((*topic).to_owned(), subscriber)
        };
        let subscribers = destinations.iter().map(subscribe).collect();
        Self { mosquitto, subscribers }
    }

    fn broker(&mut self) -> &mut Broker {
        &mut self.mosquitto.broker
    }

    fn addr(&self) -> SocketAddr {
        self.mosquitto.addr
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        self.mosquitto.tls
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        let version = if VERSION == 5 { "5" } else { "3.1.1" };
        let mut lines = vec![
            "mqtt:".to_owned(),
            format!("  addr: {addr:?}"),
            format!("  version: {version:?}"),
            format!("  qos: {QOS}"),
        ];
        if let Some((user, password)) = &access.login {
            lines.extend([format!("  username: {user}"), format!("  password: {password}")]);
        }
        lines.extend(access.tls_lines());
        lines
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        self.subscribers[destination].messages().into_iter().map(arrived).collect()
    }
}

/// A message as other brokers' consumers get one.
pub(crate) fn arrived(message: subscriber::Message) -> Arrived {
    Arrived { payload: message.payload, key: None, headers: message.properties.into_iter().collect() }
}

scenarios!(Mosquitto:
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
    poisoned_names_cost_nobody_else,
    a_full_queue_answers_congested_and_later_messages_pass,
    who_is_to_wait_for_room_gets_it_or_its_deadline,
    tls_and_login_are_wanted_and_given,
    a_wrong_password_is_told_and_a_right_one_taken_up,
);

#[test]
fn odd_passwords_are_taken_as_they_stand() {
    let login = Login::new("fr@nt", "p#a$s/%41:w@rd é");
    let settings = Settings { login: Some(login.clone()), ..Settings::default() };
    crate::scenarios::odd_passwords_are_taken_as_they_stand::<Mosquitto>(&settings, &login);
}

#[test]
fn too_large_spoils_no_neighbour() {
    // Announced in CONNACK: the bridge knows, and sends nothing that is larger.
    let settings = Settings { lines: vec!["max_packet_size 2000".to_owned()], ..Settings::default() };
    crate::scenarios::too_large_spoils_no_neighbour::<Mosquitto>(&settings, &[], 2000, 1_000);
}
