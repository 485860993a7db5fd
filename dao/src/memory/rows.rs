//! Rows, close together.

use smol_str::SmolStr;

use super::names::NameId;
use crate::model::{Generation, Text};

/// An edge or a service.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) label: Text,
    pub(super) addr: SmolStr,
    pub(super) create_time: i64,
    pub(super) generation: Generation,
    /// Most edges offer nothing.
    pub(super) offers: Option<Box<Offers>>,
}

/// What a peer offers.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) rpcs: Vec<Offer>,
    pub(super) topics: Vec<Offer>,
}

/// A name that a peer offers, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) name: NameId,
    pub(super) since: i64,
}

impl Row {
    pub(super) fn new(id: u64, label: Text, addr: SmolStr, create_time: i64, generation: Generation) -> Self {
        Self { id, label, addr, create_time, generation, offers: None }
    }
}

/// Rows of one chunk. Growing by chunks copies no row, and leaves no half of the memory unused as doubling would.
const CHUNK: usize = 512;

/// Rows by slot: a slot stays with its row until that is taken, then it is given out again.
#[derive(Debug, Default)]
pub(super) struct Rows {
    chunks: Vec<Vec<Option<Row>>>,
    free: Vec<u32>,
}

impl Rows {
    /// A row by a slot that [`Rows::insert`] gave out.
    pub(super) fn row(&self, slot: u32) -> &Row {
        self.chunks[slot as usize / CHUNK][slot as usize % CHUNK].as_ref().expect("the slot is in use")
    }

    pub(super) fn row_mut(&mut self, slot: u32) -> &mut Row {
        self.chunks[slot as usize / CHUNK][slot as usize % CHUNK].as_mut().expect("the slot is in use")
    }

    pub(super) fn insert(&mut self, row: Row) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.chunks[slot as usize / CHUNK][slot as usize % CHUNK] = Some(row);
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut().expect("one was pushed if there was none with room");
        chunk.push(Some(row));
        u32::try_from(before + chunk.len() - 1).expect("fewer peers than 2^32")
    }

    pub(super) fn take(&mut self, slot: u32) -> Row {
        let row = self.chunks[slot as usize / CHUNK][slot as usize % CHUNK].take().expect("the slot is in use");
        self.free.push(slot);
        row
    }

    /// Slots in use.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(self.chunks.iter().flatten()).filter_map(|(slot, row)| row.as_ref().map(|_| slot))
    }

    /// Slots that are or were in use.
    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flatten().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_small() {
        assert_eq!(size_of::<Option<Row>>(), 72);
    }

    #[test]
    fn an_address_lies_in_its_row() {
        assert!(!SmolStr::from("255.255.255.255:65535").is_heap_allocated());
    }
}
