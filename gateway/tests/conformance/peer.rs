//! A scripted peer at the other end of an in-process link.

use std::net::SocketAddr;

use frontier_gateway::Gateway;
use proto::body::{Base64, Body, ConnData, Presence, ServiceMeta};
use proto::id::{ClientId, PacketId, SessionId};
use proto::wire::{Conn, Cut, Frame, FrameKind, Frames, Header, MAX_PAYLOAD};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A frame that came, to be decoded where it is looked at.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) packet: PacketId,
    kind: FrameKind,
    payload: Vec<u8>,
}

impl Received {
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame::decode(self.kind, &self.payload).expect("the gateway sends what can be read")
    }

    /// The body of a request, message or answer.
    #[track_caller]
    pub(crate) fn body(&self) -> Body<'_> {
        match self.frame() {
            Frame::Request(_, body)
            | Frame::Message(_, body)
            | Frame::Response(_, body)
            | Frame::MessageAck(_, body) => body,
            other => panic!("no body: {other:?}"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    io: DuplexStream,
    unread: Vec<u8>,
    packets: u64,
    /// The id under which it was let in.
    pub(crate) id: u64,
}

impl Peer {
    fn new(io: DuplexStream) -> Self {
        Self { io, unread: Vec::new(), packets: 0, id: 0 }
    }

    /// An edge whose Conn is sent.
    pub(crate) async fn edge(gateway: &Gateway, meta: &[u8]) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn(gateway.serve_edge(far, address()));
        Self::introduce(near, meta.to_vec()).await
    }

    /// An edge that is online.
    pub(crate) async fn online_edge(gateway: &Gateway) -> Self {
        let mut edge = Self::edge(gateway, b"").await;
        edge.expect_admission().await;
        edge
    }

    /// A service that is online and offers `methods`.
    pub(crate) async fn service(gateway: &Gateway, methods: &[&str]) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn(gateway.serve_service(far, address()));
        let mut meta = Vec::new();
        ServiceMeta { service: "svc".to_owned(), topics: vec!["t".to_owned()] }.encode(&mut meta);
        let mut service = Self::introduce(near, meta).await;
        service.expect_admission().await;
        for method in methods {
            service.send(&Frame::Register(SessionId::MAIN, method.as_bytes())).await;
            assert!(matches!(service.receive().await.frame(), Frame::RegisterAck(..)));
        }
        service
    }

    async fn introduce(io: DuplexStream, meta: Vec<u8>) -> Self {
        let mut peer = Self::new(io);
        let data = ConnData { meta, ..ConnData::default() };
        peer.send(&Frame::Conn(Conn { acquire_id: true, wanted: ClientId(0), data, ..Conn::default() })).await;
        peer
    }

    pub(crate) async fn expect_admission(&mut self) {
        let received = self.receive().await;
        let Frame::ConnAck(ack) = received.frame() else { panic!("{received:?}") };
        assert_eq!(ack.data.error, "");
        self.id = ack.client.0;
    }

    /// Sends a frame under a fresh packet id, which is returned.
    pub(crate) async fn send(&mut self, frame: &Frame<'_>) -> PacketId {
        self.packets += 1;
        let packet = PacketId(self.packets);
        self.answer(packet, frame).await;
        packet
    }

    pub(crate) async fn answer(&mut self, packet: PacketId, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.encode(packet, &mut bytes);
        self.io.write_all(&bytes).await.expect("the gateway reads");
    }

    pub(crate) async fn call(&mut self, method: &str, value: &[u8]) -> PacketId {
        let key = Base64::encode(method.as_bytes());
        let body = Body { key, value: Base64::encode(value), ..Body::default() };
        self.send(&Frame::Request(SessionId::MAIN, body)).await
    }

    /// Answers a call with a result.
    pub(crate) async fn result(&mut self, packet: PacketId, value: &[u8]) {
        let body = Body { value: Base64::encode(value), ..Body::default() };
        self.answer(packet, &Frame::Response(SessionId::MAIN, body)).await;
    }

    /// The next frame.
    pub(crate) async fn receive(&mut self) -> Received {
        loop {
            let mut frames = Frames::new(&self.unread, MAX_PAYLOAD);
            if let Cut::Frame(Header { kind, packet, .. }, payload) = frames.cut().expect("the gateway sends frames") {
                let received = Received { packet, kind, payload: payload.to_vec() };
                let taken = self.unread.len() - frames.rest().len();
                self.unread.drain(..taken);
                return received;
            }
            let mut bytes = vec![0; 64 * 1024];
            let read = self.io.read(&mut bytes).await.expect("an in-process link does not break");
            assert!(read > 0, "the gateway has closed the link");
            self.unread.extend_from_slice(&bytes[..read]);
        }
    }
}

/// What a hook is told about an edge.
pub(crate) fn presence(received: &Received) -> Presence {
    Presence::decode(&received.body().value.decode()).expect("a presence")
}

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1_000))
}
