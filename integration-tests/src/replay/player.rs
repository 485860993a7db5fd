//! Plays one side of a recording and compares what the other side says.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use super::anatomy::{Anatomy, Role, Space, is_reply};
use super::deadlines::moved;
use super::exceptions::{Exception, What};
use super::ids::Ids;
use super::owed::{Awaited, Owed};
use super::peer::Peer;
use super::recording::{Entry, Line, Recording, Way};
use super::rewrite::with_ids;
use crate::raw::{Client, Frame, kind};

/// Generous, since a busy machine is no fault.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same once something has failed: what follows from it need not be waited for.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The case of an exception that holds in all of them.
const EVERYWHERE: &str = "*";

/// Between looks at several links.
const GLANCE: Duration = Duration::from_millis(2);

/// The side that is tested.
pub trait Links {
    /// A connection for a link of the recording: to the tested gateway, or from the tested SDK.
    fn open(&mut self, link: &str) -> Client;

    /// The recording comes to what the tested side is to do, or to a note.
    fn reach(&mut self, _line: &Line) {}

    /// A link that was online is lost by `lose`; returns when the tested side knows. In the recordings there was time
    /// for that.
    fn lost(&mut self, _link: &str, lose: &mut dyn FnMut()) {
        lose();
    }

    /// The conversation is over: what else was wrong.
    fn finish(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Plays one recording.
#[derive(Debug)]
pub struct Player<'r, L> {
    pub(super) recording: &'r Recording,
    /// The way of the frames that are played.
    plays: Way,
    side: L,
    pub(super) peers: BTreeMap<String, Peer>,
    pub(super) ids: Ids,
    /// What must have come before the next frame is played.
    pub(super) owed: Vec<Owed<'r>>,
    /// Raw bytes recorded so far, by link and recorded session.
    pub(super) recorded_bytes: HashMap<(String, u64), Vec<u8>>,
    /// Packets that came on another link than recorded: the reply goes there.
    pub(super) routed: HashMap<(String, u64), String>,
    pub(super) exceptions: Vec<Exception>,
    /// Exceptions that made a difference.
    pub(super) used: HashSet<usize>,
    /// Lines that were played before their turn.
    played: HashSet<usize>,
    pub(super) failures: Vec<String>,
    started: Instant,
    /// How long a frame may take beyond the time that the recording shows.
    pub(super) patience: Duration,
}

impl<'r, L: Links> Player<'r, L> {
    /// Will play the frames that go `plays`, allowing the differences in `exceptions`.
    #[must_use]
    pub fn new(recording: &'r Recording, plays: Way, side: L, exceptions: &[Exception]) -> Self {
        let here = |case: &str| case == recording.case || case == EVERYWHERE;
        let exceptions = exceptions.iter().filter(|exception| here(exception.case)).copied().collect();
        Self {
            recording,
            plays,
            side,
            peers: BTreeMap::new(),
            ids: Ids::default(),
            owed: Vec::new(),
            recorded_bytes: HashMap::new(),
            routed: HashMap::new(),
            exceptions,
            used: HashSet::new(),
            played: HashSet::new(),
            failures: Vec::new(),
            started: Instant::now(),
            patience: PATIENCE,
        }
    }

    /// Plays it to its end; returns what differed without an exception, and exceptions that made no difference.
    #[must_use]
    pub fn play(mut self) -> Vec<String> {
        let recording = self.recording;
        for line in &recording.lines {
            if self.is_anytime(line.number) {
                self.owe(line, true);
            }
        }
        for line in &recording.lines {
            if line.link == "-" {
                self.owe_extras(line);
                self.settle();
                self.side.reach(line);
            } else if line.way == self.plays {
                self.turn(line);
            } else {
                if ends_a_link(line) {
                    // Whoever leaves has first said what the recording has before.
                    self.settle();
                }
                self.side.reach(line);
                if !self.is_anytime(line.number) {
                    self.owe(line, false);
                }
            }
        }
        self.wait_for_all();
        let unsaid = self.side.finish();
        self.failures.extend(unsaid);
        self.look_for_more();
        for (at, exception) in self.exceptions.iter().enumerate() {
            if !self.used.contains(&at) && !exception.what.depends_on_luck() && exception.case != EVERYWHERE {
                self.failures.push(format!("{}: this makes no difference: {exception:?}", recording.case));
            }
        }
        self.failures
    }

    /// It is time to play `line`.
    fn turn(&mut self, line: &'r Line) {
        self.owe_extras(line);
        self.settle();
        if self.played.contains(&line.number) {
            return;
        }
        if self.excepted(|what| what.undoes(line.number)) {
            return;
        }
        match &line.entry {
            Entry::Frame(frame) => self.play_frame(line, frame),
            Entry::Garbage(bytes) => self.peer(&line.link).send(bytes),
            Entry::Open => self.open(&line.link),
            Entry::Finish => self.lose(line, Peer::finish_writing),
            Entry::Reset => self.lose(line, Peer::reset),
            Entry::Cut | Entry::End => self.lose(line, Peer::cut),
            Entry::Note(_) => {}
        }
    }

