//! Edges or services, and what they offer.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::names::{NameId, NameTable, Offered};
use super::page;
use super::rows::{Offer, Offers, Row, Rows};
use super::view::{View, behind};
use crate::model::{Generation, Text};
use crate::query::{Listed, NameField, Names, Order, PeerField, Peers};

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
    /// Those that were asked for, by field. Queries make them and bring them up to date, one at a time.
    views: Mutex<[Option<View>; 4]>,
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
        let id = row.id;
        let slot = self.rows.insert(row);
        self.slots.insert(id, slot);
        for view in self.views.get_mut().unwrap_or_else(PoisonError::into_inner) {
            if let Some(known) = view {
                known.enter(slot);
            }
            view.take_if(|view| view.is_stale());
        }
    }

    pub(super) fn remove(&mut self, id: u64, generation: Generation) {
        let Some(slot) = self.slots.get(&id).copied().filter(|slot| self.rows.row(*slot).generation == generation)
        else {
            return;
        };
        self.slots.remove(&id);
        let row = self.rows.take(slot);
        for kind in [Offered::Rpc, Offered::Topic] {
            kind.of(&row).iter().for_each(|offer| self.names.leave(offer.name, kind, slot));
        }
        for view in self.views.get_mut().unwrap_or_else(PoisonError::into_inner).iter_mut().flatten() {
            view.leave(slot);
        }
    }

    pub(super) fn offer(&mut self, id: u64, generation: Generation, kind: Offered, name: Text, since: i64) {
        let Some(slot) = self.slots.get(&id).copied() else { return };
        let row = self.rows.row_mut(slot);
        let known = self.names.id(&name);
        if row.generation != generation || kind.of(row).iter().any(|offer| Some(offer.name) == known) {
            return;
        }
        let name = self.names.enter(name, kind, slot);
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
        let offering = [(rpc, Offered::Rpc), (topic, Offered::Topic)];
        let offering = offering.into_iter().filter_map(|(name, kind)| Some(self.names.offering(name?, kind)));
        match wanted.id {
            Some(id) => self.one(id, wanted, offering, made),
            None => {
                self.many(wanted, &offering.map(|slots| Bits::of(slots, self.rows.len())).collect::<Vec<_>>(), made)
            }
        }
    }

    /// The list of the one row that has an id, if it matches.
    fn one<'a, T>(
        &self,
        id: u64,
        wanted: &Peers,
        mut offering: impl Iterator<Item = &'a BTreeSet<u32>>,
        made: impl Fn(&Row) -> T,
    ) -> Listed<T> {
        let Some(slot) = self.slots.get(&id) else { return nothing() };
        let row = self.rows.row(*slot);
        let matches = wanted.during.is_none_or(|during| during.holds(row.create_time))
            && starts(row.addr.as_bytes(), wanted.addr.as_deref())
            && starts(row.label.as_bytes(), wanted.label.as_deref())
            && offering.all(|slots| slots.contains(slot));
        if !matches {
            return nothing();
        }
        let is_behind = wanted.after.as_ref().is_none_or(|after| behind(row, after, wanted.order.descending));
        let on_page = is_behind && wanted.page.offset() == 0;
        Listed { rows: on_page.then(|| made(row)).into_iter().collect(), count: 1 }
    }

    /// The list of all rows that match: one walk in the order that is wanted, over what its own field leaves of them.
    fn many<T>(&self, wanted: &Peers, offering: &[Bits], made: impl Fn(&Row) -> T) -> Listed<T> {
        let (rows, Order { by, descending }) = (&self.rows, wanted.order);
        // Nothing that could panic halfway runs under this lock.
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let filters = filters(wanted);
        for field in filters.iter().map(|(field, _)| *field).chain([by]) {
            views[field as usize].get_or_insert_with(|| View::new(field, rows)).refresh(rows);
        }
        let view = |field: PeerField| views[field as usize].as_ref().expect("made above");
        let walked = view(by);
        let mut span = walked.all();
        let mut others = Vec::new();
        for (field, compare) in filters {
            let within = view(field).span(rows, compare);
            if field == by { span = within } else { others.push((view(field), within)) }
        }
        let after = wanted.after.as_ref().map(|after| walked.behind(rows, after, descending));
        let (mut count, mut before) = (0, wanted.page.offset());
        let mut page = Vec::new();
        walked.walk(&span, descending, |slot| {
            let matches = others.iter().all(|(view, within)| view.holds(within, slot))
                && offering.iter().all(|offering| offering.hold(slot));
            if !matches {
                return;
            }
            count += 1;
            if page.len() as u64 == wanted.page.size()
                || after.as_ref().is_some_and(|after| !after.holds(walked, rows, slot))
            {
                return;
            }
            if before > 0 { before -= 1 } else { page.push(slot) }
        });
        drop(views);
        Listed { rows: page.into_iter().map(|slot| made(rows.row(slot))).collect(), count }
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

/// What a query asks of the values of rows: of each field how a row compares to what is wanted.
type Filter<'a> = (PeerField, Box<dyn Fn(&Row) -> Ordering + 'a>);

fn filters(wanted: &Peers) -> Vec<Filter<'_>> {
    let mut filters: Vec<Filter<'_>> = Vec::new();
    if let Some(prefix) = wanted.label.as_deref().filter(|prefix| !prefix.is_empty()) {
        filters.push((PeerField::Label, Box::new(|row| by_prefix(row.label.as_bytes(), prefix))));
    }
    if let Some(prefix) = wanted.addr.as_deref().filter(|prefix| !prefix.is_empty()) {
        filters.push((PeerField::Addr, Box::new(|row| by_prefix(row.addr.as_bytes(), prefix))));
    }
    if let Some(during) = wanted.during {
        filters.push((PeerField::CreateTime, Box::new(move |row| during.compare(row.create_time))));
    }
    filters
}

/// How `text` compares to the texts that start with `prefix`.
fn by_prefix(text: &[u8], prefix: &str) -> Ordering {
    if text.starts_with(prefix.as_bytes()) { Ordering::Equal } else { text.cmp(prefix.as_bytes()) }
}

/// Which slots are wanted, a bit each.
struct Bits(Vec<u64>);

impl Bits {
    fn of(slots: &BTreeSet<u32>, most: usize) -> Self {
        let mut bits = vec![0; most.div_ceil(64)];
        slots.iter().for_each(|slot| bits[*slot as usize / 64] |= 1 << (slot % 64));
        Self(bits)
    }

    fn hold(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] >> (slot % 64) & 1 == 1
    }
}
