//! What the recording says must come, held against what came.

use std::time::Instant;

use super::anatomy::{Anatomy, Space};
use super::exceptions::{Extra, What};
use super::peer::Peer;
use super::player::{Links, Player, line_packet};
use super::recording::Line;
use crate::raw::kind;

/// Something that the tested side says in the recording and has not said yet.
#[derive(Debug)]
pub(super) struct Owed<'r> {
    pub(super) line: &'r Line,
    pub(super) awaited: Awaited,
    /// It may come at any time of the conversation.
    pub(super) anytime: bool,
    pub(super) due: Instant,
}

#[derive(Debug)]
pub(super) enum Awaited {
    Frame(Anatomy),
    /// So many raw bytes in all on a recorded session.
    Bytes {
        session: u64,
        until: usize,
    },
    End,
    Extra(Extra),
}

impl Owed<'_> {
    /// The link on which it is to come.
    pub(super) fn link(&self) -> &str {
        match &self.awaited {
            Awaited::Extra(extra) => extra.on,
            _ => &self.line.link,
        }
    }
}

impl<'r, L: Links> Player<'r, L> {
    /// Strikes off whatever has come; returns lines that came out of turn.
    pub(super) fn match_what_came(&mut self) -> Vec<&'r Line> {
        let mut out_of_turn = Vec::new();
        let mut at = 0;
        while at < self.owed.len() {
            if !self.has_come(at) {
                at += 1;
                continue;
            }
            let owed = self.owed.remove(at);
            if owed.anytime {
                self.excepted(|what| what.frees(owed.line.number));
                out_of_turn.push(owed.line);
            }
            // What came may have named the session that an earlier one waits for.
            at = 0;
        }
        out_of_turn
    }

    fn has_come(&mut self, at: usize) -> bool {
        let Owed { line, awaited, .. } = &self.owed[at];
        match awaited {
            Awaited::End => self.peers.get(&line.link).is_some_and(|peer| peer.ended),
            Awaited::Bytes { session, until } => self.bytes_have_come(&line.link, *session, *until),
            Awaited::Frame(_) => self.frame_has_come(at),
            Awaited::Extra(extra) => self.extra_has_come(*extra),
        }
    }

    fn bytes_have_come(&self, link: &str, session: u64, until: usize) -> bool {
        let Some(actual) = self.ids.known(link, Space::Session, session) else { return false };
        let came = self.peers.get(link).and_then(|peer| peer.bytes.get(&actual));
        let recorded = self.recorded_bytes.get(&(link.to_owned(), session));
        let (Some(came), Some(recorded)) = (came, recorded) else { return false };
        came.get(..until).is_some_and(|came| came == &recorded[..until])
    }

    fn extra_has_come(&mut self, extra: Extra) -> bool {
        let Some(peer) = self.peers.get_mut(extra.on) else { return false };
        let wanted = |came: &Anatomy| {
            let says = |field: &str| came.says.get(field).map_or("", String::as_str);
            came.kind == extra.kind && says(extra.says.0) == extra.says.1
        };
        let Some(found) = peer.came.iter().position(|came| wanted(&came.anatomy)) else { return false };
        let came = peer.came.remove(found);
        self.answer_extra(extra.on, &came.frame, extra.answer);
        true
    }

    fn frame_has_come(&mut self, at: usize) -> bool {
        let line = self.owed[at].line;
        let Awaited::Frame(recorded) = &self.owed[at].awaited else { return false };
        for link in self.links_of(&line.link) {
            let Some(peer) = self.peers.get(&link) else { continue };
            let same = |came: &Anatomy| {
                came.kind == recorded.kind
                    && self.says_the_same(recorded, came)
                    && self.ids.fit(&line.link, &link, recorded, came)
            };
            let Some(found) = candidates(peer, recorded).find(|at| same(&peer.came[*at].anatomy)) else { continue };
            let peer = self.peers.get_mut(&link).expect("it was found just now");
            let came = peer.came.remove(found);
            self.ids.take(&line.link, &link, recorded, &came.anatomy);
            if link != line.link {
                self.routed.insert((line.link.clone(), line_packet(line)), link);
                self.excepted(|what| matches!(what, What::AnyOf(links) if links.contains(&line.link.as_str())));
            }
            return true;
        }
        false
    }

    fn says_the_same(&self, recorded: &Anatomy, came: &Anatomy) -> bool {
        let more = |field: &str| {
            let allows = |what: What| matches!(what, What::Field(kind, more) if kind == came.kind && more == field);
            self.exceptions.iter().any(|exception| allows(exception.what))
        };
        let says = |anatomy: &Anatomy| -> Vec<(String, String)> {
            let says = anatomy.says.iter().filter(|(field, _)| !more(field));
            says.map(|(field, text)| (field.clone(), text.clone())).collect()
        };
        says(recorded) == says(came)
    }

    /// The time of something owed is over: notes it, and takes what comes closest in its place, so that the rest of
    /// the conversation can go on.
    pub(super) fn give_up(&mut self, at: usize) {
        let Owed { line, awaited, .. } = self.owed.remove(at);
        let place = format!("{}:{} on {}", self.recording.case, line.number, line.link);
        let peer = self.peers.get_mut(&line.link);
        let failure = match (awaited, peer) {
            (Awaited::End, _) => "the connection was not ended".to_owned(),
            (Awaited::Extra(extra), _) => format!("did not come: {extra:?}"),
            (Awaited::Bytes { session, until }, peer) => {
                let actual = self.ids.known(&line.link, Space::Session, session).unwrap_or(session);
                let came = peer.and_then(|peer| peer.bytes.get(&actual)).map_or(0, Vec::len);
                format!("{came} raw bytes of at least {until}, or others than recorded")
            }
            (Awaited::Frame(recorded), Some(peer)) => {
                let close = |came: &Anatomy| {
                    came.kind == recorded.kind && self.ids.fit(&line.link, &line.link, &recorded, came)
                };
                match peer.came.iter().position(|came| close(&came.anatomy)) {
                    Some(found) => {
                        let came = peer.came.remove(found);
                        self.ids.take(&line.link, &line.link, &recorded, &came.anatomy);
                        format!("{}: {}", name(recorded.kind), recorded.differences(&came.anatomy).join("; "))
                    }
                    None => format!("no {} came: {:?}", name(recorded.kind), recorded.says),
                }
            }
            (Awaited::Frame(recorded), None) => format!("no link, so no {}", name(recorded.kind)),
        };
        self.failures.push(format!("{place}: {failure}"));
    }

    /// Notes what has come on a link that is over and was owed by nothing.
    pub(super) fn leftovers(&mut self, link: &str, peer: &Peer) {
        for came in &peer.came {
            let code = came.frame.kind;
            if self.excepted(|what| matches!(what, What::Perhaps(on, kind) if *on == link && *kind == code)) {
                continue;
            }
            let (kind, says) = (name(code), &came.anatomy.says);
            self.failures.push(format!("{} on {link}: a {kind} that was not recorded: {says:?}", self.recording.case));
        }
        for (actual, came) in &peer.bytes {
            let recorded = self.recorded_bytes.iter().find(|((on, session), _)| {
                on == link && self.ids.known(link, Space::Session, *session) == Some(*actual)
            });
            let recorded = recorded.map_or(0, |(_, bytes)| bytes.len());
            if came.len() > recorded {
                self.failures.push(format!(
                    "{} on {link}: {} raw bytes, {recorded} were recorded",
                    self.recording.case,
                    came.len()
                ));
            }
        }
    }
}

/// Where in what came a recorded frame may be. Messages of a session keep their order, so it must be the first one.
fn candidates(peer: &Peer, recorded: &Anatomy) -> impl Iterator<Item = usize> {
    let ordered = recorded.kind == kind::MESSAGE;
    let of_kind = (0..peer.came.len()).filter(move |at| peer.came[*at].frame.kind == recorded.kind);
    let mut sessions = Vec::new();
    of_kind.filter(move |at| {
        let session = peer.came[*at].anatomy.session();
        let first = !sessions.contains(&session);
        sessions.push(session);
        first || !ordered
    })
}

pub(super) fn name(code: u8) -> &'static str {
    kind::NAMES.iter().find(|(known, _)| *known == code).map_or("frame of unknown kind", |(_, name)| name)
}
