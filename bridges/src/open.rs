//! The only list of back ends.

use std::sync::Arc;

use crate::Connector;

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
        return Ok(Arc::new(crate::file::FileConnector::new(file)));
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
    #[cfg(not(any(feature = "mqtt", feature = "nats")))]
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
