//! From the Go gateway's form to the list of bridges: one for each broker that is on, called `mqm.` and its kind.
//!
//! A message goes to one of those who take its topic (`delivery: one`), services included, as in the Go gateway; the topic `*` takes
//! what nobody else does. What the Go gateway promises its users and does not do (confirms, reconnecting, headers, keys) follows the
//! defaults of bridges.

use std::collections::BTreeMap;
use std::time::Duration;

use super::url::Url;
use super::{Mqm, MqmAmqp, MqmKafka, MqmNats, MqmRedis};
use crate::secret::{BrokerAddr, Credential, Secret};
use crate::{
    Acks, AmqpBridge, AmqpProperties, Bridge, BridgeTls, Delivery, Headers, JetStream, KafkaBridge, NatsBridge,
    RedisBridge, RedisForm,
};

/// The topic that takes what nobody else does.
const FALLBACK: &str = "*";

impl Mqm {
    /// The bridges that this section asks for.
    pub fn bridges(&self) -> Vec<Bridge> {
        let kafka = self.kafka.enable.then(|| kafka(&self.kafka));
        let amqp = self.amqp.enable.then(|| amqp(&self.amqp));
        let nats = self.nats.enable.then(|| nats(&self.nats));
        let redis = self.redis.enable.then(|| redis(&self.redis));
        [kafka, amqp, nats, redis].into_iter().flatten().collect()
    }
}

/// What all of them have in common.
fn bridge(kind: &str, topics: &[String]) -> Bridge {
    let (rest, topics): (Vec<String>, Vec<String>) = topics.iter().cloned().partition(|topic| topic == FALLBACK);
    let name = format!("mqm.{kind}");
    Bridge { name, topics, fallback: !rest.is_empty(), delivery: Delivery::One, ..Bridge::default() }
}

fn kafka(mqm: &MqmKafka) -> Bridge {
    let producer = &mqm.producer;
    let (flush, retry) = (&producer.flush, &producer.retry);
    let defaults = KafkaBridge::default();
    let mut properties = BTreeMap::new();
    let mut set = |name: &str, value: u64| properties.insert(name.to_owned(), secret(&value.to_string()));
    set("request.timeout.ms", u64::from(producer.timeout) * 1000);
    set("message.send.max.retries", u64::from(retry.max));
    let backoff = positive(retry.backoff).map_or(100, |seconds| seconds.saturating_mul(1000));
    set("retry.backoff.ms", backoff);
    // By default the client never waits for longer than a second.
    set("retry.backoff.max.ms", backoff.max(1000));
    // A request is sent once it has `messages`, and cannot have more than `max_messages`.
    if let Some(most) = [flush.messages, flush.max_messages].into_iter().filter_map(positive).min() {
        set("batch.num.messages", most);
    }
    let kafka = KafkaBridge {
        addrs: mqm.addrs.clone(),
        acks: if producer.required_acks == -1 { Acks::All } else { Acks::Leader },
        idempotence: Some(producer.idempotent),
        compression: producer.compression,
        compression_level: i32::try_from(producer.compression_level).ok().filter(|level| *level != 0).unwrap_or(-1),
        linger: positive(flush.frequency).map_or(defaults.linger, Duration::from_secs),
        batch_bytes: positive(flush.bytes).and_then(|bytes| bytes.try_into().ok()).unwrap_or(defaults.batch_bytes),
        max_message_bytes: producer.max_message_bytes,
        properties,
        ..defaults
    };
    Bridge { kafka: Some(kafka), ..bridge("kafka", &producer.topics) }
}

