//! Exchanges, queues and bindings that the configuration wants.

use std::collections::BTreeMap;

use config::{AmqpBinding, AmqpBridge, AmqpExchange, AmqpQueue};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Error, ExchangeKind};

use super::message::short;
use super::words::words;
use crate::PublishError;

/// Declares and binds, one after another. Each answer is waited for, whatever `nowait` says: a refusal without an answer would
/// close the channel under whatever comes next.
pub(super) async fn declare(channel: &Channel, config: &AmqpBridge) -> Result<(), PublishError> {
    for exchange in &config.exchanges {
        let what = format!("exchange {:?}", exchange.name);
        declare_exchange(channel, exchange).await.map_err(|fault| fault.of(&what))?;
    }
    for queue in &config.queues {
        let what = format!("queue {:?}", queue.name);
        declare_queue(channel, queue).await.map_err(|fault| fault.of(&what))?;
    }
    for binding in &config.bindings {
        let what = format!("binding of {:?} to {:?}", binding.queue_name, binding.exchange_name);
        bind(channel, binding).await.map_err(|fault| fault.of(&what))?;
    }
    Ok(())
}

/// Why something cannot be declared.
enum Fault {
    Ours(PublishError),
    Theirs(Error),
}

impl Fault {
    fn of(self, what: &str) -> PublishError {
        match self {
            Fault::Ours(error) => PublishError::lost(format_args!("{what}: {error}")),
            Fault::Theirs(error) => PublishError::lost(format_args!("{what}: {}", words(&error))),
        }
    }
}

impl From<PublishError> for Fault {
    fn from(error: PublishError) -> Self {
        Fault::Ours(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Theirs(error)
    }
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

async fn declare_exchange(channel: &Channel, exchange: &AmqpExchange) -> Result<(), Fault> {
    let AmqpExchange { name, kind, durable, auto_delete, internal, nowait: _, arguments } = exchange;
    let kind = match kind.as_str() {
        "direct" => ExchangeKind::Direct,
        "fanout" => ExchangeKind::Fanout,
        "topic" => ExchangeKind::Topic,
        "headers" => ExchangeKind::Headers,
        other => ExchangeKind::Custom(short(other, "the kind")?.to_string()),
    };
    let options = ExchangeDeclareOptions {
        durable: *durable,
        auto_delete: *auto_delete,
        internal: *internal,
        ..ExchangeDeclareOptions::default()
    };
    Ok(channel.exchange_declare(short(name, "the name")?, kind, options, table(arguments)?).await?)
}

async fn declare_queue(channel: &Channel, queue: &AmqpQueue) -> Result<(), Fault> {
    let AmqpQueue { name, durable, auto_delete, exclusive, nowait: _, arguments } = queue;
    let options = QueueDeclareOptions {
        durable: *durable,
        auto_delete: *auto_delete,
        exclusive: *exclusive,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(short(name, "the name")?, options, table(arguments)?).await?;
    Ok(())
}

async fn bind(channel: &Channel, binding: &AmqpBinding) -> Result<(), Fault> {
    let AmqpBinding { queue_name, exchange_name, binding_key, nowait: _ } = binding;
    let (queue, exchange) = (short(queue_name, "the queue")?, short(exchange_name, "the exchange")?);
    let key = short(binding_key, "the key")?;
    Ok(channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await?)
}

/// Arguments, each in the type that it reads as: the server tells numbers, truth values and texts apart.
fn table(arguments: &BTreeMap<String, String>) -> Result<FieldTable, PublishError> {
    let mut table = FieldTable::default();
    for (name, text) in arguments {
        let value = match (text.parse(), text.parse()) {
            (Ok(number), _) => AMQPValue::LongLongInt(number),
            (_, Ok(truth)) => AMQPValue::Boolean(truth),
            _ => AMQPValue::LongString(text.as_str().into()),
        };
        table.insert(short(name, "the name of an argument")?, value);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_of_the_type_that_they_read_as() {
        let texts = [("x-max-length", "5"), ("x-single-active-consumer", "true"), ("x-queue-type", "quorum")];
        let arguments = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let table = table(&arguments).unwrap();
        assert_eq!(table.inner()["x-max-length"], AMQPValue::LongLongInt(5));
        assert_eq!(table.inner()["x-single-active-consumer"], AMQPValue::Boolean(true));
        assert_eq!(table.inner()["x-queue-type"], AMQPValue::LongString("quorum".into()));
    }
}
