//! Core NATS, which confirms nothing: messages are known to be with the server when one that was sent behind them to a subject of
//! our own has come back.

use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result};
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::hand_over::{self, Confirmed, HandOver};
use super::{Client, HEADERS};
use crate::flow::Flow;
use crate::peer::TOPIC;

/// A connection, and what is published over it.
pub(super) struct Link {
    pub(super) client: async_nats::Client,
    pub(super) subject: Subject,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

impl Link {
    pub(super) async fn connect(broker: &str, payload: Vec<u8>) -> Result<Self> {
        let client = async_nats::connect(broker).await.context("NATS does not let the bare client in")?;
        let mut headers = HeaderMap::new();
        HEADERS.iter().for_each(|(name, value)| headers.insert(*name, *value));
        Ok(Self { client, subject: TOPIC.into(), headers, payload: payload.into() })
    }
}

pub(crate) struct Nats {
    link: Link,
    inbox: Subject,
    /// Those who wait for what comes back, in order.
    waiting: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Client for Nats {
    const SETTINGS: &str = "core, a message to an inbox behind at most 100 others";

    fn section(broker: &str) -> String {
        format!("nats: {{ addrs: [\"{broker}\"] }}")
    }

    async fn connect(broker: &str, payload: Vec<u8>, _: usize) -> Result<Self> {
        let link = Link::connect(broker, payload).await?;
        let inbox = Subject::from(link.client.new_inbox());
        let mut back = link.client.subscribe(inbox.clone()).await?;
        let (waiting, mut wait) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        tokio::spawn(async move {
            // Dropped at the end, who still waits hears of it.
            while back.next().await.is_some() {
                let Some(first) = wait.recv().await else { return };
                // Who has left does not want to know.
                let _ = first.send(());
            }
        });
        Ok(Self { link, inbox, waiting })
    }

    async fn publish(&mut self, flow: &mut Flow, done: &AtomicU64) -> Result<()> {
        hand_over::publish(self, flow, done).await
    }
}

impl HandOver for Nats {
    const TOGETHER: usize = 100;

    async fn hand_over(&mut self, count: usize) -> Result<Confirmed> {
        let Link { client, subject, headers, payload } = &self.link;
        for _ in 0..count {
            client.publish_with_headers(subject.clone(), headers.clone(), payload.clone()).await?;
        }
        let (back, came) = oneshot::channel();
        self.waiting.send(back).ok().context("the connection to NATS has ended")?;
        client.publish(self.inbox.clone(), Bytes::new()).await?;
        Ok(async move { came.await.context("the connection to NATS has ended") }.boxed())
    }
}
