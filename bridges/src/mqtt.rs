//! MQTT 3.1.1 and 5.
//!
//! `rumqttc` has the packets; the connection is ours, for its clients tell neither which message an answer was for across a
//! reconnect, nor that one was dropped. A publisher is told OK once the broker has answered its message: with PUBACK (QoS 1) or
//! PUBCOMP (QoS 2). QoS 0 has no answer, so a ping follows each batch: a broker answers in order, and has read what came before
//! the ping.
//!
//! | file | duty |
//! |---|---|
//! | `link.rs` | the task of one connection |
//! | `session.rs` | packet identifiers, window and steps, without IO |
//! | `kept.rs` | the session from one connection to the next |
//! | `greeting.rs` | CONNECT and its answer |
//! | `wire.rs` | packets as bytes |
//! | `message.rs` | what of a record MQTT can carry |
//! | `reason.rs` | what a broker's reasons mean |

mod greeting;
mod kept;
mod link;
mod message;
mod reason;
mod session;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use config::{MqttBridge as Config, MqttVersion};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::greeting::greet;
use self::kept::Kept;
use self::link::{Command, Link, Manner};
use self::wire::Granted;
use crate::broker::{self, Addresses};
use crate::secret::secret;
use crate::{Bridge, Client, Confirmations, Connector, PublishError, Record, Terms};

pub(crate) use self::message::check_topic;

/// The most messages under way, unless the broker wants fewer.
const WINDOW: usize = 1000;

/// The same for QoS 2 with MQTT 3.1.1, which has no way for the broker to say how many: Mosquitto handles 20, and queues others
/// before it answers.
const WINDOW_UNSAID: usize = 20;

/// A configured broker.
#[derive(Debug)]
pub(crate) struct MqttConnector {
    config: Config,
    client_id: String,
    addresses: Addresses,
    kept: Arc<Kept>,
}

impl MqttConnector {
    /// The bridge `name` of `client`.
    pub(crate) fn new(config: &Config, name: &str, client: Client<'_>) -> Self {
        let port = if config.tls.enable { 8883 } else { 1883 };
        let client_id = match (&*config.client_id, client) {
            ("", Client::Gateway(node)) => format!("frontier-{name}-{node}"),
            (fixed, Client::Gateway(_)) => fixed.to_owned(),
            ("", Client::Check) => format!("frontier-{name}-check"),
            (fixed, Client::Check) => format!("{fixed}-check"),
        };
        Self {
            config: config.clone(),
            client_id,
            addresses: Addresses::new(std::slice::from_ref(&config.addr), port),
            kept: Arc::default(),
        }
    }

    /// How many messages may be under way.
    fn window(&self, granted: &Granted) -> usize {
        match (self.config.qos, self.config.version) {
            (0, _) => WINDOW,
            (2, MqttVersion::V3) => WINDOW_UNSAID,
            _ => WINDOW.min(granted.receive_max.into()),
        }
    }

    /// Refuses a broker that does not take what the configuration says.
    fn check(&self, granted: &Granted) -> Result<(), PublishError> {
        let Config { qos, retain, .. } = self.config;
        if qos > granted.max_qos {
            let most = granted.max_qos;
            return Err(PublishError::lost(format_args!("the broker takes QoS {most} at most; set `qos: {most}`")));
        }
        if retain && !granted.retains {
            return Err(PublishError::lost("the broker retains no messages; set `retain: false`"));
        }
        Ok(())
    }
}

#[async_trait]
impl Connector for MqttConnector {
    fn target(&self) -> String {
        format!("mqtt {}", self.addresses)
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let Config { version, qos, retain, clean_session, .. } = self.config;
        let tls = broker::tls(&self.config.tls).await?;
        let password = secret(&self.config.password).await?;
        let password = password.as_ref().map_or("", config::Secret::expose);
        let addr = self.addresses.in_turn().next().expect("the configuration has an address");
        let mut session = self.kept.lease(qos == 2 && !clean_session);
        if !clean_session && !session.resumes() && version == MqttVersion::V3 {
            // There, forgetting the old session and keeping the new one are two connections.
            let stream = broker::dial(addr, tls.as_ref()).await?;
            greet(stream, &self.config, &self.client_id, password, true).await?.leave().await?;
            session.is_new();
        }
        let stream = broker::dial(addr, tls.as_ref()).await?;
        let clean = clean_session || !session.resumes();
        let greeted = greet(stream, &self.config, &self.client_id, password, clean).await?;
        if let Err(error) = self.check(&greeted.granted) {
            // That there is no use for it is no reason for a will. Whether the broker hears of it changes nothing.
            let _ = greeted.leave().await;
            return Err(error);
        }
        let granted = &greeted.granted;
        if !clean_session {
            session.is_new();
        }
        let window = self.window(granted);
        session.connected(granted.session_present, window);
        let manner = Manner { version, qos, retain };
        let link = Link::new(greeted, self.client_id.clone(), manner, self.config.keep_alive, session);
        Ok(Arc::new(MqttBridge::start(link, window)))
    }
}

/// A connection to a broker, and its task, which ends with this.
#[derive(Debug)]
struct MqttBridge {
    window: usize,
    commands: mpsc::Sender<Command>,
    ended: watch::Receiver<Option<PublishError>>,
    task: JoinHandle<()>,
}

impl MqttBridge {
    fn start(link: Link, window: usize) -> Self {
        let (commands, taken) = mpsc::channel(1);
        let (ending, ended) = watch::channel(None);
        let task = tokio::spawn(async move {
            let error = link.run(taken).await;
            ending.send_replace(Some(error));
        });
        Self { window, commands, ended, task }
    }

    async fn hand_over(&self, command: Command) -> Result<(), PublishError> {
        match self.commands.send(command).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.lost().await),
        }
    }
}

impl Drop for MqttBridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Bridge for MqttBridge {
    fn terms(&self) -> Terms {
        Terms { window: self.window, ..Terms::default() }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        let (teller, confirmations) = Confirmations::told(|_, outcome| outcome);
        self.hand_over(Command::Send(records.to_vec(), teller)).await?;
        Ok(confirmations)
    }

    async fn check(&self) -> Result<(), PublishError> {
        let (to, answered) = oneshot::channel();
        self.hand_over(Command::Check(to)).await?;
        match answered.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.lost().await),
        }
    }

    async fn lost(&self) -> PublishError {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(error) => error.clone().expect("it was waited for"),
            Err(_) => PublishError::lost("its task is gone"),
        }
    }

    async fn close(&self) {
        // One that has ended has left already.
        if self.commands.send(Command::Close).await.is_ok() {
            self.lost().await;
        }
    }
}
