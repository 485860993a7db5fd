//! What a scripted peer owes the gateway, and how it settles that.

use proto::body::{Base64, Body, EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID, Presence, SessionData};
use proto::conn::STREAM_WINDOW;
use proto::id::{PacketId, SessionId};
use proto::wire::{Frame, SessionAck};

use super::ledger::{Kind, Side, Told, refusal};
use super::peer::{Moment, Peer};
use super::stream::Stream;

/// An answer that is still to be given.
#[derive(Debug)]
pub(crate) enum Owed {
    /// To a call or message of another peer.
    Answer { packet: PacketId, session: SessionId, kind: Kind, number: u64, value: Vec<u8> },
    /// To `get_edge_id`, asked for this peer.
    Name { packet: PacketId, edge: usize },
    /// To `edge_online` or `edge_offline` of this id.
    Presence { packet: PacketId, edge: u64, online: bool },
    /// To the gateway's wish for a session.
    Confirm { packet: PacketId, negotiate: SessionId },
}

impl Peer {
    /// Answers now, later or never.
    pub(crate) fn owe(&mut self, moment: &mut Moment<'_>, owed: Owed) {
        if moment.rng.chance(moment.terms.swallowed) {
            return;
        }
        if moment.rng.chance(moment.terms.late) {
            self.owed.push(owed);
        } else {
            self.settle(moment, owed);
        }
    }

    /// Settles one debt out of several.
    pub(crate) fn settle_one(&mut self, moment: &mut Moment<'_>) {
        if !self.owed.is_empty() {
            let at = moment.rng.below(self.owed.len());
            let owed = self.owed.remove(at);
            self.settle(moment, owed);
        }
    }

    /// Settles every debt, in any order.
    pub(crate) fn settle_all(&mut self, moment: &mut Moment<'_>) {
        while !self.owed.is_empty() {
            self.settle_one(moment);
        }
    }

    fn settle(&mut self, moment: &mut Moment<'_>, owed: Owed) {
        if self.goodbye.is_some() || self.half_closed {
            return;
        }
        match owed {
            Owed::Answer { packet, session, kind, number, value } => {
                self.answer(moment, packet, session, kind, number, &value);
            }
            Owed::Name { packet, edge } => self.name(moment, packet, edge),
            Owed::Presence { packet, edge, online } => self.judge(moment, packet, edge, online),
            Owed::Confirm { packet, negotiate } => self.confirm(moment, packet, negotiate),
        }
    }

    fn answer(
        &mut self,
        moment: &mut Moment<'_>,
        packet: PacketId,
        session: SessionId,
        kind: Kind,
        number: u64,
        value: &[u8],
    ) {
        if kind == Kind::Message {
            *self.unacked.entry(session).or_default() -= 1;
        }
        if self.session(session).is_none_or(|stream| stream.is_over()) {
            return;
        }
        let accepted = !moment.rng.chance(moment.terms.refused);
        moment.ledger.decide(number, accepted);
        let mut body = Body::default();
        if !accepted {
            body.error = refusal(number).into();
        } else if kind == Kind::Call {
            body.value = Base64::encode(value);
        }
        let frame = match kind {
            Kind::Call => Frame::Response(session, body),
            Kind::Message => Frame::MessageAck(session, body),
        };
        self.wire.send(packet, &frame);
        if !moment.terms.honest && moment.rng.chance(3) {
            self.wire.send(packet, &frame);
        }
    }

    fn respond(&mut self, packet: PacketId, result: Result<&[u8], &str>) {
        let body = match result {
            Ok(value) => Body { value: Base64::encode(value), ..Body::default() },
            Err(error) => Body { error: error.into(), ..Body::default() },
        };
        self.wire.send(packet, &Frame::Response(SessionId::MAIN, body));
    }

