//! The only list of back ends: what connects each, and which names each refuses.

use std::sync::Arc;

use crate::{Connector, PublishError};

/// A bridge that this program cannot have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its back end is left out of this program.
    #[error("bridge {name:?}: this program was built without {kind}; build it with the cargo feature \"{kind}\"")]
    NotCompiledIn {
        /// The bridge.
        name: String,
        /// Its kind, which is the name of the feature.
        kind: &'static str,
    },
    /// The properties that it gives librdkafka are not to be used.
    #[cfg(feature = "kafka")]
    #[error("bridge {name:?}: kafka")]
    Property {
        /// The bridge.
        name: String,
        /// Which, and why.
        #[source]
        cause: crate::BadProperty,
    },
}

/// Who connects, for brokers that tell their clients apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client<'a> {
    /// The gateway of this name, which no other has, and which is the same after a restart: letters, digits and `-`.
    Gateway(&'a str),
    /// Somebody who tries whether it works, and must not take a gateway's place.
    Check,
}

/// What connects the bridge `config`, which has passed the checks of the configuration, for `client`.
///
/// # Errors
/// The program lacks its back end, or that does not take the configuration.
pub fn connector(config: &config::Bridge, client: Client<'_>) -> Result<Arc<dyn Connector>, OpenError> {
    #[cfg(feature = "file")]
    if let Some(file) = &config.file {
        return Ok(Arc::new(crate::file::FileConnector::new(file, client)));
    }
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.kafka {
        let connector = crate::kafka::KafkaConnector::new(config, kafka);
        return Ok(Arc::new(connector.map_err(|cause| OpenError::Property { name: config.name.clone(), cause })?));
    }
    #[cfg(feature = "nats")]
    if let Some(nats) = &config.nats {
        return Ok(Arc::new(crate::nats::NatsConnector::new(&config.name, nats, client)));
    }
    #[cfg(feature = "mqtt")]
    if let Some(mqtt) = &config.mqtt {
        return Ok(Arc::new(crate::mqtt::MqttConnector::new(mqtt, &config.name, client)));
    }
    #[cfg(not(any(feature = "file", feature = "mqtt", feature = "nats")))]
    let _ = client;
    #[cfg(feature = "redis")]
    if let Some(redis) = &config.redis {
        return Ok(Arc::new(crate::redis::RedisConnector::new(&config.name, redis)));
    }
    #[cfg(feature = "amqp")]
    if let Some(amqp) = &config.amqp {
        return Ok(Arc::new(crate::amqp::AmqpConnector::new(amqp)));
    }
    Err(OpenError::NotCompiledIn { name: config.name.clone(), kind: config.kind() })
}

/// Checks where records of the bridge `config` would go, as far as that can be said without its broker. Its back end asks the same before
/// it sends.
///
/// # Errors
/// [`Refused`](crate::Kind::Refused), with the reason: the broker forbids the name.
pub(crate) fn check_destination(config: &config::Bridge, name: &str) -> Result<(), PublishError> {
    #[cfg(feature = "kafka")]
    if config.kafka.is_some() {
        return crate::kafka::check_topic(name);
    }
    #[cfg(feature = "nats")]
    if let Some(nats) = &config.nats {
        return crate::nats::check_subject(name, &nats.inbox_prefix);
    }
    #[cfg(feature = "mqtt")]
    if config.mqtt.is_some() {
        return crate::mqtt::check_topic(name);
    }
    #[cfg(feature = "redis")]
    if let Some(redis) = &config.redis {
        return crate::redis::check_name(redis.form, name);
    }
    #[cfg(feature = "amqp")]
    if config.amqp.is_some() {
        return crate::amqp::check_routing_key(name);
    }
    // A file has no names.
    let _ = (config, name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bridges of every kind, and whether this program has it.
    fn kinds() -> Vec<(config::Bridge, bool)> {
        let named = || config::Bridge { name: "b".to_owned(), ..config::Bridge::default() };
        vec![
            (config::Bridge { kafka: Some(config::KafkaBridge::default()), ..named() }, cfg!(feature = "kafka")),
            (config::Bridge { amqp: Some(config::AmqpBridge::default()), ..named() }, cfg!(feature = "amqp")),
            (config::Bridge { nats: Some(config::NatsBridge::default()), ..named() }, cfg!(feature = "nats")),
            (config::Bridge { mqtt: Some(config::MqttBridge::default()), ..named() }, cfg!(feature = "mqtt")),
            (config::Bridge { redis: Some(config::RedisBridge::default()), ..named() }, cfg!(feature = "redis")),
            (config::Bridge { file: Some(config::FileBridge::default()), ..named() }, cfg!(feature = "file")),
        ]
    }

    /// `make lint` runs it without any back end, too.
    #[test]
    fn a_back_end_that_was_left_out_is_named_with_the_way_to_have_it() {
        for (config, is_there) in kinds() {
            let kind = config.kind();
            let told = connector(&config, Client::Check).map(drop).map_err(|error| error.to_string());
            let expected = format!(
                "bridge \"b\": this program was built without {kind}; build it with the cargo feature \"{kind}\""
            );
            assert_eq!(told, if is_there { Ok(()) } else { Err(expected) });
        }
    }
}
