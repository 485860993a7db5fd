//! MQTT 5 by `rumqttc`: its event loop, in a task of its own, tells under which identifier a message goes out, and of which one
//! the answer is.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::sleep_until;

use super::{Client, HEADERS};
use crate::flow::Flow;
use crate::peer::TOPIC;

const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Events that are taken in one go.
const AT_ONCE: usize = 1024;

pub(crate) struct Mqtt {
    client: AsyncClient,
    happened: UnboundedReceiver<Result<Happened>>,
    properties: PublishProperties,
    payload: Bytes,
}

/// What became of a message, by its identifier.
enum Happened {
    /// The next of those that were handed over goes out.
    Sent(u16),
    Acknowledged(u16),
}

/// Runs the loop until the connection ends.
async fn run(mut events: EventLoop, tell: UnboundedSender<Result<Happened>>) {
    loop {
        let happened = match events.poll().await {
            Ok(Event::Outgoing(Outgoing::Publish(id))) => Ok(Happened::Sent(id)),
            Ok(Event::Incoming(Packet::PubAck(ack))) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(Happened::Acknowledged(ack.pkid)),
                reason => Err(anyhow!("a message was not taken: {reason:?}")),
            },
            Ok(_) => continue,
            Err(error) => Err(anyhow!(error).context("the connection to the broker has ended")),
        };
        let ended = happened.is_err();
        if tell.send(happened).is_err() || ended {
            return;
        }
    }
}

impl Client for Mqtt {
    const SETTINGS: &str = "MQTT 5, QoS 1, a clean session, user properties";

    fn section(broker: &str) -> String {
        format!("mqtt: {{ addr: \"{broker}\", version: \"5\", qos: 1, clean_session: true }}")
    }

    async fn connect(broker: &str, payload: Vec<u8>, most: usize) -> Result<Self> {
        let (host, port) = broker.rsplit_once(':').context("a broker is host:port")?;
        let mut options = MqttOptions::new("bare", host, port.parse()?);
        options.set_keep_alive(KEEP_ALIVE).set_clean_start(true);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        let (client, mut events) = AsyncClient::new(options, most);
        loop {
            let event = events.poll().await.context("the broker does not let the bare client in")?;
            if matches!(event, Event::Incoming(Packet::ConnAck(_))) {
                break;
            }
        }
        let user_properties = HEADERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let properties = PublishProperties { user_properties, ..PublishProperties::default() };
        let (tell, happened) = mpsc::unbounded_channel();
        tokio::spawn(run(events, tell));
        Ok(Self { client, happened, properties, payload: payload.into() })
    }

    async fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
        let mut handed: VecDeque<Instant> = VecDeque::new();
        let mut sent: HashMap<u16, Instant> = HashMap::new();
        let mut all = Vec::with_capacity(AT_ONCE);
        loop {
            let now = Instant::now();
            while let Some(since) = flow.begin(now) {
                let (properties, payload) = (self.properties.clone(), self.payload.clone());
                let taken =
                    self.client.try_publish_with_properties(TOPIC, QoS::AtLeastOnce, false, payload, properties);
                taken.context("the client takes no message")?;
                handed.push_back(since);
            }
            if flow.is_over(now) {
                return Ok(());
            }
            let count = match flow.next_due() {
                None => self.happened.recv_many(&mut all, AT_ONCE).await,
                Some(due) => tokio::select! {
                    count = self.happened.recv_many(&mut all, AT_ONCE) => count,
                    () = sleep_until(due.into()) => continue,
                },
            };
            ensure!(count > 0, "the client's loop has ended");
            let now = Instant::now();
            for happened in all.drain(..) {
                match happened? {
                    Happened::Sent(id) => {
                        sent.insert(id, handed.pop_front().context("a message goes out that was not handed over")?);
                    }
                    Happened::Acknowledged(id) => {
                        flow.end(sent.remove(&id).context("an answer to no message")?, now);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}
