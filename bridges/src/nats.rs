//! NATS: core, where OK means that the server has read the message, and JetStream, where it means that a stream has it.
//!
//! A client of the library would find its way back by itself, and then publish what it held back, in part after its publisher was told
//! an error. Here a client is one connection: it is given a second server that cannot be reached, which is the only one that it knows
//! once it was connected, so it gives up at once and drops what it holds. The supervisor makes a new one, with addresses looked up and
//! secrets read anew, and sends what was not confirmed again, in order.

mod acks;
mod core;
mod events;
mod jetstream;
mod outgoing;
mod proven;
mod subject;

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ReconnectToServer, ServerAddr};
use async_trait::async_trait;
use config::NatsBridge;

use self::core::Core;
use self::events::Events;
use self::jetstream::JetStream;
use crate::broker::{Addresses, tls};
use crate::secret::secret;
use crate::{Bridge, Client, Connector, PublishError};

pub(crate) use self::subject::check as check_subject;

/// The port of a server that names none.
const PORT: u16 = 4222;

/// How long one address may take to become a connection; a name may have several.
const DIAL: Duration = Duration::from_secs(3);

/// How long the server may take to answer while a connection is being set up.
const SETUP: Duration = Duration::from_secs(3);

/// Between two signs of life of a silent server; two may be missed. It bounds for how long a client that was given up on a server
/// that stands still holds what it could not send.
const PING: Duration = Duration::from_secs(5);

/// A server that cannot be reached, and costs no packet to try.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// Configured servers.
#[derive(Debug)]
pub(crate) struct NatsConnector {
    /// The bridge's name.
    name: String,
    /// What the server lists the connection as.
    client: String,
    config: NatsBridge,
    addresses: Addresses,
}

/// A connection, and what the client says of it.
#[derive(Debug)]
struct Link {
    client: async_nats::Client,
    events: Arc<Events>,
    /// What the subjects of answers begin with.
    inbox: String,
}

impl Link {
    async fn lost(&self) -> PublishError {
        self.events.until(|said| said.lost()).await
    }
}

impl NatsConnector {
    pub(crate) fn new(name: &str, config: &NatsBridge, client: Client<'_>) -> Self {
        let client = match client {
            Client::Gateway(gateway) => format!("frontier {gateway}, bridge {name}"),
            Client::Check => format!("frontier check, bridge {name}"),
        };
        let addresses = Addresses::new(&config.addrs, PORT);
        Self { name: name.to_owned(), client, config: config.clone(), addresses }
    }

    async fn connect_to(&self, addr: &str) -> Result<Arc<dyn Bridge>, PublishError> {
        let events = Arc::new(Events::default());
        let (options, pool) = self.options(addr, &events).await?;
        let client = options.connect(&*pool).await.map_err(|error| self.told(addr, &error))?;
        let link = Link { client, events, inbox: self.config.inbox_prefix.clone() };
        Ok(match self.config.jetstream.enable {
            false => Arc::new(Core::new(link).await?),
            true => Arc::new(JetStream::new(link, &self.name, &self.config.jetstream).await?),
        })
    }

    async fn options(
        &self,
        addr: &str,
        events: &Arc<Events>,
    ) -> Result<(ConnectOptions, Vec<ServerAddr>), PublishError> {
        let parse = |text: &str| {
            let parsed = text.parse::<ServerAddr>();
            parsed.map_err(|error| PublishError::lost(format_args!("{addr} is no address of a server: {error}")))
        };
        let (there, nowhere) = (parse(&format!("nats://{addr}"))?, parse(NOWHERE)?);
        let pool = vec![there.clone(), nowhere.clone()];
        let connected = AtomicBool::new(false);
        let room = match self.config.jetstream.enable {
            // The one subscription that there is is to be full: see `core.rs`.
            false => 1,
            true => acks::ROOM,
        };
        let said = Arc::clone(events);
        let mut options = self
            .login()
            .await?
            .name(&self.client)
            .custom_inbox_prefix(&self.config.inbox_prefix)
            .connection_timeout(DIAL)
            .request_timeout(Some(SETUP))
            .ping_interval(PING)
            .subscription_capacity(room)
            .ignore_discovered_servers()
            .max_reconnects(1)
            .reconnect_to_server_callback(move |_, _| {
                let addr = if connected.swap(true, Ordering::Relaxed) { nowhere.clone() } else { there.clone() };
                std::future::ready(Some(ReconnectToServer { addr, delay: Some(Duration::ZERO) }))
            })
            .event_callback(move |event| {
                said.take(event);
                std::future::ready(())
            });
        if let Some(connector) = tls(&self.config.tls).await? {
            options = options.tls_client_config((*connector.config()).clone()).require_tls(true);
        }
        Ok((options, pool))
    }

