//! Edges or services, and what they offer.

use std::cmp::Ordering;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::names::{NameId, NameTable};
use super::page;
use super::rows::{Offer, Offers, Row, Rows};
use crate::after::{After, Key};
use crate::model::{Generation, Text};
use crate::query::{Listed, NameField, Names, PeerField, Peers};

/// Which kind of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    Rpc,
    Topic,
}

impl Offered {
    fn of(self, row: &Row) -> &[Offer] {
        match (&row.offers, self) {
            (None, _) => &[],
            (Some(offers), Self::Rpc) => &offers.rpcs,
            (Some(offers), Self::Topic) => &offers.topics,
        }
    }

    fn of_mut(self, offers: &mut Offers) -> &mut Vec<Offer> {
        match self {
            Self::Rpc => &mut offers.rpcs,
            Self::Topic => &mut offers.topics,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Rows,
    slots: HashMap<u64, u32, RandomState>,
    names: NameTable,
}

impl Table {
    pub(super) fn row(&self, id: u64) -> Option<&Row> {
        self.slots.get(&id).map(|slot| self.rows.row(*slot))
    }

    pub(super) fn put(&mut self, row: Row) {
        match self.row(row.id) {
            Some(present) if present.generation >= row.generation => return,
            Some(present) => self.remove(row.id, present.generation),
            None => {}
        }
        self.slots.insert(row.id, self.rows.insert(row));
    }

    pub(super) fn remove(&mut self, id: u64, generation: Generation) {
        let Some(slot) = self.slots.get(&id).copied().filter(|slot| self.rows.row(*slot).generation == generation)
        else {
            return;
        };
        self.slots.remove(&id);
        let row = self.rows.take(slot);
        for kind in [Offered::Rpc, Offered::Topic] {
            kind.of(&row).iter().for_each(|offer| self.names.leave(offer.name));
        }
    }

    pub(super) fn offer(&mut self, id: u64, generation: Generation, kind: Offered, name: Text, since: i64) {
        let Some(slot) = self.slots.get(&id) else { return };
        let row = self.rows.row_mut(*slot);
        let known = self.names.id(&name);
        if row.generation != generation || kind.of(row).iter().any(|offer| Some(offer.name) == known) {
            return;
        }
        let name = self.names.enter(name);
        kind.of_mut(row.offers.get_or_insert_default()).push(Offer { name, since });
    }

    /// The rows that may match: all, unless an id is wanted.
    fn candidates(&self, id: Option<u64>) -> impl Iterator<Item = &Row> {
        let all = id.is_none().then(|| self.rows.iter());
        all.into_iter().flatten().chain(id.and_then(|id| self.row(id)))
    }

    pub(super) fn list<T>(&self, wanted: &Peers, made: impl Fn(&Row) -> T) -> Listed<T> {
        let Some(rpc) = self.resolve(wanted.rpc.as_deref()) else { return nothing() };
        let Some(topic) = self.resolve(wanted.topic.as_deref()) else { return nothing() };
        let offers = |row: &Row, kind: Offered, name: Option<NameId>| {
            name.is_none_or(|name| kind.of(row).iter().any(|offer| offer.name == name))
        };
        let mut rows: Vec<&Row> = self
            .candidates(wanted.id)
            .filter(|row| wanted.during.is_none_or(|during| during.holds(row.create_time)))
            .filter(|row| starts(row.addr.as_bytes(), wanted.addr.as_deref()))
            .filter(|row| offers(row, Offered::Rpc, rpc) && offers(row, Offered::Topic, topic))
            .filter(|row| starts(row.label.as_bytes(), wanted.label.as_deref()))
            .collect();
        let count = rows.len() as u64;
        if let Some(after) = &wanted.after {
            rows.retain(|row| behind(row, after, wanted.order.descending));
        }
        Listed { rows: ordered(rows, wanted).into_iter().map(made).collect(), count }
    }

    /// The id of a name that is asked for: `None` if nobody offers it, `Some(None)` if none is.
    fn resolve(&self, name: Option<&str>) -> Option<Option<NameId>> {
        match name {
            None => Some(None),
            Some(name) => self.names.id(&Text::from(name)).map(Some),
        }
    }

    pub(super) fn names(&self, wanted: &Names, kind: Offered) -> Listed<Text> {
        let by = wanted.order.by;
        let directed = |number| page::directed(number, wanted.order.descending);
        // Where each name comes first.
        let mut first: Vec<Option<u64>> = vec![None; self.names.slots()];
        for row in self.candidates(wanted.id).filter(|row| row.offers.is_some()) {
            if !starts(row.label.as_bytes(), wanted.label.as_deref()) {
                continue;
            }
            for offer in kind.of(row) {
                if wanted.during.is_some_and(|during| !during.holds(offer.since)) {
                    continue;
                }
                let place = match by {
                    NameField::CreateTime => directed(page::unsigned(offer.since)),
                    NameField::Id => directed(row.id),
                    NameField::Name => 0,
                };
                let first = &mut first[offer.name.index()];
                *first = Some(first.map_or(place, |before| before.min(place)));
            }
        }
        let ids = self.names.ids();
        let found: Vec<(u64, &Text)> =
            ids.filter_map(|name| Some((first[name.index()]?, self.names.text(name)))).collect();
        let count = found.len() as u64;
        let backwards = by == NameField::Name && wanted.order.descending;
        let rows = page::cut(found, wanted.page, |one, other| {
            one.0.cmp(&other.0).then_with(|| turned(one.1.cmp(other.1), backwards))
        });
        Listed { rows: rows.into_iter().map(|(_, name)| name.clone()).collect(), count }
    }
}

fn nothing<T>() -> Listed<T> {
    Listed { rows: Vec::new(), count: 0 }
}

fn starts(text: &[u8], prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| text.starts_with(prefix.as_bytes()))
}

const fn turned(order: Ordering, backwards: bool) -> Ordering {
    if backwards { order.reverse() } else { order }
}

fn behind(row: &Row, after: &After, descending: bool) -> bool {
    let by = match &after.key {
        Key::CreateTime(time) => row.create_time.cmp(time),
        Key::Id => row.id.cmp(&after.id),
        Key::Label(label) => row.label.as_bytes().cmp(label.as_bytes()),
        Key::Addr(addr) => row.addr.as_bytes().cmp(addr.as_bytes()),
    };
    match turned(by, descending) {
        Ordering::Less => false,
        Ordering::Equal => row.id > after.id,
        Ordering::Greater => true,
    }
}

/// The page of `rows` that is wanted, in order.
fn ordered<'a>(rows: Vec<&'a Row>, wanted: &Peers) -> Vec<&'a Row> {
    let descending = wanted.order.descending;
    let text = |row: &'a Row| match wanted.order.by {
        PeerField::Label => row.label.as_bytes(),
        PeerField::Addr => row.addr.as_bytes(),
        PeerField::CreateTime | PeerField::Id => &[],
    };
    // What all texts begin with says nothing about their order. Behind it 16 bytes seldom tie, and then no comparison has
    // to look at the texts, which lie scattered in memory.
    let skip = match rows.first() {
        Some(first) => rows.iter().fold(usize::MAX, |most, row| page::common(text(first), text(row), most)),
        None => return Vec::new(),
    };
    let key = |row: &'a Row| match wanted.order.by {
        // Many tie: with the id behind it no two do, and no comparison looks at the rows.
        PeerField::CreateTime => {
            u128::from(page::directed(page::unsigned(row.create_time), descending)) << 64 | u128::from(row.id)
        }
        PeerField::Id => u128::from(page::directed(row.id, descending)),
        PeerField::Label | PeerField::Addr => {
            let head = page::head(&text(row)[skip..]);
            if descending { !head } else { head }
        }
    };
    let keyed: Vec<(u128, &Row)> = rows.into_iter().map(|row| (key(row), row)).collect();
    if matches!(wanted.order.by, PeerField::CreateTime | PeerField::Id) {
        // Rows lie about in the order in which they came, and so by time and, usually, by id.
        let page = page::cut_runs(keyed, wanted.page, |keyed| keyed.0);
        return page.into_iter().map(|(_, row)| row).collect();
    }
    let page = page::cut(keyed, wanted.page, |one, other| {
        let by_key = one.0.cmp(&other.0);
        let by_text = || turned(text(one.1).cmp(text(other.1)), descending);
        by_key.then_with(by_text).then_with(|| one.1.id.cmp(&other.1.id))
    });
    page.into_iter().map(|(_, row)| row).collect()
}
