//! Rows in an order, made when it is first asked for and brought up to date when it is asked for again.
//!
//! A view costs nothing until then, and 8 bytes a row from then on. What it holds of a row besides its place is the *rank* of
//! its value: the number of smaller values among all rows. So a filter on the value, which is a span of ranks, is two
//! comparisons of numbers that lie close together, and no look at the row.

use std::cmp::Ordering;
use std::ops::Range;

use super::page;
use super::rows::{Row, Rows};
use crate::after::{After, Key};
use crate::query::PeerField;

/// The rank of a row that came since the view was brought up to date.
const NEW: u32 = u32::MAX - 1;

/// The rank of a slot without a row.
const NONE: u32 = u32::MAX;

/// Rows in the order of one field, ties by their id.
#[derive(Debug)]
pub(super) struct View {
    by: PeerField,
    /// Slots. Those that are out of date have no rank.
    order: Vec<u32>,
    /// By slot.
    rank: Vec<u32>,
    /// Slots of rows that came since, some of them more than once.
    new: Vec<u32>,
    /// Whether rows came or went since.
    dirty: bool,
}

impl View {
    pub(super) fn new(by: PeerField, rows: &Rows) -> Self {
        let mut view = Self { by, order: Vec::new(), rank: Vec::new(), new: Vec::new(), dirty: false };
        rows.slots().for_each(|slot| view.enter(slot));
        view.refresh(rows);
        view
    }

    /// A row has come to `slot`.
    pub(super) fn enter(&mut self, slot: u32) {
        let index = slot as usize;
        if self.rank.len() <= index {
            self.rank.resize(index + 1, NONE);
        }
        self.rank[index] = NEW;
        self.dirty = true;
        self.new.push(slot);
    }

    /// The row of `slot` is gone.
    pub(super) fn leave(&mut self, slot: u32) {
        self.rank[slot as usize] = NONE;
        self.dirty = true;
    }

    /// Whether more has come than there was: then it is cheaper to make the view anew when it is asked for.
    pub(super) fn is_stale(&self) -> bool {
        self.new.len() > 1_000 + self.order.len()
    }

    /// Brings the order up to date.
    pub(super) fn refresh(&mut self, rows: &Rows) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let mut new = std::mem::take(&mut self.new);
        new.sort_unstable();
        new.dedup();
        new.retain(|slot| self.rank[*slot as usize] == NEW);
        let new = sorted(new, self.by, rows);
        let mut kept = std::mem::take(&mut self.order);
        kept.retain(|slot| self.rank[*slot as usize] < NEW);
        self.order = merged(kept, new, |one, other| compare(self.by, rows.row(one), rows.row(other)));
        self.rank_anew(rows);
    }

    fn rank_anew(&mut self, rows: &Rows) {
        let mut rank = 0;
        // The slot before, and the rank that it had.
        let mut last: Option<(u32, u32)> = None;
        for (place, slot) in (0u32..).zip(&self.order) {
            let had = self.rank[*slot as usize];
            let ties = last.is_some_and(|(before, before_had)| {
                let both_old = had < NEW && before_had < NEW;
                if both_old { had == before_had } else { value(self.by, rows.row(before), rows.row(*slot)).is_eq() }
            });
            if !ties {
                rank = place;
            }
            last = Some((*slot, had));
            self.rank[*slot as usize] = rank;
        }
    }

    /// The rows whose values are within, by what `compare` says of each.
    pub(super) fn span(&self, rows: &Rows, compare: impl Fn(&Row) -> Ordering) -> Span {
        let place =
            |holds: fn(Ordering) -> bool| self.order.partition_point(|slot| holds(compare(rows.row(*slot)))) as u32;
        // The first of those that tie has its own place as its rank, and no value lies half in a span.
        Span(place(Ordering::is_lt)..place(Ordering::is_le))
    }

    /// Whether the row of `slot` lies in `span`.
    pub(super) fn holds(&self, span: &Span, slot: u32) -> bool {
        span.0.contains(&self.rank[slot as usize])
    }

    /// Hands the slots of `span` to `each`, in order: by the value, descending or not, those that tie by their id.
    pub(super) fn walk(&self, span: &Span, descending: bool, mut each: impl FnMut(u32)) {
        let order = &self.order[span.0.start as usize..span.0.end as usize];
        if !descending {
            return order.iter().for_each(|slot| each(*slot));
        }
        let mut left = order;
        while let Some(last) = left.last() {
            // Its rank is the place of the first that ties with it.
            let first = self.rank[*last as usize] as usize - span.0.start as usize;
            left[first..].iter().for_each(|slot| each(*slot));
            left = &left[..first];
        }
    }

    /// The rows that lie behind `after`.
    pub(super) fn behind(&self, rows: &Rows, after: &After, descending: bool) -> Behind {
        Behind { ties: self.span(rows, |row| against(row, after)), id: after.id, descending }
    }

    /// All rows.
    pub(super) fn all(&self) -> Span {
        Span(0..self.order.len() as u32)
    }
}

