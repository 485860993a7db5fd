//! A gateway that does what a test tells it: the protocol's server role over pipes.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use proto::body::{Base64, Body, Caps, Timestamp};
use proto::conn::{Connection, Event, Failure, Settings, Text};
use proto::id::{ClientId, IdGenerator, PacketId, SessionId};
use sdk::{Builder, Edge, Service};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use transport::{Backing, Endpoint, Inbox, LinkEnd, LinkHandle, QueueLimits};

/// Bytes that a pipe holds in each direction.
const PIPE: usize = 64 * 1024;

/// The id that the gateway gives unless a test says otherwise.
pub(crate) const ID: ClientId = ClientId(7);

type Conn = Connection<u32>;
type Ask = Box<dyn FnOnce(&mut Conn, Instant) + Send>;

/// What a peer sent or what became of something sent to it. `u32` is what the test gave it as a name.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Connect { wanted: ClientId, meta: Vec<u8> },
    Registered { session: SessionId, method: String },
    Request(Asked),
    Message(Asked),
    Cancelled(PacketId),
    Response(u32, Result<Vec<u8>, String>),
    Acked(u32, String),
    Failed(u32, Failure),
    Offered { session: SessionId, peer: String },
    Opened(u32, SessionId),
    Data(SessionId, Vec<u8>),
    DataEnd(SessionId),
    Ended(SessionId),
    Aborted(SessionId, String),
}

/// A request or message.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) session: SessionId,
    pub(crate) packet: PacketId,
    /// Method or topic.
    pub(crate) name: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) custom: Vec<u8>,
    pub(crate) has_deadline: bool,
    cost: u32,
}

/// Where peers arrive.
pub(crate) struct Gateway {
    arrivals: mpsc::UnboundedReceiver<DuplexStream>,
    dial: mpsc::UnboundedSender<DuplexStream>,
    caps: Caps,
}

/// The gateway's end of one link. Dropping it cuts the link.
pub(crate) struct Peer {
    handle: LinkHandle<Ask>,
    heard: mpsc::UnboundedReceiver<Heard>,
    task: JoinHandle<LinkEnd>,
}

impl Gateway {
    /// One that understands all extensions.
    pub(crate) fn new() -> Self {
        Self::with_caps(Settings::default().caps)
    }

    /// One like those of the Go project, which understand none.
    pub(crate) fn plain() -> Self {
        Self::with_caps(Caps::default())
    }

    fn with_caps(caps: Caps) -> Self {
        let (dial, arrivals) = mpsc::unbounded_channel();
        Self { arrivals, dial, caps }
    }

    pub(crate) fn edge(&self) -> Builder<Edge> {
        let dial = self.dial.clone();
        Edge::builder("").dial_with(move || pipe(dial.clone()))
    }

    pub(crate) fn service(&self) -> Builder<Service> {
        let dial = self.dial.clone();
        Service::builder("").dial_with(move || pipe(dial.clone()))
    }

    /// The next link, before its handshake.
    pub(crate) async fn arrival(&mut self) -> Peer {
        let io = soon(self.arrivals.recv()).await.expect("the gateway holds a sender");
        let settings = Arc::new(Settings { caps: self.caps, ..Settings::default() });
        let (handle, inbox) = transport::link(QueueLimits { lane_bytes: usize::MAX }, 9);
        let (tell, heard) = mpsc::unbounded_channel();
        let task = tokio::spawn(serve(io, settings, Script(tell), inbox));
        Peer { handle, heard, task }
    }

    /// The next link, let in with [`ID`]; and what it said of itself.
    pub(crate) async fn accept(&mut self) -> Peer {
        let mut peer = self.arrival().await;
        peer.connect().await;
        peer.tell(|conn, now| conn.accept(now, ID));
        peer
    }

    /// Connects an edge, with the gateway's end of its link.
    pub(crate) async fn connected_edge(&mut self) -> (Edge, Peer) {
        let builder = self.edge();
        let (edge, peer) = tokio::join!(builder.connect(), self.accept());
        (edge.expect("the gateway lets it in"), peer)
    }

    /// Connects a service, with the gateway's end of its link.
    pub(crate) async fn connected_service(&mut self) -> (Service, Peer) {
        let builder = self.service();
        let (service, peer) = tokio::join!(builder.connect(), self.accept());
        (service.expect("the gateway lets it in"), peer)
    }
}