    fn name(&mut self, moment: &mut Moment<'_>, packet: PacketId, edge: usize) {
        if moment.rng.chance(moment.terms.refused) {
            let (refused, illegal) = (Err("no id for you"), Ok(&b"short"[..]));
            return self.respond(packet, if moment.rng.chance(50) { refused } else { illegal });
        }
        let id = moment.rng.between(1, moment.terms.edge_ids) as u64;
        moment.ledger.claim(Side::Edge, id, edge);
        self.respond(packet, Ok(&id.to_be_bytes()));
    }

    fn judge(&mut self, moment: &mut Moment<'_>, packet: PacketId, edge: u64, online: bool) {
        if moment.rng.chance(moment.terms.refused) {
            if online {
                moment.ledger.turn_down(self.index, edge);
            }
            return self.respond(packet, Err("not in the mood"));
        }
        self.respond(packet, Ok(&[]));
    }

    fn confirm(&mut self, moment: &mut Moment<'_>, packet: PacketId, session: SessionId) {
        let data = SessionData::default();
        self.wire.send(packet, &Frame::SessionAck(SessionAck { negotiate: session, session, data }));
        let credit = self.caps.credit.then_some(STREAM_WINDOW as usize);
        self.sessions.insert(session, Stream::new(credit));
        self.greet(moment, session);
    }

    /// Says who sends on a new stream at once, or only with what follows.
    pub(crate) fn greet(&mut self, moment: &mut Moment<'_>, session: SessionId) {
        if moment.rng.chance(60) {
            self.send_bytes(session, 0);
        }
    }

    /// A call or message arrives.
    pub(crate) fn on_item(
        &mut self,
        moment: &mut Moment<'_>,
        packet: PacketId,
        session: SessionId,
        kind: Kind,
        body: &Body<'_>,
    ) {
        let value = body.value.decode();
        let Some(number) = value.first_chunk::<8>().map(|number| u64::from_be_bytes(*number)) else {
            return moment.ledger.fault(format!("peer {} received a value that nobody sent", self.index));
        };
        let Some(origin) = moment.ledger.deliver(number, kind, self.index, session) else { return };
        let expected = match (self.side, session) {
            (Side::Service, SessionId::MAIN) => moment.ledger.id_of(origin),
            _ => None,
        };
        let tail = body.custom.split_tail().map(|(_, edge)| edge);
        if tail != expected {
            moment.ledger.fault(format!("number {number} came with edge id {tail:?} instead of {expected:?}"));
        }
        if kind == Kind::Message {
            let unacked = self.unacked.entry(session).or_default();
            *unacked += 1;
            let limit = moment.terms.config.edgebound.limits.unacked_messages.get() as usize;
            let limit = limit.max(moment.terms.config.servicebound.limits.unacked_messages.get() as usize);
            if moment.terms.honest && !self.caps.credit && *unacked > limit {
                moment.ledger.fault(format!("peer {} has {unacked} messages to ack, over {limit}", self.index));
            }
        }
        self.owe(moment, Owed::Answer { packet, session, kind, number, value });
    }

    /// The gateway itself calls, if it does.
    pub(crate) fn on_hook(&mut self, moment: &mut Moment<'_>, packet: PacketId, body: &Body<'_>) -> bool {
        let method = body.key.decode();
        let value = body.value.decode();
        if method == GET_EDGE_ID.as_bytes() {
            let edge = value.first_chunk::<8>().map_or(usize::MAX, |edge| u64::from_be_bytes(*edge) as usize);
            self.owe(moment, Owed::Name { packet, edge });
            return true;
        }
        let online = method == EDGE_ONLINE.as_bytes();
        if !online && method != EDGE_OFFLINE.as_bytes() {
            return false;
        }
        match Presence::decode(&value) {
            Ok(presence) => {
                let told = if online { Told::Online { refused: false } } else { Told::Offline };
                moment.ledger.tell(self.index, presence.edge, told);
                self.owe(moment, Owed::Presence { packet, edge: presence.edge, online });
            }
            Err(error) => moment.ledger.fault(format!("presence of an edge cannot be read: {error}")),
        }
        true
    }
}
