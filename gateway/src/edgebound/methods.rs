//! The methods that an edge says it offers. Routing does not ask for them: a service's call goes to the edge in any case.

use std::collections::HashMap;

use dao::Text;
use foldhash::fast::RandomState;

use crate::presence::Offered;

/// How long the name of a method may be.
const NAME_BYTES: usize = 4096;

/// How long names may be on average, where an edge has as many methods as it may.
const USUAL_BYTES: usize = 64;

/// Methods and since when. Most edges have none, and then this owns no memory.
#[derive(Debug, Default)]
pub(super) struct Methods(Option<Box<Table>>);

#[derive(Debug, Default)]
struct Table {
    since: HashMap<Text, i64, RandomState>,
    /// Of all names.
    bytes: usize,
}

impl Methods {
    /// Takes a method in; again changes nothing. `None` if the edge has `most` already, or its names are too long.
    pub(super) fn offer(&mut self, name: &[u8], now: i64, most: u32) -> Option<Text> {
        if name.len() > NAME_BYTES {
            return None;
        }
        let name = Text::from_bytes(name.into());
        let table = self.0.get_or_insert_default();
        if !table.since.contains_key(&name) {
            let (most, bytes) = (most as usize, table.bytes + name.as_bytes().len());
            if table.since.len() >= most || bytes > most * USUAL_BYTES {
                return None;
            }
            table.bytes = bytes;
            table.since.insert(name.clone(), now);
        }
        Some(name)
    }

    pub(super) fn to_vec(&self) -> Vec<Offered> {
        let all = self.0.iter().flat_map(|table| &table.since);
        all.map(|(name, since)| Offered { name: name.clone(), since: *since }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_counts_once_and_keeps_its_time() {
        let mut methods = Methods::default();
        for (name, since) in [("b", 1), ("a", 2), ("b", 3)] {
            assert_eq!(methods.offer(name.as_bytes(), since, 2), Some(name.into()));
        }
        assert_eq!(methods.offer(b"c", 4, 2), None, "there are two");
        let mut known: Vec<_> =
            methods.to_vec().into_iter().map(|known| (known.name.to_string(), known.since)).collect();
        known.sort();
        assert_eq!(known, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    }

    #[test]
    fn names_have_a_bound_in_bytes() {
        let mut methods = Methods::default();
        assert_eq!(methods.offer(&[b'x'; NAME_BYTES + 1], 1, 4096), None);
        let taken = (0..4096u32).filter(|n| methods.offer(format!("{n:>NAME_BYTES$}").as_bytes(), 1, 4096).is_some());
        assert_eq!(taken.count(), 64);
    }
}
