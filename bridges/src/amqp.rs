//! AMQP 0-9-1, that is RabbitMQ, by lapin.
//!
//! One connection for each [`Connector::connect`], without lapin's own recovery, which would tell of what is under way only when it
//! is back. A publisher is told OK once the server has confirmed its message: for a durable queue and a persistent message, once that is
//! on the server's disk.
//!
//! Whatever the server refuses closes a channel, and a channel is soon had. What it refuses to the connection as a whole, the
//! exchange above all, ends the connection: the supervisor says so, and tries again.

mod message;
mod publish;
mod returned;
mod sieve;
mod topology;
mod transport;
mod words;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_rs::Runtime;
use async_trait::async_trait;
use config::AmqpBridge;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use lapin::types::ShortString;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Event};
use net::tls::TlsConnector;
use tokio::time::timeout;

use self::message::short;
use self::publish::Publisher;
use self::transport::{Kit, Lifeline, severable};
use self::words::lost;
use crate::broker::{Addresses, dial, tls};
use crate::secret::secret;
use crate::{Bridge, Confirmations, Connector, PublishError, Record, Terms};

pub(crate) use self::message::check_routing_key;

const PORT: u16 = 5672;
const PORT_TLS: u16 = 5671;

/// How long a server that has accepted may take to let us in.
const LOGIN: Duration = Duration::from_secs(4);

/// What is said of a connection that has ended without a reason, and how long one is waited for.
const LOST: &str = "connection lost";
const REASON: Duration = Duration::from_millis(200);

/// A configured broker.
#[derive(Debug)]
pub(crate) struct AmqpConnector {
    config: AmqpBridge,
    addresses: Addresses,
}

impl AmqpConnector {
    pub(crate) fn new(config: &AmqpBridge) -> Self {
        let port = if config.tls.enable { PORT_TLS } else { PORT };
        Self { config: config.clone(), addresses: Addresses::new(&config.addrs, port) }
    }

    /// Connects to one address, and sets up what is wanted there.
    async fn open(
        &self,
        addr: &str,
        tls: Option<&TlsConnector>,
        password: &str,
    ) -> Result<Arc<dyn Bridge>, PublishError> {
        let exchange = short(&self.config.exchange, "the exchange")?;
        short(&self.config.vhost, "the virtual host")?;
        let mut properties = ConnectionProperties::default().with_connection_name("frontier".into());
        if !self.config.locale.is_empty() {
            properties = properties.with_locale(short(&self.config.locale, "the locale")?);
        }
        let (stream, lifeline) = severable(dial(addr, tls).await?);
        let stream = Mutex::new(Some(stream));
        // Asked once: there is no recovery.
        let take = async move |_: AMQPUri, _: Runtime<Kit>| {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream
                .map(AsyncTcpStream::Plain)
                .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into())
        };
        let login = Connection::connector(self.uri(password), Runtime::new(Kit::current()), take, properties);
        let silent = |_| PublishError::lost(format_args!("no login within {} s", LOGIN.as_secs()));
        let connection = timeout(LOGIN, login).await.map_err(silent)?.map_err(|error| lost(&error))?;
        let (channels, least) = (connection.configuration().channel_max(), AmqpBridge::LEAST_CHANNELS);
        if channels < least {
            let text = format_args!("the server allows {channels} channels on a connection; a bridge needs {least}");
            return Err(PublishError::lost(text));
        }
        let connection = Arc::new(connection);
        let events = connection.events_listener().boxed();
        let asking = connection.create_channel().await.map_err(|error| lost(&error))?;
        topology::declare(&asking, &self.config).await?;
        topology::is_there(&asking, &exchange).await.map_err(|error| lost(&error))?;
        let publisher = Publisher::open(Arc::clone(&connection), exchange.clone(), &self.config).await?;
        Ok(Arc::new(Connected {
            publisher,
            exchange,
            asking,
            blocked: Mutex::default(),
            events: Mutex::new(Some(events)),
            connection,
            lifeline,
        }))
    }

    /// What lapin takes its settings from. Nothing of it is written out or read again, so all characters are as good.
    fn uri(&self, password: &str) -> AMQPUri {
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username: self.config.username.clone(), password: password.to_owned() },
                // The stream is there already.
                host: String::new(),
                port: 0,
            },
            vhost: self.config.vhost.clone(),
            // The lower of each and the server's counts; 0 is the server's.
            query: AMQPQueryString {
                channel_max: Some(self.config.channel_max),
                frame_max: Some(self.config.frame_max),
                heartbeat: u16::try_from(self.config.heartbeat.as_secs()).ok(),
                ..AMQPQueryString::default()
            },
        }
    }
}

