//! What a scripted peer makes of the gateway's frames.

use proto::body::{Body, SessionData};
use proto::conn::STREAM_WINDOW;
use proto::id::{PacketId, SessionId};
use proto::wire::{ConnAck, Frame, SessionAck};

use super::ledger::{Closing, Kind};
use super::owed::Owed;
use super::peer::{Moment, Peer, Phase};
use super::stream::Stream;

impl Peer {
    pub(crate) fn on_frame(&mut self, moment: &mut Moment<'_>, packet: PacketId, frame: &Frame<'_>) {
        match (self.phase, frame) {
            (Phase::Greeting(conn), Frame::ConnAck(ack)) if conn == packet => self.on_conn_ack(moment, ack),
            (Phase::Greeting(_), frame) => self.unexpected(moment, frame, "before the ConnAck"),
            (_, Frame::DisConn) => self.on_goodbye(moment, packet),
            (_, Frame::DisConnAck(_)) if self.goodbye == Some(packet) => {}
            (_, Frame::DisConnAck(_)) => self.unexpected(moment, frame, "unasked"),
            (Phase::Online(_), frame) if self.goodbye.is_none() => self.on_open_frame(moment, packet, frame),
            _ => {}
        }
    }

    fn unexpected(&self, moment: &mut Moment<'_>, frame: &Frame<'_>, why: &str) {
        moment.ledger.fault(format!("peer {} received {frame:?} {why}", self.index));
    }

    fn on_conn_ack(&mut self, moment: &mut Moment<'_>, ack: &ConnAck) {
        let id = ack.client.0;
        if !ack.data.error.is_empty() {
            self.phase = Phase::Refused;
            if id != 0 {
                moment.ledger.fault(format!("peer {} was refused with id {id}", self.index));
            }
            return;
        }
        // Ids that the gateway hands out itself have seconds in their upper half.
        let allotted = id > u64::from(u32::MAX);
        if id == 0 || !allotted && !moment.ledger.has_claimed(self.side, id, self.index) {
            moment.ledger.fault(format!("peer {} was given id {id}, which is not its own", self.index));
        }
        moment.ledger.admit(self.index, id);
        self.caps = ack.data.caps;
        self.phase = Phase::Online(id);
    }

    fn on_goodbye(&mut self, moment: &mut Moment<'_>, packet: PacketId) {
        let asked = self.goodbye.is_some();
        if matches!(self.phase, Phase::Online(_)) && !asked && !self.abusive {
            self.expect_answers(moment.ledger, "was told goodbye", |ledger, sent| ledger.is_delivered(sent.number));
        }
        self.wire.send(packet, &Frame::DisConnAck(Default::default()));
        if !asked {
            let own = self.packet();
            self.goodbye = Some(own);
            self.wire.send(own, &Frame::DisConn);
        }
        if self.phase != Phase::Refused {
            self.phase = Phase::Leaving;
        }
    }

    fn on_open_frame(&mut self, moment: &mut Moment<'_>, packet: PacketId, frame: &Frame<'_>) {
        match frame {
            Frame::Request(session, body) => self.on_request(moment, packet, *session, body),
            Frame::Message(session, body) if self.knows(*session) => {
                self.on_item(moment, packet, *session, Kind::Message, body);
            }
            Frame::Response(session, body) => self.on_answer(moment, packet, *session, Kind::Call, body),
            Frame::MessageAck(session, body) => self.on_answer(moment, packet, *session, Kind::Message, body),
            Frame::RequestCancel(_, _) if self.caps.cancel || self.cancels => {
                if moment.rng.chance(50) {
                    self.owed.retain(
                        |owed| !matches!(owed, Owed::Answer { packet: own, kind: Kind::Call, .. } if *own == packet),
                    );
                }
            }
            Frame::HeartbeatAck if self.heartbeats.remove(&packet) => {}
            Frame::RegisterAck(SessionId::MAIN, _) if self.registers.remove(&packet) => {}
            Frame::Session(open) if !open.acquire_id => {
                self.owe(moment, Owed::Confirm { packet, negotiate: open.negotiate });
            }
            Frame::SessionAck(ack) => self.on_session_ack(moment, packet, ack),
            Frame::Dismiss(session, data) => self.on_dismiss(moment, packet, *session, data),
            Frame::DismissAck(session, _) => self.on_dismiss_ack(moment, packet, *session),
            Frame::Stream(session, data) => self.on_data(moment, *session, data),
            Frame::StreamEnd(session) if self.caps.fin => {
                if let Some(stream) = self.sessions.get_mut(session) {
                    stream.end_received = true;
                }
            }
            Frame::Credit(session, bytes) if self.caps.credit => {
                if let Some(credit) = self.sessions.get_mut(session).and_then(|stream| stream.credit.as_mut()) {
                    *credit += *bytes as usize;
                }
            }
            frame => self.unexpected(moment, frame, "where it is not allowed"),
        }
    }

