//! Names of methods and topics: each is kept once, however many peers offer it.

use std::collections::HashMap;

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

#[derive(Debug, Default)]
pub(super) struct NameTable {
    by_text: HashMap<Text, NameId, RandomState>,
    /// A name, and how often it is offered. Those that nobody offers any more are given out again.
    slots: Vec<(Text, u32)>,
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
        &self.slots[name.index()].0
    }

    /// Counts one more who offers `text`.
    pub(super) fn enter(&mut self, text: Text) -> NameId {
        if let Some(name) = self.id(&text) {
            self.slots[name.index()].1 += 1;
            return name;
        }
        let name = match self.free.pop() {
            Some(name) => {
                self.slots[name.index()] = (text.clone(), 1);
                name
            }
            None => {
                self.slots.push((text.clone(), 1));
                NameId(u32::try_from(self.slots.len() - 1).expect("fewer names than 2^32"))
            }
        };
        self.by_text.insert(text, name);
        name
    }

    /// Counts one less.
    pub(super) fn leave(&mut self, name: NameId) {
        let (text, offered) = &mut self.slots[name.index()];
        *offered -= 1;
        if *offered == 0 {
            let text = std::mem::replace(text, Text::from(""));
            self.by_text.remove(&text);
            self.free.push(name);
        }
    }
}