/// Rows whose values lie together, by their ranks.
#[derive(Debug)]
pub(super) struct Span(Range<u32>);

/// The rows that lie behind a place in an order.
#[derive(Debug)]
pub(super) struct Behind {
    /// Those that tie with the place, of which it is those with a greater id.
    ties: Span,
    id: u64,
    descending: bool,
}

impl Behind {
    pub(super) fn holds(&self, view: &View, rows: &Rows, slot: u32) -> bool {
        let rank = view.rank[slot as usize];
        if self.ties.0.contains(&rank) {
            rows.row(slot).id > self.id
        } else {
            (rank < self.ties.0.start) == self.descending
        }
    }
}

/// How the values of two rows compare.
fn value(by: PeerField, one: &Row, other: &Row) -> Ordering {
    match by {
        PeerField::CreateTime => one.create_time.cmp(&other.create_time),
        PeerField::Id => one.id.cmp(&other.id),
        PeerField::Label => one.label.as_bytes().cmp(other.label.as_bytes()),
        PeerField::Addr => one.addr.as_bytes().cmp(other.addr.as_bytes()),
    }
}

fn compare(by: PeerField, one: &Row, other: &Row) -> Ordering {
    value(by, one, other).then_with(|| one.id.cmp(&other.id))
}

/// How the value of `row` compares to that of a place.
fn against(row: &Row, after: &After) -> Ordering {
    match &after.key {
        Key::CreateTime(time) => row.create_time.cmp(time),
        Key::Id => row.id.cmp(&after.id),
        Key::Label(label) => row.label.as_bytes().cmp(label.as_bytes()),
        Key::Addr(addr) => row.addr.as_bytes().cmp(addr.as_bytes()),
    }
}

/// Whether `row` lies behind a place, in an order that descends or not.
pub(super) fn behind(row: &Row, after: &After, descending: bool) -> bool {
    let by = against(row, after);
    match if descending { by.reverse() } else { by } {
        Ordering::Less => false,
        Ordering::Equal => row.id > after.id,
        Ordering::Greater => true,
    }
}

/// `slots` in the order of their rows.
fn sorted(slots: Vec<u32>, by: PeerField, rows: &Rows) -> Vec<u32> {
    let text = |slot: u32| match by {
        PeerField::Label => rows.row(slot).label.as_bytes(),
        PeerField::Addr => rows.row(slot).addr.as_bytes(),
        PeerField::CreateTime | PeerField::Id => &[],
    };
    // What all texts begin with says nothing about their order. Behind it 16 bytes seldom tie, and then no comparison has
    // to look at the texts, which lie scattered in memory.
    let Some(first) = slots.first() else { return slots };
    let skip = slots.iter().fold(usize::MAX, |most, slot| page::common(text(*first), text(*slot), most));
    let key = |slot: u32| match by {
        PeerField::CreateTime => {
            let row = rows.row(slot);
            u128::from(page::unsigned(row.create_time)) << 64 | u128::from(row.id)
        }
        PeerField::Id => u128::from(rows.row(slot).id),
        PeerField::Label | PeerField::Addr => page::head(&text(slot)[skip..]),
    };
    let mut keyed: Vec<(u128, u32)> = slots.into_iter().map(|slot| (key(slot), slot)).collect();
    // Rows come by time and, usually, by id: a sort that sees runs is done at once with those.
    keyed.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| compare(by, rows.row(one.1), rows.row(other.1))));
    keyed.into_iter().map(|(_, slot)| slot).collect()
}

/// Two ordered lists as one. `few` is usually the shorter by far: each of its items finds its place by halving.
fn merged(many: Vec<u32>, few: Vec<u32>, compare: impl Fn(u32, u32) -> Ordering) -> Vec<u32> {
    if many.is_empty() {
        return few;
    }
    let mut all = Vec::with_capacity(many.len() + few.len());
    let mut left = many.as_slice();
    for slot in few {
        let before = left.partition_point(|known| compare(*known, slot).is_lt());
        all.extend_from_slice(&left[..before]);
        all.push(slot);
        left = &left[before..];
    }
    all.extend_from_slice(left);
    all
}
