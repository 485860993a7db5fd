//! Names of methods and topics: each is kept once, however many peers offer it.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::model::Text;

/// A name in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameId(u32);

impl NameId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which kind of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    Rpc,
    Topic,
}

#[derive(Debug)]
struct Name {
    text: Text,
    /// The slots of those who offer it, by its kind: as a method, as a topic.
    by: [BTreeSet<u32>; 2],
}

#[derive(Debug, Default)]
pub(super) struct NameTable {
    by_text: HashMap<Text, NameId, RandomState>,
    /// Those that nobody offers any more are given out again.
    slots: Vec<Name>,
    free: Vec<NameId>,
}

impl NameTable {
    /// The number of slots: ids are below it.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// All slots' ids, those of names that nobody offers among them.
    pub(super) fn ids(&self) -> impl Iterator<Item = NameId> {
        (0..u32::try_from(self.slots.len()).expect("fewer names than 2^32")).map(NameId)
    }

    pub(super) fn id(&self, text: &Text) -> Option<NameId> {
        self.by_text.get(text).copied()
    }

    pub(super) fn text(&self, name: NameId) -> &Text {
        &self.slots[name.index()].text
    }

    /// The slots of those who offer a name.
    pub(super) fn offering(&self, name: NameId, kind: Offered) -> &BTreeSet<u32> {
        &self.slots[name.index()].by[kind as usize]
    }

    /// Whoever lies in `slot` offers `text`.
    pub(super) fn enter(&mut self, text: Text, kind: Offered, slot: u32) -> NameId {
        let name = self.id(&text).unwrap_or_else(|| self.make(text));
        self.slots[name.index()].by[kind as usize].insert(slot);
        name
    }

    fn make(&mut self, text: Text) -> NameId {
        let made = Name { text: text.clone(), by: Default::default() };
        let name = match self.free.pop() {
            Some(name) => {
                self.slots[name.index()] = made;
                name
            }
            None => {
                self.slots.push(made);
                NameId(u32::try_from(self.slots.len() - 1).expect("fewer names than 2^32"))
            }
        };
        self.by_text.insert(text, name);
        name
    }

    /// Whoever lies in `slot` offers the name no longer.
    pub(super) fn leave(&mut self, name: NameId, kind: Offered, slot: u32) {
        let Name { text, by } = &mut self.slots[name.index()];
        by[kind as usize].remove(&slot);
        if by.iter().all(BTreeSet::is_empty) {
            let text = std::mem::replace(text, Text::from(""));
            self.by_text.remove(&text);
            self.free.push(name);
        }
    }
}
