//! One end of a link under test; the other end is frames written by hand.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frontier_proto::body::{Base64, Body, Caps, ConnData, SessionData};
use frontier_proto::conn::{CloseReason, Connection, Event, Settings, Text, Transmit};
use frontier_proto::id::{ClientId, IdGenerator, PacketId, SessionId};
use frontier_proto::wire::{
    Conn, ConnAck, Cut, Frame, Frames, HEADER_LEN, Header, HeartbeatClass, MAX_PAYLOAD, Session,
};

/// What happened at the end under test. Waiters are numbers.
pub(crate) type Happened = Event<'static, u32>;

/// What it has sent: a whole frame, and whether it wants a socket write of its own.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) packet: PacketId,
    bytes: Vec<u8>,
    pub(crate) alone: bool,
}

impl Sent {
    pub(crate) fn frame(&self) -> Frame<'_> {
        let Ok(Cut::Frame(header, payload)) = Frames::new(&self.bytes, MAX_PAYLOAD).cut() else {
            panic!("not a whole frame: {:02x?}", self.bytes)
        };
        Frame::decode(header.kind, payload).expect("what is sent can be read")
    }
}

/// The end under test, and its time.
pub(crate) struct End {
    pub(crate) conn: Connection<u32>,
    pub(crate) now: Instant,
}

/// Ids of the peer's packets count from here.
pub(crate) const PEER: u64 = 0x6650_0000_0000_0001;

pub(crate) const NO_CAPS: Caps = Caps { cancel: false, prompt: false, fin: false, credit: false };
pub(crate) const ALL_CAPS: Caps = Caps { cancel: true, prompt: true, fin: true, credit: true };

impl End {
    /// A server that has heard nothing yet.
    pub(crate) fn new_server(settings: Settings) -> Self {
        let now = Instant::now();
        Self { conn: Connection::server(now, Arc::new(settings), IdGenerator::new(7, 0)), now }
    }

    /// A server that has let a Go client in.
    pub(crate) fn server() -> Self {
        Self::server_of(Settings::default(), NO_CAPS)
    }

    /// A server that has let in a client with these capabilities.
    pub(crate) fn server_of(settings: Settings, caps: Caps) -> Self {
        let mut end = Self::new_server(settings);
        end.receive(PEER, &conn(HeartbeatClass::Seconds20, caps));
        end.conn.accept(end.now, ClientId(5));
        end.pass(Duration::from_millis(1));
        assert!(matches!(end.sent()[..], [_]), "a ConnAck and nothing else");
        end
    }

    /// A client whose Conn has not been answered yet.
    pub(crate) fn new_client(settings: Settings) -> Self {
        let now = Instant::now();
        let ids = IdGenerator::new(9, 0);
        let conn = Connection::client(now, Arc::new(settings), ids, ClientId(42), b"foo".to_vec());
        Self { conn, now }
    }

    /// A client that a Go server has let in.
    pub(crate) fn client() -> Self {
        Self::client_of(Settings::default(), NO_CAPS)
    }

    /// A client that a server with these capabilities has let in.
    pub(crate) fn client_of(settings: Settings, caps: Caps) -> Self {
        let mut end = Self::new_client(settings);
        let conn = end.sent().remove(0);
        let data = ConnData { caps, ..ConnData::default() };
        end.receive(conn.packet.0, &Frame::ConnAck(ConnAck { client: ClientId(6), data }));
        end
    }

    /// Takes in a frame of the peer.
    pub(crate) fn receive(&mut self, packet: u64, frame: &Frame<'_>) -> Vec<Happened> {
        let mut bytes = Vec::new();
        frame.encode(PacketId(packet), &mut bytes);
        self.receive_bytes(&bytes)
    }

    /// Takes in bytes of the peer: whole frames.
    pub(crate) fn receive_bytes(&mut self, bytes: &[u8]) -> Vec<Happened> {
        let mut frames = Frames::new(bytes, MAX_PAYLOAD);
        let mut happened = Vec::new();
        loop {
            match frames.cut() {
                Ok(Cut::Frame(header, payload)) => happened.extend(self.take(header, payload)),
                Ok(Cut::Partial { .. }) => break,
                Err(error) => {
                    self.conn.malformed(error);
                    break;
                }
            }
        }
        happened.extend(self.events());
        happened
    }

    fn take(&mut self, header: Header, payload: &[u8]) -> Vec<Happened> {
        let event = self.conn.handle_frame(self.now, header, payload).map(owned);
        event.into_iter().chain(self.events()).collect()
    }

    /// What happened and was not told yet.
    pub(crate) fn events(&mut self) -> Vec<Happened> {
        std::iter::from_fn(|| self.conn.poll_event()).collect()
    }