    /// Whether the gateway may send on a session: it was confirmed, and is not over.
    fn knows(&self, session: SessionId) -> bool {
        self.session(session).is_some_and(|stream| !stream.is_over())
    }

    fn on_request(&mut self, moment: &mut Moment<'_>, packet: PacketId, session: SessionId, body: &Body<'_>) {
        if !self.knows(session) {
            return moment.ledger.fault(format!("peer {} was called on session {session}", self.index));
        }
        if session != SessionId::MAIN || !self.on_hook(moment, packet, body) {
            self.on_item(moment, packet, session, Kind::Call, body);
        }
    }

    fn on_answer(
        &mut self,
        moment: &mut Moment<'_>,
        packet: PacketId,
        session: SessionId,
        kind: Kind,
        body: &Body<'_>,
    ) {
        let index = self.index;
        let Some(sent) = self.sent.get_mut(&packet).filter(|sent| (sent.kind, sent.session) == (kind, session)) else {
            return moment.ledger.fault(format!("peer {index} was answered {kind:?} {packet}, which it did not send"));
        };
        if std::mem::replace(&mut sent.answered, true) {
            moment.ledger.fault(format!("peer {index}: {kind:?} {} was answered twice", sent.number));
        }
        let (number, cancelled) = (sent.number, sent.cancelled);
        moment.ledger.answered(number, &body.error, cancelled);
        let value = body.value.decode();
        let echoed = value.first_chunk::<8>().is_some_and(|echo| u64::from_be_bytes(*echo) == number);
        if kind == Kind::Call && body.error.is_empty() && !echoed {
            moment.ledger.fault(format!("peer {index}: call {number} got the result of another one"));
        }
    }

    fn on_session_ack(&mut self, moment: &mut Moment<'_>, packet: PacketId, ack: &SessionAck) {
        let index = self.index;
        if self.openings.remove(&packet) != Some(ack.negotiate) {
            return moment.ledger.fault(format!("peer {index}: session {} was not asked for", ack.session));
        }
        if self.caps.prompt && !ack.data.error.is_empty() {
            return;
        }
        let credit = self.caps.credit.then_some(STREAM_WINDOW as usize);
        if self.sessions.insert(ack.session, Stream::new(credit)).is_some() {
            moment.ledger.fault(format!("peer {index}: session {} was opened twice", ack.session));
        }
        self.greet(moment, ack.session);
    }

    fn on_dismiss(&mut self, moment: &mut Moment<'_>, packet: PacketId, session: SessionId, data: &SessionData) {
        let own = self.packet();
        let Some(stream) = self.session_mut(session) else { return };
        if std::mem::replace(&mut stream.dismissed, true) {
            return moment.ledger.fault(format!("session {session} was dismissed twice"));
        }
        stream.dismissed_first = stream.dismiss.is_none();
        stream.by_far_end = stream.dismissed_first && data.error.is_empty();
        let answer = stream.dismissed_first.then_some(own);
        stream.dismiss = stream.dismiss.or(answer);
        self.wire.send(packet, &Frame::DismissAck(session, SessionData::default()));
        if let Some(own) = answer {
            self.wire.send(own, &Frame::Dismiss(session, SessionData::default()));
        }
        self.finish(moment, session);
    }

    fn on_dismiss_ack(&mut self, moment: &mut Moment<'_>, packet: PacketId, session: SessionId) {
        let index = self.index;
        let Some(stream) = self.session_mut(session) else { return };
        if stream.dismiss != Some(packet) || std::mem::replace(&mut stream.dismiss_acked, true) {
            return moment
                .ledger
                .fault(format!("peer {index}: a DismissAck of session {session} that was not asked for"));
        }
        stream.is_clean = !stream.dismissed;
        self.finish(moment, session);
    }

    fn finish(&mut self, moment: &mut Moment<'_>, session: SessionId) {
        if session == SessionId::MAIN || !self.sessions.get(&session).is_some_and(Stream::is_over) {
            return;
        }
        if let Some(stream) = self.sessions.remove(&session) {
            let closing = Closing {
                sent: stream.sent,
                received: stream.received,
                far_end: stream.far_end(),
                is_clean: stream.is_clean,
                by_far_end: stream.by_far_end,
            };
            moment.ledger.close(self.index, session, closing);
        }
    }

    fn on_data(&mut self, moment: &mut Moment<'_>, session: SessionId, data: &[u8]) {
        let index = self.index;
        let Some(stream) = self.sessions.get_mut(&session).filter(|stream| !stream.dismissed) else {
            return moment.ledger.fault(format!("peer {index} received bytes on session {session}"));
        };
        if let Err(error) = stream.consume(data) {
            moment.ledger.fault(format!("peer {index}: {error}"));
        }
        if self.caps.credit && !data.is_empty() && self.is_online() {
            let packet = self.packet();
            self.wire.send(packet, &Frame::Credit(session, data.len() as u32));
        }
    }
}
