//! Edges that stay and do nothing, with methods: what the records are full of.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::lean::Link;

/// Edges that connect at the same time: more would only wait for each other.
const AT_ONCE: usize = 64;

/// Edges are at so many sites, which their metas begin with.
pub(super) const SITES: u32 = 100;

/// Methods that not all edges offer have so many names.
pub(super) const NAMES: u32 = 1000;

/// The method that all of them offer.
pub(super) const OFFERED_BY_ALL: &str = "status";

/// So many come from one address of this machine, beginning with this one.
const AN_ADDRESS: u32 = 5_000;
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Length of an edge's meta, in bytes.
const META: usize = 64;

/// They are online as long as this lives, and silent: for as long as [`crate::lean::LONGEST_SILENCE`].
#[derive(Debug)]
pub(crate) struct Residents {
    links: Vec<Link>,
    /// Methods of each.
    methods: u32,
    /// Where some of them come from, and how many.
    address: (IpAddr, u32),
}

impl Residents {
    /// Connects `count` edges, each of which offers `methods` methods.
    ///
    /// # Errors
    /// The gateway lets one of them not in, or does not take a method.
    pub(crate) async fn connect(addr: &str, count: u32, methods: u32) -> Result<Self> {
        let coming = (0..count).map(|number| resident(addr, number, methods));
        let links: Result<Vec<Link>> = stream::iter(coming).buffer_unordered(AT_ONCE).try_collect().await;
        let links = links.context("an edge that is to stay cannot")?;
        let addresses = links.iter().map(Link::local_ip).collect::<Result<Vec<_>>>()?;
        let first = *addresses.first().context("nobody was to stay")?;
        let there = addresses.iter().filter(|address| **address == first).count() as u32;
        Ok(Self { links, methods, address: (first, there) })
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.links.len()).expect("their number was one of 32 bits")
    }

    /// Rows that they have in the records: one for each edge, and one for each method of each.
    pub(crate) fn rows(&self) -> u64 {
        u64::from(self.count()) * u64::from(1 + self.methods)
    }

    /// How many different methods they offer together.
    pub(crate) fn names(&self) -> u32 {
        1 + names(self.count(), self.methods)
    }

    /// How many of them are at site 7.
    pub(crate) fn at_one_site(&self) -> u32 {
        (0..self.count()).filter(|number| site(*number) == 7).count() as u32
    }

    /// An address from which some of them come, and how many do.
    pub(crate) fn address(&self) -> (IpAddr, u32) {
        self.address
    }

    /// How many of them offer the method that [`method`] names for 7.
    pub(crate) fn with_one_method(&self) -> u32 {
        let offers = |number: &u32| (1..self.methods).any(|which| name_of(*number, which, self.methods) == 7);
        (0..self.count()).filter(offers).count() as u32
    }

    /// The id of one of them.
    pub(crate) fn one(&self) -> u64 {
        self.links[self.links.len() / 2].client().0
    }
}

const fn site(number: u32) -> u32 {
    number % SITES
}

/// What the meta of all edges at a site begins with. Needs no escape in a URL.
pub(super) fn site_prefix(site: u32) -> String {
    format!("site-{site:02}-")
}

/// A method that some offer.
pub(super) fn method(name: u32) -> String {
    format!("read-{name:03}")
}

/// Which of [`NAMES`] is method `which` of edge `number`; those of one edge are different while it has no more than there are.
const fn name_of(number: u32, which: u32, methods: u32) -> u32 {
    (number.wrapping_mul(methods - 1).wrapping_add(which - 1)) % NAMES
}

/// How many of [`NAMES`] so many edges offer.
fn names(count: u32, methods: u32) -> u32 {
    count.saturating_mul(methods - 1).min(NAMES)
}

async fn resident(addr: &str, number: u32, methods: u32) -> Result<Link> {
    let meta = format!("{}SN-{number:08}-mk3-firmware-2.14.{:03}", site_prefix(site(number)), number % 100);
    let from = Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + number / AN_ADDRESS);
    let mut link = Link::connect_from(from, addr, format!("{meta:-<META$}").into_bytes()).await?;
    link.register(OFFERED_BY_ALL).await?;
    for which in 1..methods {
        link.register(&method(name_of(number, which, methods))).await?;
    }
    Ok(link)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_counted_as_they_are_given() {
        for (count, methods) in [(1, 1), (3, 4), (500, 6)] {
            let names: BTreeSet<u32> =
                (0..count).flat_map(|number| (1..methods).map(move |which| name_of(number, which, methods))).collect();
            assert_eq!(names.len() as u32, super::names(count, methods), "{count} edges with {methods} methods");
        }
    }
}