    /// With what logs in, read anew.
    async fn login(&self) -> Result<ConnectOptions, PublishError> {
        let config = &self.config;
        let options = ConnectOptions::new();
        if let Some(user) = &config.username {
            let password = secret(&config.password).await?.unwrap_or_default();
            return Ok(options.user_and_password(user.clone(), password.expose().to_owned()));
        }
        if let Some(token) = secret(&config.token).await? {
            return Ok(options.token(token.expose().to_owned()));
        }
        if let Some(seed) = secret(&config.nkey).await? {
            return Ok(options.nkey(seed.expose().trim().to_owned()));
        }
        if let Some(file) = &config.creds_file {
            return credentials(options, file).await;
        }
        Ok(options)
    }

    /// Why there is no connection to `addr`.
    fn told(&self, addr: &str, error: &ConnectError) -> PublishError {
        let cause = cause(error);
        match error.kind() {
            ConnectErrorKind::Dns => {
                let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
                PublishError::lost(format_args!("cannot resolve {host}: {cause}"))
            }
            ConnectErrorKind::TimedOut => {
                PublishError::lost(format_args!("cannot connect to {addr}: no answer in {} s", DIAL.as_secs()))
            }
            ConnectErrorKind::Authentication => PublishError::lost(format_args!(
                "cannot log in at {addr}: the seed or the credentials file cannot sign what the server asks"
            )),
            ConnectErrorKind::AuthorizationViolation => {
                PublishError::lost(format_args!("cannot log in at {addr}: authorization violation; {}", self.way_in()))
            }
            _ => PublishError::lost(format_args!("cannot connect to {addr}: {cause}")),
        }
    }

    /// What to look at when a login is refused.
    fn way_in(&self) -> &'static str {
        match &self.config {
            config if config.username.is_some() => "check `username` and `password`",
            config if !config.token.is_empty() => "check `token`",
            config if !config.nkey.is_empty() => "check `nkey`",
            config if config.creds_file.is_some() => "check `creds_file`",
            _ => "no login is configured",
        }
    }
}

#[async_trait]
impl Connector for NatsConnector {
    fn target(&self) -> String {
        match &self.config.jetstream {
            stream if stream.enable => format!("nats {}, stream {}", self.addresses, stream.stream),
            _ => format!("nats {}", self.addresses),
        }
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let mut failures = Vec::new();
        for addr in self.addresses.in_turn() {
            match self.connect_to(addr).await {
                Ok(bridge) => return Ok(bridge),
                Err(failure) => failures.push(failure.to_string()),
            }
        }
        Err(PublishError::lost(failures.join("; ")))
    }
}

/// What is behind an error of the client, without its kind, if anything is.
fn cause<K>(error: &async_nats::error::Error<K>) -> String
where
    K: Clone + std::fmt::Debug + std::fmt::Display + PartialEq,
{
    error.source().map_or_else(|| error.kind().to_string(), ToString::to_string)
}

/// With a user's JWT and seed from a file.
async fn credentials(options: ConnectOptions, file: &Path) -> Result<ConnectOptions, PublishError> {
    let unusable = |cause: &dyn std::fmt::Display| {
        PublishError::lost(format_args!("credentials file {}: {cause}", file.display()))
    };
    let text = tokio::fs::read_to_string(file).await.map_err(|error| unusable(&error))?;
    options.credentials(&text).map_err(|error| unusable(&error))
}
