//! Redis: entries of streams, or messages on channels.
//!
//! A batch is a pipeline, in which every record has a reply of its own; it is no transaction. What the server says decides: a full
//! memory or a key of another type is that record's failure, a server that has become a replica costs the connection. Whoever is
//! connected to was asked whether it is a master, and is asked again now and then, since a replica takes what is published and tells its
//! own listeners alone.
//!
//! Of the crate `redis` this uses one connection with its pipelines. Its connection manager stays dead after one failed login, and
//! its cluster client takes no pipeline over several servers, without which order and outcomes of records cannot be told; so finding the
//! server ([`sentinel`], [`cluster`]) is done here, on every connect anew.

mod cluster;
mod command;
mod connection;
mod first_words;
mod reply;
mod sentinel;
mod servers;
mod slot;

use std::sync::Arc;

use async_trait::async_trait;
use config::{BridgeTls, Credential, RedisForm, RedisMode};

use self::command::Shape;
use self::connection::{Connection, Manners};
use self::sentinel::Sentinels;
use self::servers::Servers;
use crate::broker::{self, Addresses};
use crate::secret::secret;
use crate::{Bridge, Confirmations, Connector, PublishError, Record, Terms};

pub(crate) use self::command::check_name;

/// Where Redis listens unless it is told otherwise, and where sentinels do.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// A configured Redis.
#[derive(Debug)]
pub(crate) struct RedisConnector {
    /// What connections are called.
    name: String,
    way: Way,
    login: Login,
    /// To sentinels.
    sentinel_login: Login,
    db: u32,
    tls: BridgeTls,
    shape: Shape,
    /// A message that nobody listens to is a failure.
    listeners: bool,
}

/// How the server is found.
#[derive(Debug)]
enum Way {
    Standalone(Addresses),
    Sentinels(Arc<Sentinels>),
    Cluster(Addresses),
}

#[derive(Debug)]
struct Login {
    username: Option<String>,
    password: Credential,
}

impl RedisConnector {
    pub(crate) fn new(bridge: &str, config: &config::RedisBridge) -> Self {
        let addresses = |port| Addresses::new(&config.addrs, port);
        let way = match config.mode {
            RedisMode::Standalone => Way::Standalone(addresses(PORT)),
            RedisMode::Sentinel => Way::Sentinels(Arc::new(Sentinels {
                addresses: addresses(SENTINEL_PORT),
                master: config.master.clone(),
            })),
            RedisMode::Cluster => Way::Cluster(addresses(PORT)),
        };
        let login = |username: &Option<String>, password: &Credential| Login {
            username: username.clone(),
            password: password.clone(),
        };
        Self {
            name: format!("frontier-{bridge}"),
            way,
            login: login(&config.username, &config.password),
            sentinel_login: login(&config.sentinel_username, &config.sentinel_password),
            db: config.db,
            tls: config.tls.clone(),
            shape: Shape { form: config.form, max_len: config.max_len },
            listeners: config.fail_without_listeners && config.form == RedisForm::PubSub,
        }
    }

    fn addresses(&self) -> &Addresses {
        match &self.way {
            Way::Standalone(addresses) | Way::Cluster(addresses) => addresses,
            Way::Sentinels(sentinels) => &sentinels.addresses,
        }
    }

    /// What can be had by the server, sentinel or member of a cluster at `addr`.
    async fn servers(&self, addr: &str, manners: &Manners) -> Result<Servers, PublishError> {
        match &self.way {
            Way::Standalone(_) => Ok(Servers::one(master_at(addr, manners).await?)),
            Way::Sentinels(sentinels) => {
                let as_client = self.manners(&self.sentinel_login, 0).await?;
                let master = sentinels.ask(addr, &as_client).await?;
                let connected = master_at(&master, manners).await;
                let connected =
                    connected.map_err(|error| PublishError::lost(format_args!("the master at {master}: {error}")));
                Ok(Servers::watched(connected?, Arc::clone(sentinels), as_client))
            }
            Way::Cluster(_) => Servers::cluster(addr, manners).await,
        }
    }

    async fn manners(&self, login: &Login, db: u32) -> Result<Manners, PublishError> {
        Ok(Manners {
            name: self.name.clone(),
            username: login.username.clone(),
            password: secret(&login.password).await?,
            db,
            tls: broker::tls(&self.tls).await?,
        })
    }
}

#[async_trait]
impl Connector for RedisConnector {
    fn target(&self) -> String {
        match &self.way {
            Way::Standalone(addresses) => format!("redis {addresses}"),
            Way::Sentinels(sentinels) => format!("redis {} of sentinels {}", sentinels.master, sentinels.addresses),
            Way::Cluster(addresses) => format!("redis cluster {addresses}"),
        }
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let manners = self.manners(&self.login, self.db).await?;
        let mut failures = Vec::new();
        for addr in self.addresses().in_turn() {
            match self.servers(addr, &manners).await {
                Ok(servers) => {
                    return Ok(Arc::new(RedisBridge { servers, shape: self.shape, listeners: self.listeners }));
                }
                Err(error) => failures.push((addr, error)),
            }
        }
        // Where there is one address, it stands in the bridge's name already.
        let told = failures.iter().map(|(addr, error)| match failures.len() {
            1 => error.to_string(),
            _ => at(addr, error).to_string(),
        });
        Err(PublishError::lost(told.collect::<Vec<_>>().join("; ")))
    }
}

/// A connection to the master at `addr`.
async fn master_at(addr: &str, manners: &Manners) -> Result<Connection, PublishError> {
    let connection = Connection::open(addr, manners).await?;
    connection.is_master().await?;
    Ok(connection)
}

/// The error of the server at `addr`, which names it.
fn at(addr: &str, error: &PublishError) -> PublishError {
    let text = error.to_string();
    if text.contains(addr) { error.clone() } else { PublishError::lost(format_args!("{addr}: {text}")) }
}

/// `host:port`, the host of an IPv6 address in brackets.
fn host_port(host: &str, port: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Redis as it is connected now.
#[derive(Debug)]
struct RedisBridge {
    servers: Servers,
    shape: Shape,
    /// A message that nobody listens to is a failure.
    listeners: bool,
}

#[async_trait]
impl Bridge for RedisBridge {
    fn terms(&self) -> Terms {
        Terms::default()
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        self.servers.send(records, self.shape, self.listeners).await
    }

    async fn check(&self) -> Result<(), PublishError> {
        self.servers.check().await
    }

    async fn lost(&self) -> PublishError {
        self.servers.lost().await
    }

    async fn close(&self) {
        // What is confirmed is stored; there is nothing to flush.
    }
}
