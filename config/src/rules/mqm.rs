//! Rules about the section `mqm`. They hold for brokers that are on.

use super::amqp::AmqpKeys;
use super::{Checked, Rules};
use crate::error::ConfigError;
use crate::mqm::convert;
use crate::mqm::url::Url;
use crate::{Bridge, BrokerAddr, Mqm, MqmAmqp, MqmKafka, MqmNats, MqmRedis};

impl Rules<'_> {
    pub(super) fn mqm(&self, mqm: &Mqm) -> Checked {
        if mqm.kafka.enable {
            self.mqm_kafka(&mqm.kafka)?;
        }
        if mqm.amqp.enable {
            self.mqm_amqp(&mqm.amqp)?;
        }
        if mqm.nats.enable {
            self.mqm_nats(&mqm.nats)?;
        }
        if mqm.nsq.enable {
            self.given("mqm.nsq", &mqm.nsq.addrs)?;
        }
        if mqm.redis.enable {
            self.mqm_redis(&mqm.redis)?;
        }
        Ok(())
    }

    fn mqm_kafka(&self, kafka: &MqmKafka) -> Checked {
        self.given("mqm.kafka", &kafka.addrs)?;
        let producer = &kafka.producer;
        let acks = !producer.idempotent || producer.required_acks == -1;
        self.demand(acks, "mqm.kafka.producer.idempotent", "goes with `required_acks: -1` alone")?;
        let level = (-1..=12).contains(&producer.compression_level);
        let reason = "must be from -1 to 12; 0 is the codec's own choice";
        self.demand(level, "mqm.kafka.producer.compression_level", reason)?;
        self.takes("mqm.kafka.producer.topics", &producer.topics)
    }

    fn mqm_amqp(&self, amqp: &MqmAmqp) -> Checked {
        let urls = self.urls("mqm.amqp", &amqp.addrs, &["amqp", "amqps"])?;
        let one = urls.windows(2).all(|two| {
            (&two[0].scheme, &two[0].user, &two[0].password, &two[0].path)
                == (&two[1].scheme, &two[1].user, &two[1].password, &two[1].path)
        });
        let reason = "they differ in more than host and port; use the list `bridges` for brokers that differ";
        self.demand(one, "mqm.amqp.addrs", reason)?;
        let reason = "RabbitMQ has done away with it and closes the connection; set it to false";
        self.demand(!amqp.producer.immediate, "mqm.amqp.producer.immediate", reason)?;
        for (key, number, most) in [
            ("channel_max", amqp.channel_max, 65_535),
            ("frame_size", amqp.frame_size, u32::MAX.into()),
            ("heartbeat", amqp.heartbeat, 65_535),
        ] {
            self.demand(number <= most, &format!("mqm.amqp.{key}"), &format!("{number} is more than {most}"))?;
        }
        let Bridge { amqp: Some(made), headers, .. } = convert::amqp(amqp) else { return Ok(()) };
        self.amqp_fits(&amqp_keys(amqp), &made, &headers)?;
        self.takes("mqm.amqp.producer.routing_keys", &amqp.producer.routing_keys)
    }

    fn mqm_nats(&self, nats: &MqmNats) -> Checked {
        self.urls("mqm.nats", &nats.addrs, &["nats", "tls"])?;
        let stream = &nats.jetstream;
        let named = !stream.enable || !stream.name.is_empty();
        self.demand(named, "mqm.nats.jetstream.name", "JetStream needs the name of a stream")?;
        self.takes("mqm.nats.producer.subjects", &nats.producer.subjects)?;
        self.takes("mqm.nats.jetstream.producer.subjects", &stream.producer.subjects)
    }

    fn mqm_redis(&self, redis: &MqmRedis) -> Checked {
        self.given("mqm.redis", &redis.addrs)?;
        self.demand((0..=65_535).contains(&redis.db), "mqm.redis.db", "must be from 0 to 65535")?;
        self.takes("mqm.redis.producer.channels", &redis.producer.channels)
    }

    /// Addresses that are URLs.
    fn urls<'a>(&self, at: &str, addrs: &'a [BrokerAddr], schemes: &[&str]) -> Result<Vec<Url<'a>>, ConfigError> {
        self.given(at, addrs)?;
        let mut urls = Vec::new();
        for (index, addr) in addrs.iter().enumerate() {
            let key = format!("{at}.addrs[{index}]");
            match Url::parse(addr) {
                Ok(url) => {
                    let known = url.scheme.as_ref().is_none_or(|scheme| schemes.contains(&&**scheme));
                    self.demand(known, &key, &format!("the scheme must be {}, or left out", schemes.join(" or ")))?;
                    urls.push(url);
                }
                Err(reason) => self.demand(false, &key, reason)?,
            }
        }
        Ok(urls)
    }

    fn given(&self, at: &str, addrs: &[BrokerAddr]) -> Checked {
        let given = !addrs.is_empty() && addrs.iter().all(|addr| !addr.expose().is_empty());
        self.demand(given, &format!("{at}.addrs"), "empty address; write a list of host:port")
    }

    fn takes(&self, key: &str, topics: &[String]) -> Checked {
        let named = topics.iter().all(|topic| !topic.is_empty());
        self.demand(named, key, "a topic is empty; `*` takes what nobody else does")
    }
}

/// Where `mqm.amqp` has what a bridge has.
fn amqp_keys(amqp: &MqmAmqp) -> AmqpKeys {
    let at = |key: &str| format!("mqm.amqp{key}");
    AmqpKeys {
        section: at(""),
        vhost: at(if amqp.vhost.is_empty() { ".addrs" } else { ".vhost" }),
        exchange: at(".producer.exchange"),
        properties: at(".producer"),
        bindings: at(".queuebindings"),
        frame_max: at(".frame_size"),
        headers: at(".producer.headers"),
    }
}
