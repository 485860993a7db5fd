//! Bounds on the number of connections: checked before anything is made for one.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::presence::Transport;

/// Which bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// `max_links`
    Links,
    /// `max_links_per_address`
    LinksPerAddress,
}

pub(crate) const LIMITS: [Limit; 2] = [Limit::Links, Limit::LinksPerAddress];

impl Limit {
    /// The key under `limits`.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Limit::Links => "max_links",
            Limit::LinksPerAddress => "max_links_per_address",
        }
    }
}

/// A connection that is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The bound that stands against it.
    pub(crate) limit: Limit,
    /// Its value.
    pub(crate) most: u32,
}

/// Counts the connections of one listener: those in their handshake, links, and those that are passed on elsewhere.
///
/// Connections per address are counted only while there is a bound on them, so that a gateway without one keeps no table.
#[derive(Debug)]
pub(crate) struct Gate {
    /// 0: no bound.
    max: AtomicU32,
    /// 0: no bound.
    max_per_address: AtomicU32,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, u32>>,
}

impl Gate {
    pub(crate) fn new(limits: &config::Limits) -> Self {
        let gate = Self {
            max: AtomicU32::new(0),
            max_per_address: AtomicU32::new(0),
            open: AtomicUsize::new(0),
            by_address: Mutex::default(),
        };
        gate.set(limits);
        gate
    }

    /// Takes other bounds. Whoever is in stays. A bound per address that did not stand before counts those who come from
    /// now on.
    pub(crate) fn set(&self, limits: &config::Limits) {
        let bound = |limit: Option<NonZeroU32>| limit.map_or(0, NonZeroU32::get);
        self.max.store(bound(limits.max_links), Ordering::Relaxed);
        self.max_per_address.store(bound(limits.max_links_per_address), Ordering::Relaxed);
    }

    /// Lets a connection in, or says what stands against it. Where `peer` is not where it comes from, but a proxy, that address
    /// is not counted; [`Pass::comes_from`] counts the right one.
    pub(crate) fn enter(self: &Arc<Self>, peer: SocketAddr, is_peer: bool) -> Result<Pass, Refusal> {
        let most = self.max.load(Ordering::Relaxed);
        // Taken first and given back, so that two who come at once cannot both have the last place.
        let mut pass = Pass { gate: Some(Arc::clone(self)), ..Pass::free(peer) };
        if self.open.fetch_add(1, Ordering::Relaxed) >= most as usize && most != 0 {
            return Err(Refusal { limit: Limit::Links, most });
        }
        if is_peer {
            pass.count()?;
        }
        Ok(pass)
    }

    /// Counts one more from `address`, unless there are `most`.
    fn count(&self, address: IpAddr, most: u32) -> bool {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let open = by_address.entry(address).or_default();
        let room = *open < most;
        *open += u32::from(room);
        room
    }

    fn uncount(&self, address: IpAddr) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = by_address.get_mut(&address) {
            *open -= 1;
            if *open == 0 {
                by_address.remove(&address);
            }
        }
    }
}

/// The place of one connection, given back when it is dropped.
///
/// Each link holds one for as long as it lives, so it is no larger than the address that a link needs anyway.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Option<Arc<Gate>>,
    address: IpAddr,
    port: u16,
    /// Whether it counts against the bound of its address.
    counted: bool,
    transport: Transport,
}

impl Pass {
    /// For a link that came by no listener.
    pub(crate) fn free(peer: SocketAddr) -> Self {
        Self { gate: None, address: peer.ip(), port: peer.port(), counted: false, transport: Transport::Tcp }
    }

    /// Counts its address, where there is a bound on those of one address.
    fn count(&mut self) -> Result<(), Refusal> {
        let Some(gate) = &self.gate else { return Ok(()) };
        let most = gate.max_per_address.load(Ordering::Relaxed);
        if most != 0 {
            self.counted = gate.count(self.address, most);
            if !self.counted {
                return Err(Refusal { limit: Limit::LinksPerAddress, most });
            }
        }
        Ok(())
    }

    /// The connection comes from `peer`, and is counted there.
    pub(crate) fn comes_from(&mut self, peer: SocketAddr) -> Result<(), Refusal> {
        self.uncount();
        (self.address, self.port) = (peer.ip(), peer.port());
        self.count()
    }

