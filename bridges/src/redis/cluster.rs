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

/// Which server each slot is on, by the servers' numbers.
///
/// A move is not followed at once: what is under way to the old place comes back, to be sent again, and nothing newer may be at the new
/// place before it. Until all that was under way has come back, records of that slot or key are put off.
#[derive(Debug)]
pub(super) struct Map {
    /// Of each slot; of one that nobody serves the first server, which will know when somebody does.
    owners: Vec<usize>,
    /// Keys that have left their slot's owner before the slot has.
    asked: HashMap<Box<str>, usize>,
    moves: Vec<Move>,
}

/// A move that is known and not followed yet.
#[derive(Debug)]
struct Move {
    what: Moved,
    /// Where to, `host:port`.
    to: String,
    /// The last batch that may hold records which come back.
    after: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Moved {
    Slot(u16),
    Key(Box<str>),
}

impl Map {
    /// With these shares of servers that are numbered by `number`.
    pub(super) fn new(shares: &[Share], number: impl Fn(&str) -> Option<usize>) -> Self {
        let mut owners = vec![0; slot::SLOTS];
        for share in shares {
            let (first, last) = share.slots;
            for owner in owners.iter_mut().take(usize::from(last) + 1).skip(usize::from(first)) {
                *owner = number(&share.addr).unwrap_or(0);
            }
        }
        Self { owners, asked: HashMap::new(), moves: Vec::new() }
    }

    /// Where `key` is.
    ///
    /// # Errors
    /// It is on the move.
    pub(super) fn place(&self, key: &str) -> Result<Place, PublishError> {
        let slot = slot::of(key.as_bytes());
        let moves = |known: &&Move| match &known.what {
            Moved::Slot(moved) => *moved == slot,
            Moved::Key(moved) => **moved == *key,
        };
        if let Some(Move { to, .. }) = self.moves.iter().find(moves) {
            return Err(PublishError::passing(format_args!("slot {slot} moves to {to}")));
        }
        if let Some(&server) = self.asked.get(key) {
            return Ok(Place { server, asking: true });
        }
        Ok(Place { server: self.owners[usize::from(slot)], asking: false })
    }

    /// Learns what the server at `addr` said of `key`; `after` is the last batch that was sent so far.
    pub(super) fn learn(&mut self, key: &str, said: Elsewhere, addr: &str, after: u64) {
        let (named, what) = match said {
            Elsewhere::Moved(slot, named) => (named, Moved::Slot(slot)),
            Elsewhere::Ask(named) => (named, Moved::Key(key.into())),
        };
        if self.moves.iter().all(|known| known.what != what) {
            self.moves.push(Move { what, to: named_by(&named, addr), after });
        }
    }

    /// Servers that moves lead to and that have no number yet.
    pub(super) fn wanted(&self, number: impl Fn(&str) -> Option<usize>) -> Option<String> {
        self.moves.iter().map(|known| &known.to).find(|to| number(to).is_none()).cloned()
    }

    /// Follows the moves that may be followed while `oldest` is the first batch under way, if any is.
    pub(super) fn follow(&mut self, oldest: Option<u64>, number: impl Fn(&str) -> Option<usize>) {
        let (due, later) = std::mem::take(&mut self.moves)
            .into_iter()
            .partition(|known: &Move| oldest.is_none_or(|oldest| known.after < oldest) && number(&known.to).is_some());
        self.moves = later;
        for Move { what, to, .. } in due {
            let Some(server) = number(&to) else { continue };
            match what {
                Moved::Slot(slot) => {
                    self.asked.retain(|key, _| slot::of(key.as_bytes()) != slot);
                    if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
                        *owner = server;
                    }
                }
                Moved::Key(key) => {
                    if self.asked.len() >= ASKED {
                        self.asked.clear();
                    }
                    self.asked.insert(key, server);
                }
            }
        }
    }
}

