//! Topics of edges to message brokers and files.
//!
//! [`Bridges`] is what a gateway holds: it knows which bridge takes a topic ([`Bridges::route`]) and hands each a message
//! ([`BridgeHandle::publish`]), which is an entry in a queue and never waits. One task for each bridge, which
//! [`Bridges::prepare`] gives out, does all that takes time: it connects, sends in batches, keeps the order of each edge, tries
//! again, and answers each publisher once. A back end knows one broker and nothing of all this.
//!
//! ```text
//! message ─► topics ─► BridgeHandle ─► ledger (bytes, lanes, deadlines, counters)
//!                                        │ batches        ▲ outcomes
//!                                        ▼                │
//!                                   supervisor ─► dyn Bridge ─► broker
//! ```
//!
//! # A new back end
//! One file with a [`Connector`] and a [`Bridge`], one cargo feature, one line in `open.rs`, one struct in the
//! configuration, one test. `file.rs` is the smallest there is. If its broker forbids some names, a second line there.
//!
//! # Why batches
//! Three of the clients that are served confirm batches: Redis answers a pipeline, core NATS a barrier, AMQP with
//! `mandatory` is judged as a whole. The others confirm each record and lose nothing by getting several at once. So
//! [`Bridge::send`] takes a batch and returns [`Confirmations`], in which each record has an outcome of its own: one
//! refused record does not spoil its neighbours, whichever way the client confirms. A client that learns of each record by
//! itself, in a thread or task of its own, tells a [`Teller`]; futures and streams serve those that answer a batch.

#[cfg(feature = "amqp")]
mod amqp;
mod attempt;
#[cfg(any(feature = "amqp", feature = "nats", feature = "mqtt", feature = "redis"))]
mod broker;
mod confirmations;
mod envelope;
mod error;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "nats")]
mod nats;
mod open;
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "kafka", feature = "amqp", feature = "nats", feature = "mqtt", feature = "redis"))]
mod secret;
mod stage;
mod supervisor;
mod template;
#[cfg(test)]
mod testing;
mod topics;

pub use attempt::{Attempt, attempt};
pub use confirmations::{Confirmations, Handful, Outcome, Teller};
pub use error::{Answer, GivenUp, Kind, PublishError};
#[cfg(feature = "kafka")]
pub use kafka::BadProperty;
pub use open::{Client, OpenError, connector};
pub use record::{EdgeMeta, Form, Message, MessageId, MessageIds, Record};
pub use supervisor::{BridgeHandle, Counters, Phase, State};
pub use template::Unfilled;
pub use topics::{Bridges, Explained, Route, Task, Verdict, check, explain};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

/// A configured broker, from which connections can be had.
#[async_trait]
pub trait Connector: fmt::Debug + Send + Sync + 'static {
    /// What publishers are told that they wrote to: the kind of broker and its address, without secrets.
    fn target(&self) -> String;

    /// Connects, and declares or checks what the configuration asks for. Need not set a limit of time of its own.
    ///
    /// # Errors
    /// It cannot be had now, for whatever reason: it will be tried again.
    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError>;
}

/// A connection to a broker.
#[async_trait]
pub trait Bridge: fmt::Debug + Send + Sync + 'static {
    /// What this connection wants of its supervisor: asked before each batch. Whether requests are kept apart stays as it is.
    fn terms(&self) -> Terms;

    /// Hands `records` to the client. The order of the records, and of these calls, is the order on the wire; there is one
    /// call at a time. A destination that the broker forbids is this method's to find, as that record's outcome
    /// ([`Kind::Refused`]): it must never cost the connection. Each record is [claimed](Record::claim) last of all before the client
    /// gets it. Dropped before its end, any of the records may have been handed over.
    ///
    /// # Errors
    /// None of the records was handed over.
    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError>;

    /// Whether the broker is there and takes what it is sent.
    ///
    /// # Errors
    /// With [`Kind::Lost`] the connection is given up; else it is kept, and asked again, and nothing is sent until it is well.
    async fn check(&self) -> Result<(), PublishError>;

    /// Done once the connection is known to be of no use, with the reason, whether or not anything is under way.
    async fn lost(&self) -> PublishError {
        std::future::pending().await
    }

    /// Done once a client that [heals](Terms::heals) has lost the broker: nothing is handed over then until a check has passed. Asked anew
    /// after each time.
    async fn troubled(&self) {
        std::future::pending().await
    }

    /// Takes leave. What was handed over and is not confirmed may be lost.
    async fn close(&self);
}

/// What a back end wants of its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The most records in one [`Bridge::send`].
    pub batch_records: usize,
    /// The most bytes in one, which a single record may exceed. What waits beside as many need not linger.
    pub batch_bytes: usize,
    /// How long a record waits for others to fill a batch; clients that gather by themselves say zero.
    pub linger: Duration,
    /// For clients that have one request at a time under way: their records gather here until it is answered, or nearly.
    pub apart: Option<Apart>,
    /// The most records that may be unconfirmed.
    pub window: usize,
    /// How long all of them may stay unconfirmed before the bridge counts as down.
    pub stall: Duration,
    /// Whether the client finds its way back by itself and sends again what was under way. If so a stall does not end the
    /// connection.
    pub heals: bool,
}

/// How requests of a client that has one at a time are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// How long the client gathers what becomes a request, from its first record on. What comes within that joins it.
    pub gathers: Duration,
    /// How long before the answer is expected the next may be handed over: what the client gathers for, and the hand-over itself.
    pub lead: Duration,
    /// How long the next waits for the answer at most, from when the last record was handed over, if nothing was confirmed since.
    pub silent: Duration,
    /// The same if something was: of several requests, to several servers, one alone is slow.
    pub heard: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            batch_records: 500,
            batch_bytes: 1024 * 1024,
            linger: Duration::ZERO,
            apart: None,
            window: 10_000,
            stall: Duration::from_secs(10),
            heals: false,
        }
    }
}