    /// Counts its address no more, if it is counted: a proxy may have become a trusted one just now.
    fn uncount(&mut self) {
        if let Some(gate) = &self.gate
            && std::mem::take(&mut self.counted)
        {
            gate.uncount(self.address);
        }
    }

    /// What it came over.
    pub(crate) const fn transport(&self) -> Transport {
        self.transport
    }

    /// For a link over `transport`.
    pub(crate) const fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.uncount();
        if let Some(gate) = &self.gate {
            gate.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(max_links: u32, max_links_per_address: u32) -> Arc<Gate> {
        Arc::new(Gate::new(&limits(max_links, max_links_per_address)))
    }

    fn limits(max_links: u32, max_links_per_address: u32) -> config::Limits {
        config::Limits {
            max_links: NonZeroU32::new(max_links),
            max_links_per_address: NonZeroU32::new(max_links_per_address),
            ..config::Limits::edge()
        }
    }

    fn peer(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 4000))
    }

    #[test]
    fn a_place_is_free_again_when_its_holder_goes() {
        let gate = gate(2, 0);
        let first = gate.enter(peer(1), true).unwrap();
        let _second = gate.enter(peer(1), true).unwrap();
        let full = Refusal { limit: Limit::Links, most: 2 };
        for _ in 0..3 {
            assert_eq!(gate.enter(peer(2), true).unwrap_err(), full);
        }
        drop(first);
        let _third = gate.enter(peer(2), true).unwrap();
        assert_eq!(gate.enter(peer(2), true).unwrap_err(), full);
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let gate = gate(0, 2);
        let places: Vec<_> = (0..2).map(|_| gate.enter(peer(1), true).unwrap()).collect();
        assert_eq!(gate.enter(peer(1), true).unwrap_err(), Refusal { limit: Limit::LinksPerAddress, most: 2 });
        let other = gate.enter(peer(2), true).unwrap();
        assert_eq!(other.peer(), peer(2));
        drop(places);
        gate.enter(peer(1), true).unwrap();
    }

    #[test]
    fn nothing_is_left_of_those_who_went() {
        let gate = gate(100, 10);
        let places: Vec<_> = (0..50).map(|host| gate.enter(peer(host), true).unwrap()).collect();
        assert_eq!(gate.by_address.lock().unwrap().len(), 50);
        drop(places);
        assert_eq!(gate.by_address.lock().unwrap().len(), 0);
        assert_eq!(gate.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn bounds_can_change_while_places_are_held() {
        let gate = gate(0, 0);
        let before: Vec<_> = (0..5).map(|_| gate.enter(peer(1), true).unwrap()).collect();
        gate.set(&limits(6, 1));
        let _counted = gate.enter(peer(1), true).unwrap();
        assert_eq!(gate.enter(peer(2), true).unwrap_err().limit, Limit::Links);
        drop(before);
        assert_eq!(gate.enter(peer(1), true).unwrap_err().limit, Limit::LinksPerAddress);
        gate.set(&limits(0, 0));
        let _free: Vec<_> = (0..10).map(|_| gate.enter(peer(1), true).unwrap()).collect();
    }

    #[test]
    fn who_comes_through_a_proxy_is_counted_by_its_own_address() {
        let gate = gate(0, 1);
        let through = |host| {
            let mut pass = gate.enter(peer(9), false).unwrap();
            pass.comes_from(peer(host)).map(|()| pass)
        };
        let first = through(1).unwrap();
        let _second = through(2).unwrap();
        assert_eq!(first.peer(), peer(1));
        assert_eq!(through(1).unwrap_err(), Refusal { limit: Limit::LinksPerAddress, most: 1 });
        drop(first);
        through(1).unwrap();
        assert_eq!(gate.open.load(Ordering::Relaxed), 1);
        assert_eq!(gate.by_address.lock().unwrap().len(), 1);
        // Counted as a peer first, and found to be a proxy afterwards.
        let mut pass = gate.enter(peer(9), true).unwrap();
        pass.comes_from(peer(3)).unwrap();
        assert!(!gate.by_address.lock().unwrap().contains_key(&peer(9).ip()));
    }

    #[test]
    fn a_pass_is_no_larger_than_an_address() {
        assert!(size_of::<Pass>() <= size_of::<SocketAddr>());
    }
}