#[async_trait]
impl Connector for AmqpConnector {
    fn target(&self) -> String {
        let exchange = match &*self.config.exchange {
            "" => String::new(),
            exchange => format!(", exchange {exchange:?}"),
        };
        format!("amqp {}{exchange}", self.addresses)
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let tls = tls(&self.config.tls).await?;
        let password = secret(&self.config.password).await?;
        // Of the user that every new server has, the password is known as well.
        let known = if self.config.username == "guest" { "guest" } else { "" };
        let password = password.as_ref().map_or(known, |secret| secret.expose());
        let mut failures = Vec::new();
        for addr in self.addresses.in_turn() {
            match self.open(addr, tls.as_ref(), password).await {
                Ok(bridge) => return Ok(bridge),
                Err(error) => failures.push((addr, error)),
            }
        }
        Err(match &mut *failures {
            [(_, only)] => only.clone(),
            several => {
                let told: Vec<String> = several.iter().map(|(addr, error)| format!("{addr}: {error}")).collect();
                PublishError::lost(told.join("; "))
            }
        })
    }
}

/// A connection.
struct Connected {
    publisher: Publisher,
    exchange: ShortString,
    /// For questions alone: what is refused here closes nothing else.
    asking: Channel,
    /// Why the server takes no messages, while it does not.
    blocked: Mutex<Option<String>>,
    events: Mutex<Option<BoxStream<'static, Event>>>,
    connection: Arc<Connection>,
    /// Behind the connection: dropped, it ends lapin's thread.
    lifeline: Lifeline,
}

impl Connected {
    /// Takes in what has happened. Returns the end of the connection, if it is that.
    fn note(&self, event: Event) -> Option<PublishError> {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::ConnectionBlocked(reason) => *blocked = Some(reason),
            Event::ConnectionUnblocked => *blocked = None,
            // A channel's end is known to who uses it.
            Event::Error(error) if !error.is_amqp_soft_error() => return Some(lost(&error)),
            _ => {}
        }
        None
    }
}

#[async_trait]
impl Bridge for Connected {
    fn terms(&self) -> Terms {
        Terms::default()
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        self.publisher.send(records).await
    }

    async fn check(&self) -> Result<(), PublishError> {
        if self.connection.status().blocked() {
            let reason = self.blocked.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let reason = reason.as_deref().unwrap_or("no reason given");
            return Err(PublishError::passing(format_args!("the server takes no messages for now: {reason}")));
        }
        topology::is_there(&self.asking, &self.exchange).await.map_err(|error| lost(&error))
    }

    async fn lost(&self) -> PublishError {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut events) = events else { return std::future::pending().await };
        let watched = async {
            while let Some(event) = events.next().await {
                if let Some(error) = self.note(event) {
                    return error;
                }
            }
            PublishError::lost(LOST)
        };
        let ended = async {
            self.lifeline.ended().await;
            // The reason comes from another thread.
            tokio::time::sleep(REASON).await;
        };
        tokio::select! {
            error = watched => error,
            () = ended => PublishError::lost(LOST),
        }
    }

    async fn close(&self) {
        // Whoever cannot be told goodbye is left without one.
        let _ = self.connection.close(200, "bye".into()).await;
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// `connection.start` of a server that has two languages, neither of which is chosen in it.
    fn start() -> Vec<u8> {
        let (class, method, version, no_properties) = ([0, 10], [0, 10], [0, 9], [0; 4]);
        let long = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
        let (mechanisms, locales) = (long("PLAIN"), long("en_US de_DE"));
        let payload = [&class[..], &method, &version, &no_properties, &mechanisms, &locales].concat();
        [&[1, 0, 0][..], &(payload.len() as u32).to_be_bytes(), &payload, &[0xce]].concat()
    }

    /// The end of the client's answer, where its language stands.
    async fn answered_in(locale: &str) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let config =
            AmqpBridge { addrs: vec![addr.parse().unwrap()], locale: locale.to_owned(), ..AmqpBridge::default() };
        let connector = AmqpConnector::new(&config);
        let server = async {
            let (mut client, _) = listener.accept().await.unwrap();
            client.read_exact(&mut [0; 8]).await.unwrap();
            client.write_all(&start()).await.unwrap();
            let mut head = [0; 7];
            client.read_exact(&mut head).await.unwrap();
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            let mut payload = vec![0; size];
            client.read_exact(&mut payload).await.unwrap();
            payload.split_off(size - 6)
        };
        let (connected, end) = tokio::join!(connector.connect(), server);
        assert!(connected.is_err(), "the server goes away");
        end
    }

    #[tokio::test]
    async fn the_language_is_asked_for() {
        assert_eq!(answered_in("de_DE").await, b"\x05de_DE");
        assert_eq!(answered_in("").await, b"\x05en_US");
    }
}
