//! Looks at what a connection sends: nothing that hurts a conforming peer.

use std::collections::BTreeMap;

use frontier_proto::body::Caps;
use frontier_proto::conn::{Role, Text, Transmit};
use frontier_proto::id::{PacketId, SessionId};
use frontier_proto::wire::{Cut, Frame, FrameKind, Frames, MAX_PAYLOAD};

pub(crate) struct Watch {
    role: Role,
    first: Option<PacketId>,
    /// DisConn was sent.
    leaving: bool,
    /// The peer has sent a RequestCancel.
    cancels: bool,
    /// Dismissals that wait for our ack, by session.
    dismissals: BTreeMap<SessionId, usize>,
    /// Raw bytes that may still be sent, by session, where the peer grants credit.
    credit: BTreeMap<SessionId, usize>,
}

impl Watch {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, first: None, leaving: false, cancels: false, dismissals: BTreeMap::new(), credit: BTreeMap::new() }
    }

    /// The packet id of the first frame that was sent.
    pub(crate) fn first_packet(&self) -> PacketId {
        self.first.expect("a client begins with its Conn")
    }

    /// The peer sends a frame; `open`: the connection handles it as one of an open link.
    pub(crate) fn receives(&mut self, frame: &Frame<'_>, open: bool) {
        match frame {
            Frame::Dismiss(session, _) if open => *self.dismissals.entry(*session).or_default() += 1,
            Frame::RequestCancel(..) if open => self.cancels = true,
            Frame::Credit(session, bytes) => *self.credit.entry(*session).or_insert(1_000) += *bytes as usize,
            _ => {}
        }
    }

    /// The connection sends a frame; the id of a session that it asks for.
    pub(crate) fn sends(&mut self, transmit: Transmit, caps: Caps) -> Option<SessionId> {
        let bytes = bytes(transmit);
        let mut frames = Frames::new(&bytes, MAX_PAYLOAD);
        let Ok(Cut::Frame(header, payload)) = frames.cut() else { panic!("not a frame: {bytes:02x?}") };
        assert!(frames.rest().is_empty(), "more than a frame");
        let first = self.first.is_none();
        self.first.get_or_insert(header.packet);
        self.check_place(header.kind, first);
        // Texts of calls, messages and responses are the owner's, who sends any bytes here.
        let by_owner = [FrameKind::Request, FrameKind::Message, FrameKind::Response].contains(&header.kind);
        if by_owner && Frame::decode(header.kind, payload).is_err() {
            return None;
        }
        let frame = Frame::decode(header.kind, payload).expect("what a connection makes can be read");
        self.check(&frame, caps)
    }

    fn check_place(&mut self, kind: FrameKind, first: bool) {
        let expected = if self.role == Role::Client { FrameKind::Conn } else { FrameKind::ConnAck };
        let nothing_said = self.role == Role::Server && kind == FrameKind::DisConn;
        assert!(!first || kind == expected || nothing_said, "{kind:?} is the first frame");
        assert!(first || kind != expected, "a second {kind:?}");
        assert!(!self.leaving || kind == FrameKind::DisConnAck, "{kind:?} behind DisConn");
        self.leaving |= kind == FrameKind::DisConn;
        let of_client = matches!(kind, FrameKind::Conn | FrameKind::Heartbeat);
        let of_server = matches!(kind, FrameKind::ConnAck | FrameKind::HeartbeatAck);
        let ours = if self.role == Role::Client { !of_server } else { !of_client };
        assert!(ours, "{kind:?} of a {:?}", self.role);
    }

    fn check(&mut self, frame: &Frame<'_>, caps: Caps) -> Option<SessionId> {
        match frame {
            Frame::Session(asked) => {
                assert_eq!(asked.acquire_id, self.role == Role::Client);
                return Some(asked.negotiate);
            }
            Frame::DismissAck(session, _) => {
                let asked = self.dismissals.entry(*session).or_default();
                assert!(*asked > 0, "a DismissAck of {session} that nobody asked for");
                *asked -= 1;
            }
            Frame::RequestCancel(..) => assert!(caps.cancel || self.cancels, "it would cut an old peer"),
            Frame::StreamEnd(_) => assert!(caps.fin),
            Frame::Credit(..) => assert!(caps.credit),
            Frame::Stream(session, data) if caps.credit => {
                let credit = self.credit.entry(*session).or_insert(1_000);
                assert!(data.len() <= *credit, "{} bytes on {credit} of credit", data.len());
                *credit -= data.len();
            }
            _ => {}
        }
        None
    }
}

fn bytes(transmit: Transmit) -> Vec<u8> {
    match transmit {
        Transmit::Encoded { bytes, .. } => bytes.to_vec(),
        Transmit::Data(data) => {
            let mut bytes = data.prefix().to_vec();
            match data.text {
                Text::Whole(text) => bytes.extend_from_slice(&text),
                Text::Parts(parts) => parts.iter().for_each(|part| bytes.extend_from_slice(part)),
            }
            bytes
        }
    }
}