pub(crate) fn amqp(mqm: &MqmAmqp) -> Bridge {
    let producer = &mqm.producer;
    let urls = parsed(&mqm.addrs);
    let first = urls.first();
    let defaults = AmqpBridge::default();
    let in_url = first.and_then(|url| url.path.clone());
    let amqp = AmqpBridge {
        addrs: hosts(&urls),
        // As in the Go gateway the key comes before the address.
        vhost: Some(mqm.vhost.clone()).filter(|vhost| !vhost.is_empty()).or(in_url).unwrap_or(defaults.vhost.clone()),
        username: first.and_then(|url| url.user.clone()).unwrap_or(defaults.username.clone()),
        password: password(first.map_or(Some("guest"), |url| match &url.user {
            Some(_) => url.password.as_deref(),
            None => Some("guest"),
        })),
        exchange: producer.exchange.clone(),
        mandatory: producer.mandatory,
        persistent: producer.delivery_mode == 2,
        properties: AmqpProperties {
            content_type: producer.content_type.clone(),
            content_encoding: producer.content_encoding.clone(),
            priority: producer.priority,
            // The Go gateway has no key for it.
            correlation_id: String::new(),
            reply_to: producer.reply_to.clone(),
            expiration: producer.expiration.clone(),
            kind: producer.kind.clone(),
            user_id: producer.user_id.clone(),
            app_id: producer.app_id.clone(),
        },
        exchanges: mqm.exchanges.clone(),
        queues: mqm.queues.clone(),
        bindings: mqm.queue_bindings.clone(),
        heartbeat: positive(mqm.heartbeat).map_or(defaults.heartbeat, Duration::from_secs),
        channel_max: positive(mqm.channel_max)
            .and_then(|most| u16::try_from(most).ok())
            .map_or(0, |most| most.max(AmqpBridge::LEAST_CHANNELS)),
        frame_max: positive(mqm.frame_size)
            .and_then(|bytes| u32::try_from(bytes).ok())
            .map_or(0, |bytes| bytes.min(AmqpBridge::MOST_FRAME)),
        locale: mqm.locale.clone(),
        tls: tls(&urls, "amqps"),
        ..defaults
    };
    let headers = Headers { fixed: producer.headers.clone(), ..Headers::default() };
    Bridge { amqp: Some(amqp), headers, ..bridge("amqp", &producer.routing_keys) }
}

fn nats(mqm: &MqmNats) -> Bridge {
    let urls = parsed(&mqm.addrs);
    let (user, secret) = urls.first().map_or((None, None), |url| (url.user.clone(), url.password.clone()));
    // A name without a password is a token.
    let (username, token) = if secret.is_some() { (user, None) } else { (None, user) };
    let stream = &mqm.jetstream;
    let topics = if stream.enable { &stream.producer.subjects } else { &mqm.producer.subjects };
    let nats = NatsBridge {
        addrs: hosts(&urls),
        jetstream: JetStream {
            enable: stream.enable,
            stream: stream.name.clone(),
            create: true,
            subjects: stream.producer.subjects.clone(),
            ..JetStream::default()
        },
        username,
        password: password(secret.as_deref()),
        token: password(token.as_deref()),
        tls: tls(&urls, "tls"),
        ..NatsBridge::default()
    };
    Bridge { nats: Some(nats), ..bridge("nats", topics) }
}

fn redis(mqm: &MqmRedis) -> Bridge {
    let redis = RedisBridge {
        // As in the Go gateway the others do not count.
        addrs: mqm.addrs.first().cloned().into_iter().collect(),
        form: RedisForm::PubSub,
        db: u32::try_from(mqm.db).unwrap_or_default(),
        password: Credential { value: mqm.password.clone(), ..Credential::default() },
        ..RedisBridge::default()
    };
    Bridge { redis: Some(redis), ..bridge("redis", &mqm.producer.channels) }
}

/// Those that are addresses, as the rules demand of all.
fn parsed(addrs: &[BrokerAddr]) -> Vec<Url<'_>> {
    addrs.iter().filter_map(|addr| Url::parse(addr).ok()).collect()
}

fn hosts(urls: &[Url<'_>]) -> Vec<BrokerAddr> {
    urls.iter().map(|url| url.host.parse().unwrap_or_else(|never| match never {})).collect()
}

/// TLS with the system's authorities, if an address wants it by its scheme.
fn tls(urls: &[Url<'_>], scheme: &str) -> BridgeTls {
    BridgeTls { enable: urls.iter().any(|url| url.scheme.as_deref() == Some(scheme)), ..BridgeTls::default() }
}

fn secret(text: &str) -> Secret {
    text.parse().unwrap_or_else(|never| match never {})
}

fn password(text: Option<&str>) -> Credential {
    Credential { value: text.map(secret), ..Credential::default() }
}

/// What is given, where 0 and less is nothing.
fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests;
