//! Decisions drawn from bytes: a string of bytes is a script.

use frontier_proto::body::{Base64, Body, Caps, ConnData, RegisterAckData, SessionData};
use frontier_proto::id::{ClientId, PacketId, SessionId};
use frontier_proto::wire::{Conn, ConnAck, Frame, FrameKind, HeartbeatClass, Session, SessionAck};

/// What is left of the script.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    /// The next byte; `None` at the end of the script.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `bound`; 0 behind the end of the script.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.next().unwrap_or_default()) % bound
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several, which are not none.
    pub(crate) fn pick<T: Copy>(&mut self, several: &[T]) -> T {
        several[self.below(several.len())]
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let len = self.pick(&[0, 1, 3, 40, 5_000]);
        vec![self.next().unwrap_or_default(); len]
    }

    fn caps(&mut self) -> Caps {
        let [cancel, prompt, fin, credit] = [0; 4].map(|_| self.chance(60));
        Caps { cancel, prompt, fin, credit }
    }

    pub(crate) fn conn(&mut self) -> Frame<'static> {
        let heartbeat = self.pick(&[HeartbeatClass::Seconds5, HeartbeatClass::Seconds20, HeartbeatClass::Seconds320]);
        let data = ConnData { meta: self.bytes(), error: String::new(), caps: self.caps() };
        Frame::Conn(Conn { acquire_id: self.chance(90), heartbeat, wanted: ClientId(self.below(3) as u64), data })
    }

    pub(crate) fn conn_ack(&mut self) -> Frame<'static> {
        let error = if self.chance(10) { "refused".to_owned() } else { String::new() };
        let data = ConnData { meta: Vec::new(), error, caps: self.caps() };
        Frame::ConnAck(ConnAck { client: ClientId(7), data })
    }

    fn body(&mut self) -> Body<'static> {
        let error = if self.chance(20) { "no" } else { "" };
        let value = Base64::encode(&self.bytes());
        Body { key: Base64::encode(b"echo"), value, topic: "t".into(), error: error.into(), ..Body::default() }
    }

    fn session_data(&mut self) -> SessionData {
        let error = if self.chance(20) { "no".to_owned() } else { String::new() };
        SessionData { meta: self.bytes(), error, peer: "peer".to_owned() }
    }

    /// A frame of any kind, on one of `sessions`; acks of openings name one of `negotiated`.
    pub(crate) fn frame<'d>(
        &mut self,
        sessions: &[SessionId],
        negotiated: &[SessionId],
        data: &'d mut Vec<u8>,
    ) -> Frame<'d> {
        let kind = self.pick(&FrameKind::ALL);
        let session = self.pick(sessions);
        *data = self.bytes();
        match kind {
            FrameKind::Conn => self.conn(),
            FrameKind::ConnAck => self.conn_ack(),
            FrameKind::DisConn => Frame::DisConn,
            FrameKind::DisConnAck => Frame::DisConnAck(ConnData::default()),
            FrameKind::Heartbeat => Frame::Heartbeat,
            FrameKind::HeartbeatAck => Frame::HeartbeatAck,
            FrameKind::Session => {
                let negotiate = SessionId(1_000 + self.below(100) as u64);
                Frame::Session(Session { acquire_id: self.chance(70), negotiate, data: self.session_data() })
            }
            FrameKind::SessionAck => {
                let negotiate = if negotiated.is_empty() { session } else { self.pick(negotiated) };
                let session = if self.chance(60) { negotiate } else { SessionId(2_000 + self.below(100) as u64) };
                Frame::SessionAck(SessionAck { negotiate, session, data: self.session_data() })
            }
            FrameKind::Dismiss => Frame::Dismiss(session, self.session_data()),
            FrameKind::DismissAck => Frame::DismissAck(session, SessionData::default()),
            FrameKind::Message => Frame::Message(session, self.body()),
            FrameKind::MessageAck => Frame::MessageAck(session, self.body()),
            FrameKind::Stream => Frame::Stream(session, data),
            FrameKind::Request => Frame::Request(session, self.body()),
            FrameKind::Response => Frame::Response(session, self.body()),
            FrameKind::RequestCancel => Frame::RequestCancel(session, 1),
            FrameKind::Register => Frame::Register(session, data),
            FrameKind::RegisterAck => Frame::RegisterAck(session, RegisterAckData::default()),
            FrameKind::StreamEnd => Frame::StreamEnd(session),
            FrameKind::Credit => Frame::Credit(session, self.below(5_000) as u32),
        }
    }

    /// A packet id: one that is waited for, or any.
    pub(crate) fn packet(&mut self, asked: &[PacketId]) -> PacketId {
        if asked.is_empty() || self.chance(30) {
            PacketId(1_000_000 + self.below(100) as u64)
        } else {
            self.pick(asked)
        }
    }
}