async fn pipe(dial: mpsc::UnboundedSender<DuplexStream>) -> io::Result<DuplexStream> {
    let (near, far) = tokio::io::duplex(PIPE);
    dial.send(far).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
    Ok(near)
}

async fn serve(io: DuplexStream, settings: Arc<Settings>, script: Script, inbox: Inbox<Ask>) -> LinkEnd {
    let now = tokio::time::Instant::now().into_std();
    let conn = Connection::server(now, settings, IdGenerator::new(9, 1 << 30));
    transport::drive(io, conn, script, inbox, Arc::default()).await.0
}

impl Peer {
    /// Does something with the connection.
    pub(crate) fn tell(&self, ask: impl FnOnce(&mut Conn, Instant) + Send + 'static) {
        assert!(self.handle.push(Box::new(ask)).is_ok(), "the link is there");
    }

    /// The next thing heard.
    pub(crate) async fn next(&mut self) -> Heard {
        soon(self.heard.recv()).await.expect("the link is there")
    }

    /// The Conn: wanted id and meta.
    pub(crate) async fn connect(&mut self) -> (ClientId, Vec<u8>) {
        match self.next().await {
            Heard::Connect { wanted, meta } => (wanted, meta),
            other => panic!("wanted a connect, heard {other:?}"),
        }
    }

