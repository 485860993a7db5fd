//! Which of a cluster's servers a key is on.

use std::collections::HashMap;

use redis::Value;

use super::reply::{self, Elsewhere};
use super::{host_port, slot};
use crate::PublishError;

/// Keys whose slots are on the move, and that are known to have left: enough for every stream that is written while one slot moves,
/// and a bound all the same.
const ASKED: usize = 4096;

/// Where one server's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Share {
    /// `host:port`.
    pub(super) addr: String,
    /// First and last slot.
    pub(super) slots: (u16, u16),
}

/// What `CLUSTER SLOTS` says, asked of the server at `addr`.
///
/// # Errors
/// It is in no cluster, or says what cannot be read.
pub(super) fn shares(slots: &Value, addr: &str) -> Result<Vec<Share>, PublishError> {
    let parts = match slots {
        Value::Array(parts) => parts,
        Value::ServerError(error) => return Err(PublishError::lost(reply::words(error))),
        _ => return Err(PublishError::lost("what the server says of its slots cannot be read")),
    };
    let shares = parts.iter().map(|part| share(part, addr)).collect::<Option<Vec<_>>>();
    let shares = shares.ok_or_else(|| PublishError::lost("what the server says of its slots cannot be read"))?;
    if shares.is_empty() {
        return Err(PublishError::lost("no server of the cluster has slots"));
    }
    Ok(shares)
}

fn share(part: &Value, addr: &str) -> Option<Share> {
    let Value::Array(part) = part else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &**part else { return None };
    let [host, Value::Int(port), ..] = &**master else { return None };
    let slot = |slot: i64| u16::try_from(slot).ok().filter(|slot| usize::from(*slot) < slot::SLOTS);
    Some(Share { addr: host_port(&host_of(host, addr), &port.to_string()), slots: (slot(*first)?, slot(*last)?) })
}

/// A host that is not said is that of the server which was asked.
fn host_of(host: &Value, addr: &str) -> String {
    let asked = || addr.rsplit_once(':').map_or(addr, |(host, _)| host).to_owned();
    reply::text(host).filter(|host| !host.is_empty() && host != "?").unwrap_or_else(asked)
}

/// Which server each slot is on, by the servers' numbers.
#[derive(Debug)]
pub(super) struct Map {
    /// `None`: nobody serves it.
    owners: Vec<Option<usize>>,
    /// Keys that have left their slot's owner before the slot has.
    asked: HashMap<Box<str>, usize>,
    /// A server that was named and has no number yet.
    pub(super) wanted: Option<String>,
}

/// Where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The server's number.
    pub(super) server: usize,
    /// Whether the server must be told that we know of the slot's move.
    pub(super) asking: bool,
}

impl Place {
    /// Where there is one server.
    pub(super) const THE_ONE: Self = Self { server: 0, asking: false };
}

impl Map {
    /// With these shares of servers that are numbered by `number`.
    pub(super) fn new(shares: &[Share], number: impl Fn(&str) -> Option<usize>) -> Self {
        let mut owners = vec![None; slot::SLOTS];
        for share in shares {
            let (first, last) = share.slots;
            for owner in owners.iter_mut().take(usize::from(last) + 1).skip(usize::from(first)) {
                *owner = number(&share.addr);
            }
        }
        Self { owners, asked: HashMap::new(), wanted: None }
    }

    /// Where `key` is.
    ///
    /// # Errors
    /// Nobody serves its slot now.
    pub(super) fn place(&self, key: &str) -> Result<Place, PublishError> {
        if let Some(&server) = self.asked.get(key) {
            return Ok(Place { server, asking: true });
        }
        let slot = slot::of(key.as_bytes());
        let server = self.owners[usize::from(slot)];
        let server = server.ok_or_else(|| PublishError::passing(format_args!("nobody serves slot {slot}")))?;
        Ok(Place { server, asking: false })
    }

    /// Learns what the server at `addr` said of `key`; `number` knows the servers.
    pub(super) fn learn(&mut self, key: &str, said: Elsewhere, addr: &str, number: impl Fn(&str) -> Option<usize>) {
        let (named, moved) = match said {
            Elsewhere::Moved(slot, named) => (named, Some(slot)),
            Elsewhere::Ask(named) => (named, None),
        };
        let named = match named.rsplit_once(':') {
            Some(("" | "?", port)) => {
                let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
                host_port(host, port)
            }
            Some((host, port)) => host_port(host, port),
            None => named,
        };
        let Some(server) = number(&named) else {
            self.wanted = Some(named);
            return;
        };
        self.asked.remove(key);
        match moved {
            Some(slot) => {
                if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
                    *owner = Some(server);
                }
            }
            None => {
                if self.asked.len() >= ASKED {
                    self.asked.clear();
                }
                self.asked.insert(key.into(), server);
            }
        }
    }
}
