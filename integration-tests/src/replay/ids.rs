//! Which id of the recording is which id of this run.

use std::collections::{HashMap, HashSet};

use super::anatomy::{Anatomy, Id, Space};

/// Ids of one link are its own; clients and ports belong to all.
type Scope = Option<String>;

#[derive(Debug, Default)]
pub(super) struct Ids {
    of_recorded: HashMap<(Scope, Space, u64), u64>,
    of_actual: HashSet<(Scope, Space, u64)>,
}

fn scope(link: &str, space: Space) -> Scope {
    match space {
        Space::Client | Space::Port => None,
        Space::Packet(_) | Space::Session | Space::Negotiate => Some(link.to_owned()),
    }
}

impl Ids {
    /// What stands in this run for a recorded id, if that is known yet.
    pub(super) fn known(&self, link: &str, space: Space, recorded: u64) -> Option<u64> {
        self.of_recorded.get(&(scope(link, space), space, recorded)).copied()
    }

    /// What to send for a recorded id: what is known, else the recorded one from now on.
    pub(super) fn sent_as(&mut self, link: &str, id: Id) -> u64 {
        let known = self.known(link, id.space, id.number);
        known.unwrap_or_else(|| {
            self.learn(link, link, id.space, id.number, id.number);
            id.number
        })
    }

    /// Whether the ids of a frame that came can be those of the recorded one: the known ones are the same, the others
    /// stand for nothing else. The frame came on `actual_link`, which is another one where a service stands in for another.
    pub(super) fn fit(&self, link: &str, actual_link: &str, recorded: &Anatomy, came: &Anatomy) -> bool {
        let pairs = || recorded.ids.iter().zip(&came.ids);
        recorded.ids.len() == came.ids.len()
            && pairs().all(|(recorded, came)| {
                recorded.space == came.space
                    && match self.known(link, recorded.space, recorded.number) {
                        Some(known) => known == came.number,
                        None => {
                            let place = (scope(actual_link, came.space), came.space, came.number);
                            !self.of_actual.contains(&place)
                        }
                    }
            })
    }

    /// The frame that came is the recorded one.
    pub(super) fn take(&mut self, link: &str, actual_link: &str, recorded: &Anatomy, came: &Anatomy) {
        for (recorded, came) in recorded.ids.iter().zip(&came.ids) {
            self.learn(link, actual_link, recorded.space, recorded.number, came.number);
        }
    }

    fn learn(&mut self, link: &str, actual_link: &str, space: Space, recorded: u64, actual: u64) {
        self.of_recorded.insert((scope(link, space), space, recorded), actual);
        self.of_actual.insert((scope(actual_link, space), space, actual));
    }
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::Role;
    use super::super::recording::Way;
    use super::*;
    use crate::raw::{Body, Frame, kind};

    fn message(id: u64, session: u64) -> Anatomy {
        Anatomy::of(&Frame { kind: kind::MESSAGE, id, body: Body::new().on(session) }, Way::ToClient, Role::Edge)
    }

    #[test]
    fn one_id_stands_for_one_id() {
        let mut ids = Ids::default();
        assert!(ids.fit("edge1", "edge1", &message(1, 50), &message(9, 70)));
        ids.take("edge1", "edge1", &message(1, 50), &message(9, 70));
        assert!(ids.fit("edge1", "edge1", &message(2, 50), &message(10, 70)), "the same session, another packet");
        assert!(!ids.fit("edge1", "edge1", &message(2, 50), &message(10, 71)), "another session");
        assert!(!ids.fit("edge1", "edge1", &message(2, 50), &message(9, 70)), "a packet id used twice");
        assert!(ids.fit("edge2", "edge2", &message(1, 50), &message(9, 70)), "another link counts for itself");
    }
}
