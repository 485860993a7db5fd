//! Bounds on the number of connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::meter::Bound;

/// Counts connections, and those of each address.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Places {
    pub(super) fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_address, taken: Mutex::default() })
    }

    // Nothing that could panic halfway runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `address`, or what stands against it and how many there may be.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, (Bound, usize)> {
        let address = address.to_canonical();
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err((Bound::Connections, self.most));
        }
        let of_address = taken.by_address.get(&address).copied().unwrap_or_default();
        if of_address >= self.most_per_address {
            return Err((Bound::ConnectionsPerAddress, self.most_per_address));
        }
        taken.by_address.insert(address, of_address + 1);
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), address })
    }
}

/// The place of one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, host])
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others_and_all_come_back() {
        let places = Places::new(5, 2);
        let first: Vec<_> = (0..2).map(|_| places.take(address(1)).unwrap()).collect();
        assert_eq!(places.take(address(1)).unwrap_err(), (Bound::ConnectionsPerAddress, 2));
        // However it is written.
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(places.take(mapped).unwrap_err(), (Bound::ConnectionsPerAddress, 2));
        let others: Vec<_> = [2, 2, 3].map(|host| places.take(address(host)).unwrap()).into();
        assert_eq!(places.take(address(4)).unwrap_err(), (Bound::Connections, 5));
        drop((first, others));
        assert_eq!(places.lock().all, 0);
        assert_eq!(places.lock().by_address.len(), 0);
        places.take(address(1)).unwrap();
    }
}
