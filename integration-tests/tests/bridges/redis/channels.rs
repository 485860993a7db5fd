//! Channels as a target: what a listener hears counts as stored, as long as the server is not restarted.

use std::net::SocketAddr;

use frontier_integration_tests::Settings as Gateway;
use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::{Broker, RedisClient, Reply, Settings};
use frontier_integration_tests::raw::{Body, Client};

use super::Redis;
use crate::{Access, BRIDGE, Target, settings, with};

/// A server, and somebody who listens.
struct Channels {
    redis: Redis,
    listener: RedisClient,
    heard: Vec<(String, Arrived)>,
}

impl Target for Channels {
    const TOO_LARGE: &str = Redis::TOO_LARGE;

    fn start(settings: &Settings, destinations: &[&str]) -> Self {
        let redis = Redis::start(settings, destinations);
        let mut listener = redis.client();
        for channel in destinations {
            listener.ask(&["SUBSCRIBE", channel]);
        }
        Self { redis, listener, heard: Vec::new() }
    }

    fn broker(&mut self) -> &mut Broker {
        self.redis.broker()
    }

    fn addr(&self) -> SocketAddr {
        self.redis.addr()
    }

    fn tls_addr(&self) -> Option<SocketAddr> {
        self.redis.tls_addr()
    }

    fn bridge(addr: &str, access: &Access) -> Vec<String> {
        with(Redis::bridge(addr, access), &["  form: pubsub"])
    }

    fn stored(&mut self, destination: &str) -> Vec<Arrived> {
        // Its answer comes behind all that was published before.
        let mut reply = self.listener.ask(&["PING"]);
        while reply.list()[0].text() == "message" {
            let payload = reply.list()[2].bytes().to_vec();
            let arrived = Arrived { payload, key: None, headers: Default::default() };
            self.heard.push((reply.list()[1].text().to_owned(), arrived));
            reply = self.listener.reply().expect("it is answered");
        }
        let there = self.heard.iter().filter(|(channel, _)| channel == destination);
        there.map(|(_, arrived)| arrived.clone()).collect()
    }
}

#[test]
fn poisoned_names_cost_nobody_else_on_channels() {
    crate::scenarios::poisoned_names_cost_nobody_else::<Channels>();
}

/// Who speaks on these is believed: sentinels follow a master that is named there.
#[test]
fn no_edge_speaks_in_the_place_of_the_server() {
    let redis = Redis::start(&Settings::default(), &[]);
    let addr = redis.addr();
    let mut listener = redis.client();
    let subscribed = listener.ask(&["PSUBSCRIBE", "__*"]);
    assert_eq!(subscribed.list()[2], Reply::Number(1), "{subscribed:?}");
    let own = with(Channels::bridge(&addr.to_string(), &Access::default()), &["topics: [\"*\"]"]);
    let mqm = format!("mqm: {{ redis: {{ enable: true, addrs: [\"{addr}\"], producer: {{ channels: [\"*\"] }} }} }}\n");
    for (bridge, settings) in
        [(BRIDGE, settings(&[(BRIDGE, own)])), ("mqm.redis", Gateway { sections: mqm, ..Gateway::default() })]
    {
        let gateway = settings.start();
        gateway.logged("bridge up");
        let mut edge = Client::edge(gateway.edge);
        for channel in ["__sentinel__:hello", "__keyspace@0__:x", "__keyevent@0__:del", "__redis__:invalidate"] {
            let sent = edge.message(&Body::new().topic(channel).value(b"x"));
            let told = format!(
                "bridge {bridge:?} (redis {addr}): the channel {channel:?} begins with \"__\", as those of the servers of Redis \
                 themselves"
            );
            assert_eq!(edge.acked(sent), Err(told));
        }
        let sent = edge.message(&Body::new().topic("_").value(b"x"));
        assert_eq!(edge.acked(sent), Ok(()));
    }
    redis.client().ask(&["PUBLISH", "__by_us", "x"]);
    let heard = listener.reply().expect("a message comes");
    assert_eq!(heard.list()[2].text(), "__by_us", "nothing came before");
}
