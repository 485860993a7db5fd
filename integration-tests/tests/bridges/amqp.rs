//! RabbitMQ.
//!
//! A node takes seconds to start, so tests that do not harm it share one, each with a virtual host of its own ([`Shared`]); those
//! that kill or freeze it have their own ([`Own`]).

mod outages;
mod refusals;
mod setup;
mod tuning;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::amqp::{Client, Stored};
use frontier_integration_tests::brokers::{Broker, Login, Rabbitmq, Settings};
use frontier_integration_tests::{Gateway, Proxy};
use serde_json::json;

use crate::{Access, Target, gateway, scenarios, with};

// Left out: nothing.
scenarios!(Shared:
    every_publish_arrives_in_order,
    headers_tell_where_a_message_came_from,
    a_killed_gateway_has_lost_nothing_that_it_acked,
    cut_connections_cost_nothing_that_was_acked,
    who_accepts_and_never_answers_is_down,
    dropped_packets_are_noticed,
    poisoned_names_cost_nobody_else,
    a_wrong_password_is_told_and_a_right_one_taken_up,
    a_name_that_moves_is_followed,
    of_several_addresses_of_a_name_any_will_do,
    an_address_of_ipv6_is_taken,
);

scenarios!(Own:
    killed_in_the_middle_it_costs_nothing_that_was_acked,
    frozen_it_holds_up_nobody_and_loses_nothing,
    absent_at_the_start_it_is_taken_up_when_it_comes,
    what_came_while_it_was_dead_and_was_given_up_never_arrives,
    a_drain_sends_what_is_held,
    a_drain_in_vain_gives_each_one_error,
    a_full_queue_answers_congested_and_later_messages_pass,
    who_is_to_wait_for_room_gets_it_or_its_deadline,
    tls_and_login_are_wanted_and_given,
);

/// What the shared node takes in one message.
pub(crate) const LARGEST: usize = 100_000;

/// What is said of more.
const TOO_LARGE: &str = "bytes; the broker takes";

/// A queue in this virtual host is full with five messages, and refuses more.
pub(crate) const NARROW: &str = "narrow";

/// The virtual host, user and password that are not easily written.
pub(crate) const ODD: (&str, &str, &str) = ("a/b", "fr@nt", "p#a$s/%41:w@rd é");

/// Virtual hosts for tests, beside those that have names.
const HOSTS: usize = 48;

/// An Erlang machine starts for the broker's own tool.
const TOOL_PATIENCE: Duration = Duration::from_secs(180);

/// The node that tests share. It is not dropped, and ends with the test program.
pub(crate) fn node() -> &'static Rabbitmq {
    static NODE: OnceLock<Rabbitmq> = OnceLock::new();
    NODE.get_or_init(|| {
        let lines = vec![format!("max_message_size = {LARGEST}")];
        Rabbitmq::start_defined(&Settings { lines, ..Settings::default() }, &definitions())
    })
}

/// What the shared node has from the start.
fn definitions() -> String {
    let user = |name: &str, password: &str| json!({ "name": name, "password": password, "tags": "" });
    let hosts: Vec<String> =
        (0..HOSTS).map(|at| format!("h{at}")).chain(["/", NARROW, ODD.0].map(str::to_owned)).collect();
    let permission =
        |user: &str, host: &str| json!({ "user": user, "vhost": host, "configure": ".*", "write": ".*", "read": ".*" });
    let permissions = hosts.iter().flat_map(|host| ["guest", "alice", ODD.1].map(|user| permission(user, host)));
    let definitions = json!({
        "users": [user("guest", "guest"), user("alice", "wonder-1"), user(ODD.1, ODD.2)],
        "vhosts": hosts.iter().map(|host| json!({ "name": host })).collect::<Vec<_>>(),
        "permissions": permissions.collect::<Vec<_>>(),
        // Alice may publish by some keys alone.
        "topic_permissions": hosts.iter().map(|host| json!({
            "user": "alice", "vhost": host, "exchange": "amq.topic", "write": "^open", "read": ".*",
        })).collect::<Vec<_>>(),
        "policies": [{
            "vhost": NARROW, "name": "narrow", "pattern": ".*", "apply-to": "queues", "priority": 0,
            "definition": { "max-length": 5, "overflow": "reject-publish" },
        }],
    });
    definitions.to_string()
}

/// A virtual host of the shared node that no other test uses.
pub(crate) fn host() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let at = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(at < HOSTS, "more tests than virtual hosts");
    format!("h{at}")
}

