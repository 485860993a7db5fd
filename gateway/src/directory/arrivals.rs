//! Links whose handshake is not over. They stand in no other table yet, and have to be told when the gateway stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::exchange::{Command, Handle};

#[derive(Debug, Default)]
struct Table {
    links: HashMap<u64, Handle>,
    entered: u64,
    closed: bool,
}

/// The table of links that are on their way in. Bounded by the time that a handshake may take.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<Table>);

/// Being on the way in. Dropping it leaves the table.
#[derive(Debug)]
pub(crate) struct Arrival {
    arrivals: Arc<Arrivals>,
    number: u64,
}

impl Arrivals {
    // Nothing that could panic halfway runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a link. After [`Arrivals::close`] it is told at once.
    pub(crate) fn enter(self: &Arc<Self>, link: &Handle) -> Arrival {
        let mut table = self.lock();
        table.entered += 1;
        let (number, closed) = (table.entered, table.closed);
        table.links.insert(number, link.clone());
        drop(table);
        if closed {
            // A link that is gone needs no telling.
            let _ = link.push(Command::Drain);
        }
        Arrival { arrivals: Arc::clone(self), number }
    }

    /// Tells every link that is on its way in, and every later one, that the gateway stops.
    pub(crate) fn close(&self) {
        let mut table = self.lock();
        table.closed = true;
        let links: Vec<Handle> = table.links.values().cloned().collect();
        drop(table);
        for link in links {
            let _ = link.push(Command::Drain);
        }
    }

    /// Tells every link that is on its way in that it need not wait for hooks any longer.
    pub(crate) fn proceed(&self) {
        let links: Vec<Handle> = self.lock().links.values().cloned().collect();
        for link in links {
            let _ = link.push(Command::Proceed);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().links.len()
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut table = self.arrivals.lock();
        let left = table.links.remove(&self.number);
        if table.links.is_empty() {
            // A whole fleet may have come in; its room is not kept.
            table.links = HashMap::new();
        }
        drop(table);
        drop(left);
    }
}