    pub(crate) async fn request(&mut self) -> Asked {
        match self.next().await {
            Heard::Request(asked) => asked,
            other => panic!("wanted a request, heard {other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> Asked {
        match self.next().await {
            Heard::Message(asked) => asked,
            other => panic!("wanted a message, heard {other:?}"),
        }
    }

    /// The answer to what [`Peer::call`] called.
    pub(crate) async fn response(&mut self) -> (u32, Result<Vec<u8>, String>) {
        match self.next().await {
            Heard::Response(name, answer) => (name, answer),
            other => panic!("wanted a response, heard {other:?}"),
        }
    }

    /// The ack of what [`Peer::publish`] published.
    pub(crate) async fn acked(&mut self) -> (u32, String) {
        match self.next().await {
            Heard::Acked(name, error) => (name, error),
            other => panic!("wanted an ack, heard {other:?}"),
        }
    }

    pub(crate) async fn registered(&mut self) -> String {
        match self.next().await {
            Heard::Registered { method, .. } => method,
            other => panic!("wanted a registration, heard {other:?}"),
        }
    }

    /// Answers a request with a result or an error.
    pub(crate) fn respond(&self, asked: Asked, answer: Result<&[u8], &str>) {
        let body = match answer {
            Ok(result) => Body { value: Base64::encode(result), ..Body::default() },
            Err(error) => Body { error: error.to_owned().into(), ..Body::default() },
        };
        let text = text(&body);
        self.tell(move |conn, _| conn.respond(asked.session, asked.packet, text, asked.cost));
    }

    /// Acks a message; an empty error accepts it.
    pub(crate) fn ack(&self, asked: Asked, error: &'static str) {
        self.tell(move |conn, _| conn.ack(asked.session, asked.packet, error, asked.cost));
    }

    /// Calls a method; the packet's id is for cancelling.
    pub(crate) fn call(&self, name: u32, session: SessionId, method: &str, custom: &[u8], payload: &[u8]) -> PacketId {
        let (key, value) = (Base64::encode(method.as_bytes()), Base64::encode(payload));
        self.call_with(name, session, &Body { key, value, custom: Base64::encode(custom), ..Body::default() })
    }

    /// Calls a method on the main session, and states a deadline.
    pub(crate) fn call_within(&self, name: u32, method: &str, limit: Duration) -> PacketId {
        let deadline = Timestamp::from(SystemTime::now()).checked_add(limit);
        let body = Body { key: Base64::encode(method.as_bytes()), deadline, ..Body::default() };
        self.call_with(name, SessionId::MAIN, &body)
    }

    fn call_with(&self, name: u32, session: SessionId, body: &Body<'_>) -> PacketId {
        let text = text(body);
        let packet = self.handle.packet();
        self.tell(move |conn, now| conn.call(packet, session, text, now + Duration::from_secs(600), name));
        packet
    }

    pub(crate) fn publish(&self, name: u32, session: SessionId, topic: &str, custom: &[u8], payload: &[u8]) {
        let (custom, value) = (Base64::encode(custom), Base64::encode(payload));
        let text = text(&Body { topic: topic.to_owned().into(), custom, value, ..Body::default() });
        let packet = self.handle.packet();
        self.tell(move |conn, now| conn.publish(packet, session, text, now + Duration::from_secs(600), name));
    }

    /// Opens a session to the peer, without waiting for it to be taken.
    pub(crate) fn open(&self, name: u32) {
        let packet = self.handle.packet();
        self.tell(move |conn, now| conn.open_session(now, packet, proto::body::SessionData::default(), name));
    }

    /// Takes the session that the peer opens.
    pub(crate) async fn confirm(&mut self) -> (SessionId, String) {
        match self.next().await {
            Heard::Offered { session, peer } => {
                self.tell(move |conn, now| conn.confirm(now, session, Vec::new()));
                (session, peer)
            }
            other => panic!("wanted an opening, heard {other:?}"),
        }
    }

    /// Cuts the link without a word.
    pub(crate) async fn cut(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// How the link ended, which it is about to do.
    pub(crate) async fn end(mut self) -> LinkEnd {
        let end = soon(&mut self.task).await.expect("the link's task does not panic");
        self.heard.close();
        end
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits for something that is about to happen. The limit only passes if nothing else can happen.
pub(crate) async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(300), event).await.expect("it happens")
}

fn text(body: &Body<'_>) -> Text {
    let mut text = Vec::new();
    body.encode(&mut text);
    Text::from(text)
}

struct Script(mpsc::UnboundedSender<Heard>);

impl Endpoint for Script {
    type Command = Ask;
    type Waiter = u32;

    fn on_event(&mut self, _conn: &mut Conn, _now: Instant, event: Event<'_, u32>, _backing: Backing<'_>) {
        let heard = match event {
            Event::Connect(conn) => Heard::Connect { wanted: conn.wanted, meta: conn.data.meta },
            Event::Request { session, packet, body, cost } => {
                let name = String::from_utf8_lossy(&body.key.decode()).into_owned();
                Heard::Request(asked(session, packet, name, &body, cost))
            }
            Event::Message { session, packet, body, cost } => {
                Heard::Message(asked(session, packet, body.topic.to_string(), &body, cost))
            }
            Event::Registered { session, method } => {
                Heard::Registered { session, method: String::from_utf8_lossy(method).into_owned() }
            }
            Event::Cancelled { packet, .. } => Heard::Cancelled(packet),
            Event::Response { waiter, body } if body.error.is_empty() => {
                Heard::Response(waiter, Ok(body.value.decode()))
            }
            Event::Response { waiter, body } => Heard::Response(waiter, Err(body.error.into_owned())),
            Event::Acked { waiter, error } => Heard::Acked(waiter, error.into_owned()),
            Event::Failed { waiter, failure } => Heard::Failed(waiter, failure),
            Event::Offered { session, data } => Heard::Offered { session, peer: data.peer },
            Event::Opened { waiter, session } => Heard::Opened(waiter, session),
            Event::Data { session, data } => Heard::Data(session, data.to_vec()),
            Event::DataEnd { session } => Heard::DataEnd(session),
            Event::Ended { session, error: None } => Heard::Ended(session),
            Event::Ended { session, error: Some(reason) } => Heard::Aborted(session, reason.into()),
            Event::Sent { .. } | Event::Overfull { .. } | Event::Connected(_) | Event::Refused(_) | Event::Leaving => {
                return;
            }
        };
        // The test may have heard enough.
        let _ = self.0.send(heard);
    }

    fn on_command(&mut self, conn: &mut Conn, now: Instant, ask: Ask) {
        ask(conn, now);
    }

    fn wants_read(&self, _conn: &Conn) -> bool {
        true
    }
}

fn asked(session: SessionId, packet: PacketId, name: String, body: &Body<'_>, cost: u32) -> Asked {
    Asked {
        session,
        packet,
        name,
        payload: body.value.decode(),
        custom: body.custom.decode(),
        has_deadline: body.deadline.is_some(),
        cost,
    }
}
