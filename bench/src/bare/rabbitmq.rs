//! RabbitMQ by `lapin`: a channel with publisher confirms.

use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::hand_over::{self, Confirmed, HandOver};
use super::{Client, HEADERS};
use crate::flow::Flow;
use crate::peer::TOPIC;

/// What the queue keeps: else minutes of it would be in the way.
const KEPT: i64 = 100_000;

/// The mode of a message that the server writes to its disk.
const PERSISTENT: u8 = 2;

pub(crate) struct Rabbitmq {
    channel: Channel,
    properties: BasicProperties,
    payload: Vec<u8>,
    /// There until the end.
    _connection: Connection,
}

async fn open(broker: &str) -> Result<(Connection, Channel)> {
    let properties = ConnectionProperties::default().with_connection_name("bare".into());
    let connection = Connection::connect(&format!("amqp://guest:guest@{broker}/%2f"), properties).await;
    let connection = connection.context("RabbitMQ does not let the bare client in")?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

impl Client for Rabbitmq {
    const SETTINGS: &str = "publisher confirms, mandatory, persistent, a durable queue that keeps 100 000 messages";

    fn section(broker: &str) -> String {
        format!("amqp: {{ addrs: [\"{broker}\"], mandatory: true, persistent: true }}")
    }

    async fn prepare(broker: &str) -> Result<()> {
        let (_connection, channel) = open(broker).await?;
        let mut bound = FieldTable::default();
        bound.insert("x-max-length".into(), AMQPValue::LongLongInt(KEPT));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(TOPIC.into(), durable, bound).await.context("the queue cannot be made")?;
        Ok(())
    }

    async fn connect(broker: &str, payload: Vec<u8>, _: usize) -> Result<Self> {
        let (connection, channel) = open(broker).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut headers = FieldTable::default();
        let mut id = None;
        for (name, value) in HEADERS {
            headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
            id = id.or((name == "frontier-message-id").then_some(value));
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers)
            .with_message_id(id.unwrap_or_default().into())
            .with_timestamp(1_800_000_000);
        Ok(Self { channel, properties, payload, _connection: connection })
    }

    async fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
        hand_over::publish(self, flow, done).await
    }
}

impl HandOver for Rabbitmq {
    const TOGETHER: usize = 1;

    async fn hand_over(&mut self, _: usize) -> Result<Confirmed> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = self.properties.clone();
        let sent = self.channel.basic_publish("".into(), TOPIC.into(), mandatory, &self.payload, properties).await?;
        let confirmed = async move {
            let confirmation = sent.await?;
            ensure!(matches!(confirmation, Confirmation::Ack(None)), "a message was not taken: {confirmation:?}");
            Ok(())
        };
        Ok(confirmed.boxed())
    }
}