pub(crate) fn guest() -> Login {
    Login::new("guest", "guest")
}

/// The shared node, to which a test must do no harm.
pub(crate) struct Shared {
    host: String,
}

// The bridge's lines are asked for without the target; a test has one of these, on a thread of its own.
thread_local! {
    static HOST: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

impl Shared {
    /// With these queues, in a virtual host of its own.
    pub(crate) fn with(queues: &[&str]) -> Self {
        Self::in_host(&host(), queues)
    }

    /// The same in this virtual host.
    pub(crate) fn in_host(host: &str, queues: &[&str]) -> Self {
        let shared = Self { host: host.to_owned() };
        HOST.with_borrow_mut(|own| *own = host.to_owned());
        let mut client = shared.client();
        queues.iter().for_each(|queue| client.declares(queue));
        client.closes();
        shared
    }

    /// A connection beside the gateway's.
    pub(crate) fn client(&self) -> Client<std::net::TcpStream> {
        Client::dial(node().addr, &guest(), &self.host)
    }

    /// All that is in a queue.
    pub(crate) fn all_of(&self, queue: &str) -> Vec<Stored> {
        let mut client = self.client();
        let all = client.all_of(queue);
        client.closes();
        all
    }
}

impl Target for Shared {
    const TOO_LARGE: &str = TOO_LARGE;

    /// Those that queues can have: an empty one would get another from the broker.
    fn destinations<'a>(names: &[&'a str]) -> Vec<&'a str> {
        names.iter().filter(|name| (1..=255).contains(&name.len())).copied().collect()
    }

    fn start(_: &Settings, destinations: &[&str]) -> Self {
        Self::with(destinations)
    }

    fn broker(&mut self) -> &mut Broker {
        panic!("others use it as well; the scenario belongs to a node of its own")
    }

    fn addr(&self) -> SocketAddr {
        node().addr
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        lines(addr, access, &HOST.with_borrow(Clone::clone))
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        self.all_of(destination).into_iter().map(arrived).collect()
    }
}

/// A node of a test's own.
pub(crate) struct Own {
    pub(crate) node: Rabbitmq,
    login: Login,
}

impl Target for Own {
    const TOO_LARGE: &str = TOO_LARGE;

    fn start(settings: &Settings, destinations: &[&str]) -> Self {
        let own = Self { node: Rabbitmq::start(settings), login: settings.login.clone().unwrap_or_else(guest) };
        let mut client = Client::dial(own.node.addr, &own.login, "/");
        destinations.iter().for_each(|queue| client.declares(queue));
        client.closes();
        own.node.saves();
        own
    }

    fn broker(&mut self) -> &mut Broker {
        &mut self.node.broker
    }

    fn addr(&self) -> SocketAddr {
        self.node.addr
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        self.node.tls
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        lines(addr, access, "/")
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        let mut client = Client::dial(self.node.addr, &self.login, "/");
        let all = client.all_of(destination);
        client.closes();
        all.into_iter().map(arrived).collect()
    }
}

/// A broker behind `proxy`, whose queue `t` gets what is published, and a gateway that publishes every topic as alice, who may not publish
/// some; `more` is a further line of its bridge.
fn alice_publishes(proxy: &Proxy, more: &str) -> (Shared, Gateway) {
    let target = Shared::start_behind(proxy, &Settings::default(), &["t"]);
    let mut client = target.client();
    client.binds("t", "amq.topic", "#");
    client.closes();
    let access = Access { login: Some(("alice".to_owned(), "{ value: wonder-1 }".to_owned())), tls: None };
    let lines = Shared::bridge(&proxy.addr.to_string(), &access);
    (target, gateway(with(lines, &["  exchange: amq.topic", more, "topics: ['*']"])))
}

/// A bridge to the exchange without a name, where the key is the queue.
fn lines(addr: &str, access: &Access, host: &str) -> Vec<String> {
    let mut lines = vec!["amqp:".to_owned(), format!("  addrs: ['{addr}']"), format!("  vhost: '{host}'")];
    if let Some((user, password)) = &access.login {
        lines.extend([format!("  username: {user}"), format!("  password: {password}")]);
    }
    lines.extend(access.tls_lines());
    lines
}

pub(crate) fn arrived(stored: Stored) -> Arrived {
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let headers = stored.headers.into_iter().map(|(name, value)| (name, text(value))).collect();
    Arrived { payload: stored.payload, key: None, headers }
}