/// `host:port` as the server at `addr` names it: without a host it means its own.
fn named_by(named: &str, addr: &str) -> String {
    match named.rsplit_once(':') {
        Some(("" | "?", port)) => host_port(addr.rsplit_once(':').map_or(addr, |(host, _)| host), port),
        Some((host, port)) => host_port(host, port),
        None => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three servers, each with a third of the slots; `foo` is on `c`, `bar` on `a`.
    fn map() -> Map {
        let thirds = [("a:1", (0, 5460)), ("b:1", (5461, 10_922)), ("c:1", (10_923, 16_383))];
        let shares = thirds.map(|(addr, slots)| Share { addr: addr.to_owned(), slots });
        Map::new(&shares, number)
    }

    fn number(addr: &str) -> Option<usize> {
        ["a:1", "b:1", "c:1", "[::1]:2"].iter().position(|known| *known == addr)
    }

    fn at(server: usize, asking: bool) -> Result<Place, PublishError> {
        Ok(Place { server, asking })
    }

    #[test]
    fn shares_are_read_as_servers_say_them() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let share = |first, last, host| {
            let master = Value::Array(vec![host, Value::Int(7000), text("id"), Value::Array(vec![])]);
            let replica = Value::Array(vec![text("r"), Value::Int(7001), text("id")]);
            Value::Array(vec![Value::Int(first), Value::Int(last), master, replica])
        };
        let slots = Value::Array(vec![
            share(0, 10, text("10.0.0.1")),
            share(11, 11, Value::Nil),
            share(12, 12, text("fd00::1")),
        ]);
        let read = shares(&slots, "asked:7000").expect("it can be read");
        let read: Vec<_> = read.iter().map(|share| (share.addr.as_str(), share.slots)).collect();
        assert_eq!(read, [("10.0.0.1:7000", (0, 10)), ("asked:7000", (11, 11)), ("[fd00::1]:7000", (12, 12))]);
        for odd in [Value::Nil, Value::Array(vec![]), Value::Array(vec![share(0, 16_384, text("h"))])] {
            assert!(shares(&odd, "h:1").is_err(), "{odd:?}");
        }
    }

    #[test]
    fn a_slot_that_has_moved_is_followed_when_all_has_come_back() {
        let mut map = map();
        assert_eq!(map.place("foo"), at(2, false));
        map.learn("foo", Elsewhere::Moved(12_182, "b:1".to_owned()), "c:1", 7);
        // What was sent later and says so again puts nothing off.
        map.learn("foo", Elsewhere::Moved(12_182, "b:1".to_owned()), "c:1", 9);
        for oldest in [1, 7] {
            map.follow(Some(oldest), number);
            assert!(map.place("foo").is_err_and(|error| error.is_transient()), "{oldest} may hold records of it");
            assert_eq!(map.place("bar"), at(0, false), "others go on");
        }
        map.follow(Some(8), number);
        assert_eq!(map.place("foo"), at(1, false));
    }

    #[test]
    fn a_key_that_has_left_its_slot_is_asked_for_until_the_slot_moves() {
        let mut map = map();
        map.learn("foo", Elsewhere::Ask("::1:2".to_owned()), "c:1", 1);
        map.follow(None, number);
        assert_eq!((map.place("foo"), map.place("{foo}.2")), (at(3, true), at(2, false)));
        map.learn("{foo}.2", Elsewhere::Moved(12_182, "[::1]:2".to_owned()), "c:1", 1);
        map.follow(None, number);
        assert_eq!((map.place("foo"), map.place("{foo}.2")), (at(3, false), at(3, false)));
    }

    #[test]
    fn a_server_that_is_not_known_is_wanted() {
        let mut map = map();
        map.learn("foo", Elsewhere::Moved(12_182, ":9".to_owned()), "c:1", 1);
        assert_eq!(map.wanted(number).as_deref(), Some("c:9"), "the host of the one that says so");
        map.follow(None, number);
        assert!(map.place("foo").is_err());
        map.follow(None, |_| Some(5));
        assert_eq!((map.place("foo"), map.wanted(|_| Some(5))), (at(5, false), None));
    }
}
