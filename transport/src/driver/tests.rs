use std::sync::Arc;
use std::task::Waker;

use proto::body::{Base64, Body};
use proto::conn::{Event, Settings};
use proto::id::{ClientId, IdGenerator, PacketId, SessionId};
use proto::wire::{Conn, Frame, FrameKind, HEADER_LEN, MAX_PAYLOAD};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::link::{QueueLimits, link};

/// Lets everybody in, and counts what comes.
#[derive(Debug, Default)]
struct Owner {
    messages: usize,
    bytes: usize,
}

impl Endpoint for Owner {
    type Command = ();
    type Waiter = ();

    fn on_event(&mut self, conn: &mut Connection<()>, now: Instant, event: Event<'_, ()>, _backing: Backing<'_>) {
        match event {
            Event::Connect(_) => conn.accept(now, ClientId(5)),
            Event::Message { session, packet, body, cost } => {
                self.messages += 1;
                self.bytes += body.value.decoded_len();
                conn.ack(session, packet, "", cost);
            }
            _ => {}
        }
    }

    fn on_command(&mut self, _conn: &mut Connection<()>, _now: Instant, _command: ()) {}

    fn wants_read(&self, _conn: &Connection<()>) -> bool {
        true
    }
}

type Link = Driver<DuplexStream, Owner>;

/// A link whose peer has introduced itself, and the peer's end.
async fn open_link() -> (Link, DuplexStream) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let conn = Connection::server(Instant::now(), Arc::new(Settings::default()), IdGenerator::new(7, 0));
    let (_, inbox) = link(QueueLimits { lane_bytes: 1_000 }, 7);
    let mut link = Driver::new(near, conn, Owner::default(), inbox, Arc::default());
    let mut bytes = Vec::new();
    let mut hello = Conn::default();
    hello.data.caps.prompt = true; // is answered at once
    Frame::Conn(hello).encode(PacketId(1), &mut bytes);
    far.write_all(&bytes).await.expect("there is room");
    run(&mut link);
    far.read_exact(&mut [0; HEADER_LEN]).await.expect("a ConnAck");
    (link, far)
}

/// Lets the link do what it can at present.
fn run(link: &mut Link) {
    let polled = Pin::new(link).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "the link goes on: {polled:?}");
}

fn message(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let body = Body { value: Base64::encode(value), ..Body::default() };
    Frame::Message(SessionId::MAIN, body).encode(PacketId(2), &mut bytes);
    bytes
}

#[tokio::test]
async fn a_claimed_length_takes_no_memory() {
    let (mut link, mut far) = open_link().await;
    let header = Header { kind: FrameKind::Message, packet: PacketId(2), len: MAX_PAYLOAD }.encode();
    far.write_all(&header).await.expect("there is room");
    run(&mut link);
    assert!(link.partial.capacity() <= 64, "{} bytes held for {HEADER_LEN}", link.partial.capacity());
    let mut came = HEADER_LEN;
    for piece in [1, 100, 5_000, 100_000, 300_000] {
        far.write_all(&vec![b' '; piece]).await.expect("there is room");
        came += piece;
        run(&mut link);
        assert!(link.partial.len() == came && link.partial.capacity() <= 2 * came + 64, "{}", link.partial.capacity());
    }
}

#[tokio::test]
async fn any_split_gives_the_same_messages() {
    let sizes = [0, 1, 20_000, 100, 47_000, 200_000, 3];
    let bytes = sizes.map(|size| message(&vec![7; size])).concat();
    for piece in [1 << 19, 70_000, 4_097, 1_000, 61] {
        let (mut link, mut far) = open_link().await;
        for part in bytes.chunks(piece) {
            far.write_all(part).await.expect("there is room");
            run(&mut link);
        }
        let owner = &link.endpoint;
        assert_eq!((owner.messages, owner.bytes), (sizes.len(), sizes.iter().sum()), "in pieces of {piece}");
        assert_eq!(link.conn.unanswered(), 0);
    }
}

#[tokio::test]
async fn an_idle_link_holds_no_buffer() {
    let (mut link, mut far) = open_link().await;
    for size in [10, 50_000] {
        far.write_all(&message(&vec![7; size])).await.expect("there is room");
        run(&mut link);
    }
    assert_eq!(link.endpoint.messages, 2);
    assert_eq!((link.partial.capacity(), link.writes.len()), (0, 0));
}
