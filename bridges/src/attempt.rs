//! Brokers tried without a gateway.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::supervisor::{CONNECT, FAREWELL, no_connection};
use crate::{Client, Connector, OpenError, PublishError, connector};

/// A bridge whose broker was tried.
#[derive(Debug)]
pub struct Attempt {
    /// Its name.
    pub bridge: String,
    /// The kind of broker and its address, without secrets.
    pub target: String,
    /// Whether it can be had, with all that a bridge declares or checks when it connects.
    pub outcome: Result<(), PublishError>,
}

/// Connects to the broker of every bridge in `configs` that is on, each as a gateway would and no longer, all at the same time,
/// and takes leave. No record is sent. Attempts stand in the order of `configs`.
///
/// # Errors
/// This program lacks a back end.
pub async fn attempt(configs: &[config::Bridge]) -> Result<Vec<Attempt>, OpenError> {
    let mut attempts = Vec::new();
    for config in configs.iter().filter(|config| config.enable) {
        let connector = connector(config, Client::Check)?;
        let (bridge, target) = (config.name.clone(), connector.target());
        attempts.push(async move { Attempt { bridge, target, outcome: connect(connector).await } });
    }
    Ok(join_all(attempts).await)
}

async fn connect(connector: Arc<dyn Connector>) -> Result<(), PublishError> {
    let bridge = timeout(CONNECT, connector.connect()).await.unwrap_or_else(|_| Err(no_connection()))?;
    let checked = timeout(CONNECT, bridge.check()).await.unwrap_or_else(|_| Err(no_connection()));
    // Nothing was sent that a broken farewell could lose.
    let _ = timeout(FAREWELL, bridge.close()).await;
    checked
}
