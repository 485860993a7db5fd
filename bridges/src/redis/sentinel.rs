//! Sentinels, who know where the master is.

use std::time::Duration;

use redis::Value;
use tokio::time::sleep;
use tracing::debug;

use super::connection::{Connection, Manners};
use super::{host_port, reply};
use crate::PublishError;
use crate::broker::Addresses;

/// How often sentinels are asked whether the master is still the same: a master that is cut off from them, and not from us, still
/// takes what will be thrown away.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The sentinels of one master.
#[derive(Debug)]
pub(super) struct Sentinels {
    pub(super) addresses: Addresses,
    /// What they call it.
    pub(super) master: String,
}

impl Sentinels {
    /// Where the master is, as the sentinel at `addr` says.
    ///
    /// # Errors
    /// It is not there, or knows none of that name.
    pub(super) async fn ask(&self, addr: &str, manners: &Manners) -> Result<String, PublishError> {
        let sentinel = Connection::open(addr, manners).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        match sentinel.ask(question).await? {
            Value::Array(parts) => match parts.iter().map(reply::text).collect::<Option<Vec<_>>>().as_deref() {
                Some([host, port]) => Ok(host_port(host, port)),
                _ => Err(PublishError::lost("the sentinel's answer is not an address")),
            },
            Value::ServerError(error) => Err(PublishError::lost(reply::words(&error))),
            _ => Err(PublishError::lost(format_args!("the sentinel knows no master {:?}", self.master))),
        }
    }

    /// Done once most of them name another master than that at `addr`.
    pub(super) async fn have_moved_from(&self, addr: &str, manners: &Manners) -> PublishError {
        loop {
            sleep(LOOK_EVERY).await;
            let (mut others, mut last) = (0, String::new());
            for sentinel in self.addresses.in_turn() {
                match self.ask(sentinel, manners).await {
                    Ok(named) if named != addr => (others, last) = (others + 1, named),
                    Ok(_) => {}
                    Err(error) => debug!(sentinel, %error, "no answer from a sentinel"),
                }
            }
            if others * 2 > self.addresses.len() {
                return PublishError::lost(format_args!("the sentinels name {last} the master in place of {addr}"));
            }
        }
    }
}
