//! Exchanges, queues and bindings that the configuration wants.

use config::{AmqpBinding, AmqpBridge, AmqpExchange, AmqpQueue};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Error, ExchangeKind};

use super::words::words;
use crate::PublishError;

/// Declares and binds, one after another. Each answer is waited for, whatever `nowait` says: a refusal without an answer would
/// close the channel under whatever comes next.
pub(super) async fn declare(channel: &Channel, config: &AmqpBridge) -> Result<(), PublishError> {
    for exchange in &config.exchanges {
        let told = |error| refused(&format_args!("exchange {:?}", exchange.name), &error);
        declare_exchange(channel, exchange).await.map_err(told)?;
    }
    for queue in &config.queues {
        let told = |error| refused(&format_args!("queue {:?}", queue.name), &error);
        declare_queue(channel, queue).await.map_err(told)?;
    }
    for binding in &config.bindings {
        let names = format_args!("binding of {:?} to {:?}", binding.queue_name, binding.exchange_name).to_string();
        bind(channel, binding).await.map_err(|error| refused(&names, &error))?;
    }
    Ok(())
}

/// Whether the exchange is there; that without a name always is. An answer either way is a sign of life.
pub(super) async fn is_there(channel: &Channel, exchange: &ShortString) -> Result<(), Error> {
    if exchange.as_str().is_empty() {
        // Asks for nothing, and is answered.
        return channel.basic_qos(0, lapin::options::BasicQosOptions::default()).await;
    }
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(exchange.clone(), ExchangeKind::Direct, options, FieldTable::default()).await
}

fn refused(what: &dyn std::fmt::Display, error: &Error) -> PublishError {
    PublishError::lost(format_args!("{what}: {}", words(error)))
}

async fn declare_exchange(channel: &Channel, exchange: &AmqpExchange) -> Result<(), Error> {
    let AmqpExchange { name, kind, durable, auto_delete, internal, nowait: _ } = exchange;
    let kind = match kind.as_str() {
        "direct" => ExchangeKind::Direct,
        "fanout" => ExchangeKind::Fanout,
        "topic" => ExchangeKind::Topic,
        "headers" => ExchangeKind::Headers,
        other => ExchangeKind::Custom(other.to_owned()),
    };
    let options = ExchangeDeclareOptions {
        durable: *durable,
        auto_delete: *auto_delete,
        internal: *internal,
        ..ExchangeDeclareOptions::default()
    };
    channel.exchange_declare(name.as_str().into(), kind, options, FieldTable::default()).await
}

async fn declare_queue(channel: &Channel, queue: &AmqpQueue) -> Result<(), Error> {
    let AmqpQueue { name, durable, auto_delete, exclusive, nowait: _ } = queue;
    let options = QueueDeclareOptions {
        durable: *durable,
        auto_delete: *auto_delete,
        exclusive: *exclusive,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.map(drop)
}

async fn bind(channel: &Channel, binding: &AmqpBinding) -> Result<(), Error> {
    let AmqpBinding { queue_name, exchange_name, binding_key, nowait: _ } = binding;
    let (queue, exchange, key) = (queue_name.as_str(), exchange_name.as_str(), binding_key.as_str());
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await
}
