//! What all peers together have seen, and the promises that it must fit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proto::id::SessionId;

/// Which listener a peer dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Edge,
    Service,
}

/// What waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Call,
    Message,
}

/// Index of a peer in the world.
pub(crate) type PeerIndex = usize;

/// A call or message, numbered in the order of sending; its number travels in its value.
#[derive(Debug)]
struct Item {
    origin: PeerIndex,
    session: SessionId,
    kind: Kind,
    /// What the target has answered.
    verdict: Option<bool>,
    delivered: bool,
}

/// A direction of a stream between two peers.
type Channel = (Kind, PeerIndex, SessionId, PeerIndex, SessionId);

/// What a service was told last about an edge id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Online { refused: bool },
    Offline,
}

/// How one end of a stream came to its end.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) sent: usize,
    pub(crate) received: usize,
    pub(crate) far_end: Option<(PeerIndex, SessionId)>,
    /// This end asked for it, and nothing crossed that.
    pub(crate) is_clean: bool,
    /// The gateway ended it, because the far end did.
    pub(crate) by_far_end: bool,
}

/// Texts with which the gateway answers in the target's stead.
const OWN_ERRORS: &[&str] = &[
    "edge not online",
    "record not found",
    "topic not online",
    "illegal edgeID",
    "congested",
    "context deadline exceeded",
    "context canceled",
    "timeout",
    "force closed",
    "gateway is shutting down",
];

/// Keeps the record, and notes what breaks a promise.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    items: Vec<Item>,
    last: HashMap<Channel, u64>,
    /// By service and edge id.
    told: BTreeMap<(PeerIndex, u64), Told>,
    /// Who may have been given which id.
    claims: Vec<(Side, u64, PeerIndex)>,
    /// Ids under which peers were admitted.
    admitted: HashMap<PeerIndex, u64>,
    kicked: BTreeSet<(Side, u64)>,
    closings: BTreeMap<(PeerIndex, SessionId), Closing>,
    honest: bool,
    faults: Vec<String>,
}

impl Ledger {
    /// `honest`: everybody answers soon, so that no deadline may pass.
    pub(crate) fn new(honest: bool) -> Self {
        Self { honest, ..Self::default() }
    }

    /// Notes a broken promise.
    pub(crate) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// The first broken promise.
    pub(crate) fn first_fault(&self) -> Option<&str> {
        self.faults.first().map(String::as_str)
    }

    // --- calls and messages

    /// A peer sends one; its number.
    pub(crate) fn send(&mut self, kind: Kind, origin: PeerIndex, session: SessionId) -> u64 {
        self.items.push(Item { origin, session, kind, verdict: None, delivered: false });
        self.items.len() as u64 - 1
    }

    /// A peer receives one. Who sent it, if it is one at all.
    pub(crate) fn deliver(
        &mut self,
        number: u64,
        kind: Kind,
        target: PeerIndex,
        session: SessionId,
    ) -> Option<PeerIndex> {
        let Some(item) = self.items.get_mut(number as usize).filter(|item| item.kind == kind) else {
            self.fault(format!("peer {target} received a {kind:?} that nobody sent: number {number}"));
            return None;
        };
        let twice = std::mem::replace(&mut item.delivered, true);
        let origin = item.origin;
        let channel = (kind, origin, item.session, target, session);
        if twice {
            self.fault(format!("number {number} was delivered twice"));
        }
        let before = self.last.insert(channel, number);
        if before.is_some_and(|before| before >= number) {
            self.fault(format!("number {number} came behind {before:?} from peer {origin} to peer {target}"));
        }
        Some(origin)
    }

    /// Whether it has reached a target.
    pub(crate) fn is_delivered(&self, number: u64) -> bool {
        self.items[number as usize].delivered
    }

    /// The target answers.
    pub(crate) fn decide(&mut self, number: u64, accepted: bool) {
        self.items[number as usize].verdict = Some(accepted);
    }