    /// What it sends now.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        std::iter::from_fn(|| self.conn.poll_transmit(self.now)).map(sent).collect()
    }

    /// The one frame that it sends now.
    pub(crate) fn only_sent(&mut self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// Time passes; the timers on the way ring one after the other.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Happened> {
        let until = self.now + time;
        while let Some(next) = self.conn.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.conn.handle_timeout(self.now);
            if self.conn.poll_timeout().is_some_and(|again| again <= next) {
                // What waits for the time to be noticed is noticed by sending.
                break;
            }
        }
        self.now = until;
        self.conn.handle_timeout(until);
        self.events()
    }

    pub(crate) fn closed(&self) -> Option<&CloseReason> {
        self.conn.closed()
    }

    /// The peer opens a session; its id.
    pub(crate) fn offer(&mut self, packet: u64, session: Session) -> SessionId {
        match self.receive(packet, &Frame::Session(session)).pop() {
            Some(Event::Offered { session, .. }) => session,
            other => panic!("not an offer: {other:?}"),
        }
    }

    /// A stream that the peer has opened and that has settled.
    pub(crate) fn stream(&mut self) -> SessionId {
        let open = Session { acquire_id: true, negotiate: SessionId(77), data: SessionData::default() };
        let session = self.offer(PEER + 1_000, open);
        self.conn.confirm(self.now, session, Vec::new());
        self.pass(Duration::from_millis(100));
        self.sent();
        session
    }

    /// A deadline far ahead.
    pub(crate) fn later(&self) -> Instant {
        self.now + Duration::from_secs(3600)
    }
}

/// A Conn of a client that asks for an id.
pub(crate) fn conn(heartbeat: HeartbeatClass, caps: Caps) -> Frame<'static> {
    let data = ConnData { caps, ..ConnData::default() };
    Frame::Conn(Conn { acquire_id: true, heartbeat, wanted: ClientId::default(), data })
}

/// The text of a small body.
pub(crate) fn text(value: &[u8]) -> Text {
    let mut text = Vec::new();
    Body { value: Base64::encode(value), ..Body::default() }.encode(&mut text);
    Text::from(text)
}

/// A body with nothing but a value.
pub(crate) fn body(value: &[u8]) -> Body<'static> {
    Body { value: Base64::encode(value), ..Body::default() }
}

fn sent(transmit: Transmit) -> Sent {
    let (bytes, alone) = match transmit {
        Transmit::Encoded { bytes, alone } => (bytes.to_vec(), alone),
        Transmit::Data(data) => {
            let mut bytes = data.prefix().to_vec();
            match data.text {
                Text::Whole(text) => bytes.extend_from_slice(&text),
                Text::Parts(parts) => parts.iter().for_each(|part| bytes.extend_from_slice(part)),
            }
            (bytes, false)
        }
    };
    let header = bytes.first_chunk::<HEADER_LEN>().expect("a frame has a header");
    let header = Header::decode(header, MAX_PAYLOAD).expect("what is sent is legal");
    assert_eq!(bytes.len(), HEADER_LEN + header.len as usize);
    Sent { packet: header.packet, bytes, alone }
}

/// The same event, borrowing nothing. What it borrowed is kept for the rest of the test.
fn owned(event: Event<'_, u32>) -> Happened {
    match event {
        Event::Request { session, packet, body, cost } => {
            Event::Request { session, packet, body: body.into_owned(), cost }
        }
        Event::Message { session, packet, body, cost } => {
            Event::Message { session, packet, body: body.into_owned(), cost }
        }
        Event::Response { waiter, body } => Event::Response { waiter, body: body.into_owned() },
        Event::Acked { waiter, error } => Event::Acked { waiter, error: Cow::Owned(error.into_owned()) },
        Event::Registered { session, method } => Event::Registered { session, method: method.to_vec().leak() },
        Event::Data { session, data } => Event::Data { session, data: data.to_vec().leak() },
        Event::Connect(conn) => Event::Connect(conn),
        Event::Connected(id) => Event::Connected(id),
        Event::Refused(error) => Event::Refused(error),
        Event::Leaving => Event::Leaving,
        Event::Failed { waiter, failure } => Event::Failed { waiter, failure },
        Event::Cancelled { session, packet } => Event::Cancelled { session, packet },
        Event::Offered { session, data } => Event::Offered { session, data },
        Event::Overfull { session } => Event::Overfull { session },
        Event::Opened { waiter, session } => Event::Opened { waiter, session },
        Event::DataEnd { session } => Event::DataEnd { session },
        Event::Sent { session, bytes } => Event::Sent { session, bytes },
        Event::Ended { session, error } => Event::Ended { session, error },
    }
}