    fn lose(&mut self, line: &Line, how: fn(&mut Peer)) {
        let online = self.is_online(line);
        self.peer(&line.link);
        let peer = self.peers.get_mut(&line.link).expect("it was opened just now");
        match online {
            true => self.side.lost(&line.link, &mut || how(peer)),
            false => how(peer),
        }
    }

    /// Whether the link is online at `line`: let in, and nobody has said goodbye.
    fn is_online(&self, line: &Line) -> bool {
        let before = self.recording.lines.iter().take_while(|other| other.number < line.number);
        before.filter(|other| other.link == line.link).fold(false, |online, other| match &other.entry {
            Entry::Frame(frame) if frame.kind == kind::CONN_ACK => frame.body[0] == 0,
            Entry::Frame(frame) if frame.kind == kind::DIS_CONN => false,
            Entry::End | Entry::Open => false,
            _ => online,
        })
    }

    fn play_frame(&mut self, line: &Line, frame: &Frame) {
        let link = &line.link;
        let role = role(link);
        let anatomy = Anatomy::of(frame, line.way, role);
        let answered = line.way.back();
        if is_reply(frame.kind) && self.ids.known(link, Space::Packet(answered), frame.id).is_none() {
            // What it answers did not come, which was noted when it was owed.
            return;
        }
        let mut frame = with_ids(frame, &anatomy, |id| self.ids.sent_as(link, id));
        if let Some(began) = self.recording.began {
            frame = moved(frame, began + line.at);
        }
        let bytes = Frame::bytes_of(frame.kind, frame.id, &frame.body);
        let to = match is_reply(frame.kind) {
            true => self.routed.get(&(link.clone(), line_packet(line))).cloned().unwrap_or_else(|| link.clone()),
            false => link.clone(),
        };
        self.peer(&to).send(&bytes);
    }

    /// Plays the answer to what came in `line` now, wherever the recording has it.
    fn answer_now(&mut self, line: &Line) {
        let recording = self.recording;
        let packet = line_packet(line);
        let answers = recording.lines.iter().find(|answer| {
            let is_answer = |frame: &Frame| is_reply(frame.kind) && frame.id == packet;
            answer.way == self.plays
                && answer.link == line.link
                && matches!(&answer.entry, Entry::Frame(frame) if is_answer(frame))
        });
        if let Some(answer) = answers.filter(|answer| self.played.insert(answer.number))
            && let Entry::Frame(frame) = &answer.entry
        {
            self.play_frame(answer, frame);
        }
    }

    fn open(&mut self, link: &str) {
        let client = self.side.open(link);
        let retired = self.peers.insert(link.to_owned(), Peer::new(client, role(link), self.plays.back()));
        if let Some(retired) = retired {
            self.leftovers(link, &retired);
        }
    }

    /// The played end of a link, opened at the first use where the recording does not say when.
    fn peer(&mut self, link: &str) -> &mut Peer {
        if !self.peers.contains_key(link) {
            self.open(link);
        }
        self.peers.get_mut(link).expect("it was opened just now")
    }

    fn is_anytime(&self, number: usize) -> bool {
        self.exceptions.iter().any(|exception| exception.what.frees(number))
    }

    /// Whether an exception speaks of this; it is then used.
    pub(super) fn excepted(&mut self, speaks: impl Fn(&What) -> bool) -> bool {
        let found = self.exceptions.iter().position(|exception| speaks(&exception.what));
        self.used.extend(found);
        found.is_some()
    }

    /// What the tested side says in `line` is to come.
    fn owe(&mut self, line: &'r Line, anytime: bool) {
        if self.excepted(|what| what.drops(line.number)) {
            return;
        }
        let awaited = match &line.entry {
            Entry::End => Awaited::End,
            Entry::Frame(frame) if frame.kind == kind::STREAM => {
                let bytes = self.recorded_bytes.entry((line.link.clone(), frame.session())).or_default();
                bytes.extend(frame.data());
                Awaited::Bytes { session: frame.session(), until: bytes.len() }
            }
            Entry::Frame(frame) => {
                let mut anatomy = Anatomy::of(frame, line.way, role(&line.link));
                self.let_it_say(line.number, &mut anatomy);
                Awaited::Frame(anatomy)
            }
            _ => return,
        };
        let due = self.due(line);
        self.owed.push(Owed { line, awaited, anytime, due });
    }

    /// Until when something must have come: it may take as long as in the recording, and some more.
    fn due(&self, line: &Line) -> Instant {
        let now = Instant::now();
        match self.failures.is_empty() {
            true => now.max(self.started + line.at) + self.patience,
            false => now + PATIENCE_AFTER_FAILURE,
        }
    }

    fn owe_extras(&mut self, line: &'r Line) {
        let due = self.due(line);
        for (at, exception) in self.exceptions.iter().enumerate() {
            if let What::Extra(extra) = exception.what {
                for _ in extra.before.iter().filter(|before| **before == line.number) {
                    self.used.insert(at);
                    self.owed.push(Owed { line, awaited: Awaited::Extra(extra), anytime: false, due });
                }
            }
        }
    }

