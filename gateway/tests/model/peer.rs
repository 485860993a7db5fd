//! A scripted edge or service: what it has sent, what it owes, and what it makes of the gateway's frames.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::body::{Base64, Body, Caps, ConnData, SessionData, Timestamp};
use proto::id::{ClientId, PacketId, SessionId};
use proto::wire::{CANCELLED, Conn, Frame, HeartbeatClass, Session, SessionAck};
use tokio::time::Instant;

use super::ledger::{Kind, Ledger, PeerIndex, Side};
use super::owed::Owed;
use super::rng::Rng;
use super::stream::Stream;
use super::terms::Terms;
use super::wire::Wire;

/// Everything that a peer needs of its world for a moment.
pub(crate) struct Moment<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) terms: &'a Terms,
}

/// How far a peer's link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Conn sent.
    Greeting(PacketId),
    /// Admitted under this id.
    Online(u64),
    /// Turned away.
    Refused,
    /// One side has said DisConn.
    Leaving,
    /// The link is gone.
    Over,
}

/// A call or message of this peer.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) session: SessionId,
    pub(crate) answered: bool,
    pub(crate) cancelled: bool,
}

/// One end of a link to the gateway.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) index: PeerIndex,
    pub(crate) side: Side,
    pub(crate) wire: Wire,
    pub(crate) phase: Phase,
    /// Extensions that both sides understand.
    pub(crate) caps: Caps,
    /// Whether it reads at present, and since when it does not.
    pub(crate) deaf_since: Option<Instant>,
    /// It did what gives the gateway a reason to cut it.
    pub(crate) abusive: bool,
    pub(crate) half_closed: bool,
    pub(crate) sent: BTreeMap<PacketId, Sent>,
    pub(crate) owed: Vec<Owed>,
    /// Messages received and not answered, by session.
    pub(crate) unacked: BTreeMap<SessionId, usize>,
    pub(crate) sessions: BTreeMap<SessionId, Stream>,
    /// Sessions that are asked for: their Session packet and negotiate id.
    pub(crate) openings: BTreeMap<PacketId, SessionId>,
    /// Session 1's dismissal.
    pub(crate) main: Stream,
    pub(crate) goodbye: Option<PacketId>,
    pub(crate) heartbeats: BTreeSet<PacketId>,
    pub(crate) last_heartbeat: Instant,
    pub(crate) registers: BTreeSet<PacketId>,
    /// It has sent a RequestCancel, which proves that it understands one.
    pub(crate) cancels: bool,
    next_packet: u64,
}

impl Peer {
    /// A peer whose Conn is on its way.
    pub(crate) fn connect(
        index: PeerIndex,
        side: Side,
        wire: Wire,
        now: Instant,
        wanted: u64,
        meta: Vec<u8>,
        caps: Caps,
    ) -> Self {
        let mut peer = Self {
            index,
            side,
            wire,
            phase: Phase::Greeting(PacketId(1)),
            caps,
            deaf_since: None,
            abusive: false,
            half_closed: false,
            sent: BTreeMap::new(),
            owed: Vec::new(),
            unacked: BTreeMap::new(),
            sessions: BTreeMap::new(),
            openings: BTreeMap::new(),
            main: Stream::new(None),
            goodbye: None,
            heartbeats: BTreeSet::new(),
            last_heartbeat: now,
            registers: BTreeSet::new(),
            cancels: false,
            next_packet: 1,
        };
        let conn = Conn {
            acquire_id: true,
            heartbeat: HeartbeatClass::Seconds20,
            wanted: ClientId(wanted),
            data: ConnData { meta, error: String::new(), caps },
        };
        let packet = peer.packet();
        peer.wire.send(packet, &Frame::Conn(conn));
        peer
    }

    /// A fresh packet id.
    pub(crate) fn packet(&mut self) -> PacketId {
        self.next_packet += 1;
        PacketId(self.next_packet - 1)
    }

