//! Rules about the list `bridges`. They hold for a bridge that is switched off, too: it is written to be switched on.

use std::collections::HashSet;

use super::{Checked, Rules};
use crate::{
    Acks, Bridge, BridgeTls, BrokerAddr, KafkaBridge, MqttBridge, MqttVersion, Payload, RedisBridge, RedisForm,
    RedisMode, SaslMechanism, mqtt_text_fault,
};

/// What the names of bridges of the section `mqm` begin with.
const MQM: &str = "mqm.";

impl Rules<'_> {
    pub(super) fn bridges(&self, bridges: &[Bridge]) -> Checked {
        let mut names = HashSet::new();
        for (index, bridge) in bridges.iter().enumerate() {
            let at = format!("bridges[{index}]");
            let name = format!("{at}.name");
            let spelt = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let named = !bridge.name.is_empty() && bridge.name.chars().all(spelt);
            self.demand(named, &name, "a bridge needs a name, of letters, digits, `-`, `_` and `.`")?;
            let theirs = bridge.name.starts_with(MQM);
            self.demand(!theirs, &name, "names that begin with `mqm.` are those of the section `mqm`")?;
            let new = names.insert(&bridge.name);
            self.demand(new, &name, &format!("a bridge before is called {:?} as well", bridge.name))?;
            self.bridge(&at, bridge)?;
        }
        Ok(())
    }

    fn bridge(&self, at: &str, bridge: &Bridge) -> Checked {
        let Bridge { kafka, amqp, nats, mqtt, redis, file, .. } = bridge;
        let kinds = [kafka.is_some(), amqp.is_some(), nats.is_some(), mqtt.is_some(), redis.is_some(), file.is_some()];
        let kinds = kinds.into_iter().filter(|&there| there).count();
        let reason = format!("it has {kinds} of kafka, amqp, nats, mqtt, redis and file; it must have one");
        self.demand(kinds == 1, at, &reason)?;
        let takes = !bridge.topics.is_empty() || bridge.fallback;
        self.demand(takes, &format!("{at}.topics"), "it takes nothing; write topics, or `fallback: true`")?;
        let filters = bridge.topics.iter().all(|topic| !topic.is_empty());
        self.demand(filters, &format!("{at}.topics"), "a topic is empty; `*` takes every one")?;
        let reason = "text must stand between two places, and beside `${edge_id}` a character of it must be no digit: else one \
                      edge could write as if it were another";
        let apart = bridge.destination.is_confined();
        self.demand(apart, &format!("{at}.destination"), reason)?;
        if let Some(kafka) = kafka {
            self.kafka(&format!("{at}.kafka"), kafka)?;
        }
        if let Some(amqp) = amqp {
            self.amqp(at, amqp, &bridge.headers)?;
        }
        if let Some(nats) = nats {
            self.nats(&format!("{at}.nats"), nats)?;
            self.nats_headers(&format!("{at}.headers"), &bridge.headers)?;
        }
        if let Some(mqtt) = mqtt {
            self.mqtt(at, bridge, mqtt)?;
        }
        if let Some(redis) = redis {
            self.redis(&format!("{at}.redis"), redis)?;
            let fields = ["payload", "key"].iter().any(|field| bridge.headers.fixed.contains_key(*field));
            let reason = "`payload` and `key` are fields of every entry; call the header something else";
            self.demand(!fields, &format!("{at}.headers.fixed"), reason)?;
        }
        Ok(())
    }

    pub(super) fn broker(&self, at: &str, addrs: &[BrokerAddr], tls: &BridgeTls) -> Checked {
        let given = addrs.iter().all(|addr| !addr.expose().is_empty()) && !addrs.is_empty();
        self.demand(given, &format!("{at}.addrs"), "empty address; write a list of host:port")?;
        self.bridge_tls(at, tls)
    }

    fn bridge_tls(&self, at: &str, tls: &BridgeTls) -> Checked {
        let both = tls.cert.is_some() == tls.key.is_some();
        self.demand(both, &format!("{at}.tls"), "a certificate is two files, `cert` and `key`")
    }

    fn kafka(&self, at: &str, kafka: &KafkaBridge) -> Checked {
        self.broker(at, &kafka.addrs, &kafka.tls)?;
        self.bare(at, &kafka.addrs, "write host:port; a login goes to `sasl`, and TLS to `tls`")?;
        let linger = kafka.linger < kafka.delivery_timeout;
        self.demand(linger, &format!("{at}.linger_ms"), "must be less than `delivery_timeout_ms`")?;
        let acks = !kafka.is_idempotent() || kafka.acks == Acks::All;
        let reason = "goes with `acks: all` alone; set one of them";
        self.demand(acks, &format!("{at}.idempotence"), reason)?;
        let user = kafka.sasl.mechanism == SaslMechanism::None || !kafka.sasl.username.is_empty();
        self.demand(user, &format!("{at}.sasl.username"), "this mechanism needs a user")?;
        self.credential(&format!("{at}.sasl.password"), &kafka.sasl.password)
    }

    fn mqtt(&self, at: &str, bridge: &Bridge, mqtt: &MqttBridge) -> Checked {
        if let Some((key, reason)) = mqtt.fault() {
            self.demand(false, &format!("{at}.mqtt.{key}"), reason)?;
        }
        let further = !bridge.headers.meta.is_empty() || !bridge.headers.fixed.is_empty();
        let carried = mqtt.version == MqttVersion::V5 || bridge.payload == Payload::Json;
        let reason = "MQTT 3.1.1 has no headers; set `payload: json`, or version 5";
        self.demand(!further || carried, &format!("{at}.headers"), reason)?;
        let names = bridge.headers.meta.iter().chain(bridge.headers.fixed.keys());
        for fault in names.filter_map(|name| mqtt_text_fault(name)) {
            self.demand(false, &format!("{at}.headers"), &format!("a name {fault}"))?;
        }
        self.credential(&format!("{at}.mqtt.password"), &mqtt.password)?;
        self.bridge_tls(&format!("{at}.mqtt"), &mqtt.tls)
    }

    fn redis(&self, at: &str, redis: &RedisBridge) -> Checked {
        self.broker(at, &redis.addrs, &redis.tls)?;
        let at_key = |key: &str| format!("{at}.{key}");
        self.bare(at, &redis.addrs, "write host:port; user, password, database and TLS have keys of their own")?;
        let by_sentinels = redis.mode == RedisMode::Sentinel;
        let named = !by_sentinels || !redis.master.is_empty();
        self.demand(named, &at_key("master"), "sentinels are asked for a master by its name")?;
        self.demand(by_sentinels || redis.master.is_empty(), &at_key("master"), "is for `mode: sentinel`")?;
        for (key, unset) in [
            ("sentinel_username", redis.sentinel_username.is_none()),
            ("sentinel_password", redis.sentinel_password.is_empty()),
        ] {
            self.demand(by_sentinels || unset, &at_key(key), "is for `mode: sentinel`")?;
        }
        let in_cluster = redis.mode == RedisMode::Cluster;
        self.demand(!in_cluster || redis.db == 0, &at_key("db"), "a cluster has the database 0 alone")?;
        let to_channel = redis.form == RedisForm::PubSub;
        self.demand(
            !to_channel || redis.max_len == 0,
            &at_key("max_len"),
            "a channel keeps nothing; it is for `form: stream`",
        )?;
        let counted = !redis.fail_without_listeners || (to_channel && !in_cluster);
        let reason = "is for `form: pubsub` without a cluster, whose servers know of their own listeners alone";
        self.demand(counted, &at_key("fail_without_listeners"), reason)?;
        self.credential(&at_key("password"), &redis.password)?;
        self.credential(&at_key("sentinel_password"), &redis.sentinel_password)
    }
}