    /// Answers a frame that the recording does not have, as any client would.
    pub(super) fn answer_extra(&mut self, link: &str, came: &Frame, answer: Option<&str>) {
        let peer = self.peer(link);
        let mut reply = |kind, body: &[&[u8]]| peer.send(&Frame::bytes_of(kind, came.id, &body.concat()));
        match (came.kind, answer) {
            (kind::MESSAGE, Some(json)) => reply(kind::MESSAGE_ACK, &[&came.body[..8], json.as_bytes()]),
            (kind::REQUEST, Some(json)) => reply(kind::RESPONSE, &[&came.body[..8], json.as_bytes()]),
            (kind::SESSION, _) => reply(kind::SESSION_ACK, &[&[0, 0], &came.body[2..10], &came.body[2..10], b"{}"]),
            (kind::DIS_CONN, _) => {
                reply(kind::DIS_CONN_ACK, &[b"\0{}"]);
                let id = peer.fresh();
                peer.send(&Frame::bytes_of(kind::DIS_CONN, id, &[]));
            }
            _ => {}
        }
    }

    fn let_it_say(&mut self, number: usize, anatomy: &mut Anatomy) {
        for (at, exception) in self.exceptions.iter().enumerate() {
            if let What::Says(lines, field, text) = exception.what
                && lines.contains(&number)
            {
                let changed = match text {
                    "" => anatomy.says.remove(field).is_some(),
                    _ => anatomy.says.insert(field.to_owned(), text.to_owned()).as_deref() != Some(text),
                };
                self.used.extend(changed.then_some(at));
            }
        }
    }

    /// Waits until everything that is owed has come or its time is over.
    fn settle(&mut self) {
        self.wait(|owed| !owed.anytime);
    }

    fn wait_for_all(&mut self) {
        let due = Instant::now() + self.patience;
        for owed in self.owed.iter_mut().filter(|owed| owed.anytime) {
            owed.due = due;
        }
        self.wait(|_| true);
    }

    fn wait(&mut self, wanted: impl Fn(&Owed<'_>) -> bool) {
        loop {
            for line in self.match_what_came() {
                self.answer_now(line);
            }
            if !self.owed.iter().any(&wanted) {
                return;
            }
            // What may come at any time is answered when it comes, so all links are looked at.
            let looked_at = self.owed.iter().filter(|owed| wanted(owed) || self.peers.contains_key(owed.link()));
            let links: BTreeSet<String> = looked_at.flat_map(|owed| self.links_of(owed.link())).collect();
            let now = Instant::now();
            match self.owed.iter().position(|owed| wanted(owed) && owed.due < now) {
                Some(late) => self.give_up(late),
                None => links.iter().for_each(|link| self.peer(link).read(GLANCE)),
            }
        }
    }

    /// The links on which something for `link` may come.
    pub(super) fn links_of(&self, link: &str) -> Vec<String> {
        let groups = self.exceptions.iter().filter_map(|exception| match exception.what {
            What::AnyOf(links) if links.contains(&link) => Some(links),
            _ => None,
        });
        let others = groups.flatten().filter(|other| **other != link && self.peers.contains_key(**other));
        std::iter::once(link).chain(others.copied()).map(str::to_owned).collect()
    }

    /// Lets all links say what nobody expects.
    fn look_for_more(&mut self) {
        let links: Vec<String> = self.peers.keys().cloned().collect();
        for link in links {
            let peer = self.peers.get_mut(&link).expect("the key was there");
            if self.plays == Way::ToGateway {
                prompt(peer);
            } else {
                peer.read(GLANCE);
            }
            let peer = self.peers.remove(&link).expect("the key was there");
            self.leftovers(&link, &peer);
        }
    }
}

/// Sends a heartbeat and reads up to its ack, or to the end of the link: nothing can be on its way then.
fn prompt(peer: &mut Peer) {
    let id = peer.fresh();
    peer.send(&Frame::bytes_of(kind::HEARTBEAT, id, &[]));
    let until = Instant::now() + PATIENCE;
    while peer.is_open() && Instant::now() < until {
        peer.read(GLANCE);
        if let Some(at) =
            peer.came.iter().position(|came| came.frame.kind == kind::HEARTBEAT_ACK && came.frame.id == id)
        {
            peer.came.remove(at);
            return;
        }
    }
}

fn ends_a_link(line: &Line) -> bool {
    match &line.entry {
        Entry::Frame(frame) => frame.kind == kind::DIS_CONN,
        Entry::Finish | Entry::Reset | Entry::Cut => true,
        _ => false,
    }
}

/// The packet id in a line with a frame.
pub(super) fn line_packet(line: &Line) -> u64 {
    match &line.entry {
        Entry::Frame(frame) => frame.id,
        _ => 0,
    }
}

pub(super) fn role(link: &str) -> Role {
    if link.starts_with("service") { Role::Service } else { Role::Edge }
}