    /// Whether it is admitted and nobody has begun to leave.
    pub(crate) fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online(_)) && self.goodbye.is_none() && !self.half_closed
    }

    /// Its id, while it is admitted.
    pub(crate) fn id(&self) -> Option<u64> {
        match self.phase {
            Phase::Online(id) => Some(id),
            _ => None,
        }
    }

    /// Whether it may send on a session.
    pub(crate) fn may_send(&self, session: SessionId) -> bool {
        self.is_online() && self.session(session).is_some_and(Stream::is_usable)
    }

    pub(crate) fn session(&self, session: SessionId) -> Option<&Stream> {
        if session == SessionId::MAIN { Some(&self.main) } else { self.sessions.get(&session) }
    }

    pub(crate) fn session_mut(&mut self, session: SessionId) -> Option<&mut Stream> {
        if session == SessionId::MAIN { Some(&mut self.main) } else { self.sessions.get_mut(&session) }
    }

    /// Writes, reads and handles what there is; whether anything happened.
    pub(crate) fn pump(&mut self, moment: &mut Moment<'_>) -> bool {
        let mut busy = self.wire.flush();
        if self.phase == Phase::Over || self.deaf_since.is_some() {
            return busy;
        }
        let (frames, came) = match self.wire.receive() {
            Ok(received) => received,
            Err(error) => {
                moment.ledger.fault(format!("peer {}: the gateway sent {error}", self.index));
                return busy;
            }
        };
        busy |= came;
        for (header, payload) in frames {
            match Frame::decode(header.kind, &payload) {
                Ok(frame) => {
                    tracing::trace!(peer = self.index, packet = %header.packet, ?frame, "receives");
                    self.on_frame(moment, header.packet, &frame);
                }
                Err(error) => moment.ledger.fault(format!("peer {}: the gateway sent {error}", self.index)),
            }
        }
        if self.wire.ended && self.phase != Phase::Over {
            self.on_end(moment);
        }
        self.wire.flush() | busy
    }

    // --- what it sends

    /// Sends a call or message; its packet id.
    pub(crate) fn ask(
        &mut self,
        moment: &mut Moment<'_>,
        session: SessionId,
        kind: Kind,
        name: &str,
        edge: Option<u64>,
    ) {
        let number = moment.ledger.send(kind, self.index, session);
        let filler = moment.terms.filler(moment.rng);
        let mut value = number.to_be_bytes().to_vec();
        value.resize(8 + filler, 0x5a);
        let custom = edge.map_or(Base64::default(), |edge| Base64::default().with_tail(edge));
        let limit = moment.terms.deadline(moment.rng);
        let deadline = limit.and_then(|limit| Timestamp::from(std::time::SystemTime::now()).checked_add(limit));
        let mut body = Body { value: Base64::encode(&value), custom, deadline, ..Body::default() };
        match kind {
            Kind::Call => body.key = Base64::encode(name.as_bytes()),
            Kind::Message => body.topic = name.into(),
        }
        let frame = match kind {
            Kind::Call => Frame::Request(session, body),
            Kind::Message => Frame::Message(session, body),
        };
        let packet = self.packet();
        self.sent.insert(packet, Sent { number, kind, session, answered: false, cancelled: false });
        self.wire.send(packet, &frame);
    }

    /// Gives up one of its calls or messages.
    pub(crate) fn cancel(&mut self, rng: &mut Rng) {
        let waiting: Vec<PacketId> =
            self.sent.iter().filter(|(_, sent)| !sent.answered).map(|(packet, _)| *packet).collect();
        if waiting.is_empty() || !self.is_online() {
            return;
        }
        let packet = rng.pick(&waiting);
        let sent = self.sent.get_mut(&packet).expect("it was just listed");
        sent.cancelled = true;
        let session = sent.session;
        self.cancels = true;
        self.wire.send(packet, &Frame::RequestCancel(session, CANCELLED));
    }

    /// Asks for a stream to `far`: the name of a service, or an edge id in decimal.
    pub(crate) fn open(&mut self, far: String) {
        let (packet, negotiate) = (self.packet(), SessionId(self.packet().0 + 1_000_000));
        let data = SessionData { peer: far, ..SessionData::default() };
        self.openings.insert(packet, negotiate);
        self.wire.send(packet, &Frame::Session(Session { acquire_id: true, negotiate, data }));
    }

    /// Sends raw bytes on a stream.
    pub(crate) fn send_bytes(&mut self, session: SessionId, wanted: usize) {
        let index = self.index;
        let may_send = self.may_send(session);
        let Some(stream) = self.sessions.get_mut(&session) else { return };
        let too_little = stream.sent == 0 && stream.credit.is_some_and(|credit| credit < super::stream::HEAD);
        if !may_send || stream.end_sent || too_little {
            return;
        }
        let data = stream.produce(index, session, wanted);
        let packet = self.packet();
        self.wire.send(packet, &Frame::Stream(session, &data));
    }

    /// Ends its direction of a stream.
    pub(crate) fn end_bytes(&mut self, session: SessionId) {
        let may_send = self.may_send(session) && self.caps.fin;
        let Some(stream) = self.sessions.get_mut(&session) else { return };
        if may_send && !std::mem::replace(&mut stream.end_sent, true) {
            let packet = self.packet();
            self.wire.send(packet, &Frame::StreamEnd(session));
        }
    }

    /// Dismisses a session, session 1 included.
    pub(crate) fn dismiss(&mut self, session: SessionId) {
        if self.may_send(session) {
            let packet = self.packet();
            if let Some(stream) = self.session_mut(session) {
                stream.dismiss = Some(packet);
            }
            self.wire.send(packet, &Frame::Dismiss(session, SessionData::default()));
        }
    }

    /// Says goodbye.
    pub(crate) fn leave(&mut self) {
        if self.is_online() {
            let packet = self.packet();
            self.goodbye = Some(packet);
            self.wire.send(packet, &Frame::DisConn);
        }
    }

    /// Is gone without a word.
    pub(crate) fn vanish(&mut self, reset: bool) {
        self.wire.cut(reset);
        self.phase = Phase::Over;
    }

    /// Closes its direction and still reads.
    pub(crate) fn half_close(&mut self) {
        if self.is_online() {
            self.half_closed = true;
            self.wire.half_close();
        }
    }

    /// Sends a heartbeat when it is time, as every client does.
    pub(crate) fn keep_alive(&mut self, now: Instant) {
        if self.is_online() && now >= self.last_heartbeat + Duration::from_secs(10) {
            self.last_heartbeat = now;
            let packet = self.packet();
            self.heartbeats.insert(packet);
            self.wire.send(packet, &Frame::Heartbeat);
        }
    }

    /// Offers a method.
    pub(crate) fn register(&mut self, method: &str) {
        let packet = self.packet();
        self.registers.insert(packet);
        self.wire.send(packet, &Frame::Register(SessionId::MAIN, method.as_bytes()));
    }

    /// Answers what nobody asked, or has been answered already.
    pub(crate) fn stray_answers(&mut self, rng: &mut Rng) {
        let packet = PacketId(rng.next());
        self.wire.send(packet, &Frame::Response(SessionId::MAIN, Body::default()));
        self.wire.send(packet, &Frame::MessageAck(SessionId::MAIN, Body::default()));
        let ack =
            SessionAck { negotiate: SessionId(rng.next()), session: SessionId(rng.next()), ..SessionAck::default() };
        self.wire.send(packet, &Frame::SessionAck(ack));
    }

    /// Acks dismissals that were not, and cancels what was never asked.
    pub(crate) fn stray_dismissals(&mut self, rng: &mut Rng) {
        let (packet, session) = (PacketId(rng.next()), SessionId(rng.next() | 2));
        self.cancels = true;
        self.wire.send(packet, &Frame::DismissAck(session, SessionData::default()));
        self.wire.send(packet, &Frame::DismissAck(SessionId::MAIN, SessionData::default()));
        self.wire.send(packet, &Frame::Stream(session, b"stray"));
        self.wire.send(packet, &Frame::RequestCancel(session, CANCELLED));
    }

    // --- the end

    /// The gateway has closed the link.
    fn on_end(&mut self, moment: &mut Moment<'_>) {
        match self.phase {
            Phase::Greeting(_) if !self.may_be_cut(moment, None) => {
                moment.ledger.fault(format!("peer {} was cut without an answer to its Conn", self.index));
            }
            Phase::Online(id) if self.half_closed && self.may_be_cut(moment, Some(id)) => {}
            Phase::Online(_) if self.half_closed => {
                self.expect_answers(moment.ledger, "half-closed its link and was closed", |_, _| true);
            }
            Phase::Online(id) if self.goodbye.is_none() && !self.may_be_cut(moment, Some(id)) => {
                moment.ledger.fault(format!("peer {} was cut for no reason", self.index));
            }
            _ => {}
        }
        self.phase = Phase::Over;
    }

    /// Whether the gateway may close the link without a word.
    fn may_be_cut(&self, moment: &Moment<'_>, id: Option<u64>) -> bool {
        let ledger = &moment.ledger;
        let sent_away = |id| ledger.may_be_displaced(self.side, id, self.index) || ledger.may_be_kicked(self.side, id);
        self.abusive || id.is_some_and(sent_away)
    }

    /// Everything that is `due` must have its answer by now, on sessions that still are.
    pub(crate) fn expect_answers(&self, ledger: &mut Ledger, when: &str, due: impl Fn(&Ledger, &Sent) -> bool) {
        for (packet, sent) in &self.sent {
            let session_is = self.session(sent.session).is_some_and(Stream::is_usable);
            if !sent.answered && session_is && due(ledger, sent) {
                let (index, kind, number) = (self.index, sent.kind, sent.number);
                ledger.fault(format!("peer {index} {when}: its {kind:?} {number}, packet {packet}, has no answer"));
                return;
            }
        }
    }
}