    /// The origin has its answer: empty `error` accepts. `cancelled`: it had asked for that.
    pub(crate) fn answered(&mut self, number: u64, error: &str, cancelled: bool) {
        let verdict = self.items[number as usize].verdict;
        let own = OWN_ERRORS.contains(&error);
        let fits = match verdict {
            _ if error == "context canceled" => cancelled,
            Some(true) => error.is_empty() || own,
            Some(false) => error == refusal(number) || own,
            None => own,
        };
        if !fits {
            self.fault(format!("number {number}, decided as {verdict:?}, was answered {error:?}"));
        }
        if self.honest && matches!(error, "timeout" | "context deadline exceeded") {
            self.fault(format!("number {number} ran into its deadline though everybody answers soon"));
        }
    }

    // --- streams

    /// A peer's end of a stream is over.
    pub(crate) fn close(&mut self, peer: PeerIndex, session: SessionId, closing: Closing) {
        self.closings.insert((peer, session), closing);
    }

    /// Where one end closed and the other had no reason of its own to, everything that was sent has come.
    pub(crate) fn check_closings(&mut self) {
        let mut lost = None;
        for (end, closing) in self.closings.iter().filter(|(_, closing)| closing.by_far_end) {
            let Some(far_end) = closing.far_end else { continue };
            let Some(far) = self.closings.get(&far_end).filter(|far| far.is_clean) else { continue };
            if far.sent != closing.received {
                lost = Some(format!("{end:?} received {} of {} bytes of {far_end:?}", closing.received, far.sent));
            }
        }
        if let Some(lost) = lost {
            self.fault(format!("a stream was closed before its last bytes: {lost}"));
        }
    }

    // --- ids and presence

    /// A peer was admitted under an id.
    pub(crate) fn admit(&mut self, peer: PeerIndex, id: u64) {
        self.admitted.insert(peer, id);
    }

    /// The id under which a peer was admitted.
    pub(crate) fn id_of(&self, peer: PeerIndex) -> Option<u64> {
        self.admitted.get(&peer).copied()
    }

    /// A peer is given an id that others may have too.
    pub(crate) fn claim(&mut self, side: Side, id: u64, peer: PeerIndex) {
        self.claims.push((side, id, peer));
    }

    /// Whoever has this id is kicked.
    pub(crate) fn kick(&mut self, side: Side, id: u64) {
        self.kicked.insert((side, id));
    }

    /// Whether somebody of this id was kicked.
    pub(crate) fn may_be_kicked(&self, side: Side, id: u64) -> bool {
        self.kicked.contains(&(side, id))
    }

    /// Whether another peer may have been given the same id.
    pub(crate) fn may_be_displaced(&self, side: Side, id: u64, peer: PeerIndex) -> bool {
        self.claims.iter().any(|claim| (claim.0, claim.1) == (side, id) && claim.2 != peer)
    }

    /// Whether this peer may have been given `id`.
    pub(crate) fn has_claimed(&self, side: Side, id: u64, peer: PeerIndex) -> bool {
        self.claims.contains(&(side, id, peer))
    }

    /// A service is told of an edge that comes or goes.
    pub(crate) fn tell(&mut self, service: PeerIndex, edge: u64, told: Told) {
        let before = self.told.insert((service, edge), told);
        let online_twice = matches!(before, Some(Told::Online { refused: false })) && told != Told::Offline;
        if online_twice {
            self.fault(format!("service {service} was told twice in a row that edge {edge} comes online"));
        }
    }

    /// A service turns down an edge of which it was told.
    pub(crate) fn turn_down(&mut self, service: PeerIndex, edge: u64) {
        self.told.insert((service, edge), Told::Online { refused: true });
    }

    /// A service must believe of no edge that it is online which is not.
    pub(crate) fn check_belief(&mut self, service: PeerIndex, online: &[u64]) {
        let of_service = self.told.iter().filter(|((of, _), _)| *of == service);
        let mut believed = of_service.filter(|(_, told)| **told == Told::Online { refused: false });
        if let Some(((_, edge), _)) = believed.find(|((_, edge), _)| !online.contains(edge)) {
            self.faults.push(format!("service {service} was never told that edge {edge} went"));
        }
    }
}

/// The text with which a target refuses.
pub(crate) fn refusal(number: u64) -> String {
    format!("number {number} is refused")
}
