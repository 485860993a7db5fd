//! A link of a lean peer: a socket, what was read and what is to be written.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use proto::body::{Caps, ConnData};
use proto::id::{ClientId, PacketId, SessionId};
use proto::wire::{Conn, Cut, Frame, FrameKind, Frames, Header, HeartbeatClass, MAX_PAYLOAD};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use crate::peer::CHUNK;

/// Time for the gateway to let a link in, or to confirm a registration.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Time for the gateway to confirm that a link leaves.
const LEAVE: Duration = Duration::from_secs(5);

/// Links send no heartbeats: a gateway takes one of this class for gone after 12 minutes of silence.
const HEARTBEAT: HeartbeatClass = HeartbeatClass::Seconds320;

/// The longest time in which a link may have nothing to send.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// Room for what is read, to begin with: it doubles when a read has filled it, up to [`CHUNK`] unless a frame takes more.
const ROOM: usize = 2048;

/// Packets of the link's own life. Those of calls and messages come later.
const CONN: PacketId = PacketId(2);
const REGISTER: PacketId = PacketId(3);
const DISCONN: PacketId = PacketId(4);

/// A connected link.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    client: ClientId,
    input: Vec<u8>,
    filled: usize,
    output: Vec<u8>,
    written: usize,
}

impl Link {
    /// Connects to `addr` and is let in.
    ///
    /// # Errors
    /// Nobody listens there, or the gateway refuses, or does not answer within [`HANDSHAKE`].
    pub(crate) async fn connect(addr: &str, meta: Vec<u8>) -> Result<Self> {
        let stream = TcpStream::connect(addr).await.with_context(|| format!("nobody listens at {addr}"))?;
        Self::over(stream, addr, meta).await
    }

    /// The same from another address of this machine, if the gateway is on it too: from one address to one port there are as many
    /// connections as ports, and the system takes long to find the last ones.
    pub(crate) async fn connect_from(from: Ipv4Addr, addr: &str, meta: Vec<u8>) -> Result<Self> {
        let nobody = || format!("nobody listens at {addr}");
        let to = lookup_host(addr).await.with_context(nobody)?.next().with_context(nobody)?;
        let stream = if to.is_ipv4() && to.ip().is_loopback() {
            let socket = TcpSocket::new_v4()?;
            socket
                .bind(SocketAddr::from((from, 0)))
                .with_context(|| format!("{from} is no address of this machine"))?;
            socket.connect(to).await
        } else {
            TcpStream::connect(to).await
        };
        Self::over(stream.with_context(nobody)?, addr, meta).await
    }

    async fn over(stream: TcpStream, addr: &str, meta: Vec<u8>) -> Result<Self> {
        stream.set_nodelay(true)?;
        let client = ClientId::default();
        let mut link = Self { stream, client, input: vec![0; ROOM], filled: 0, output: Vec::new(), written: 0 };
        // Those that the SDK has: they decide how far a gateway goes with a peer.
        let caps = Caps { cancel: true, prompt: true, fin: true, credit: true };
        let data = ConnData { meta, caps, ..ConnData::default() };
        let conn = Conn { acquire_id: true, heartbeat: HEARTBEAT, wanted: ClientId::default(), data };
        Frame::Conn(conn).encode(CONN, &mut link.output);
        link.client = link
            .await_frame(addr, |frame| match frame {
                Frame::ConnAck(ack) if ack.data.error.is_empty() => Ok(Some(ack.client)),
                Frame::ConnAck(ack) => bail!("{addr} refuses a link: {}", ack.data.error),
                _ => Ok(None),
            })
            .await?;
        Ok(link)
    }

    /// Offers `method` to the gateway.
    pub(crate) async fn register(&mut self, method: &str) -> Result<()> {
        Frame::Register(SessionId::MAIN, method.as_bytes()).encode(REGISTER, &mut self.output);
        self.await_frame("the gateway", |frame| Ok(matches!(frame, Frame::RegisterAck(..)).then_some(()))).await
    }

    /// The id that the gateway gave to this link's peer.
    pub(crate) fn client(&self) -> ClientId {
        self.client
    }

    /// This end's address.
    pub(crate) fn local_ip(&self) -> Result<IpAddr> {
        Ok(self.stream.local_addr().context("a link has lost its socket")?.ip())
    }

    /// Sends what waits and reads until `find` has found something, for [`HANDSHAKE`] at most.
    async fn await_frame<T>(&mut self, from: &str, find: impl Fn(Frame<'_>) -> Result<Option<T>>) -> Result<T> {
        let found = async {
            let mut found = None;
            while found.is_none() {
                self.exchange().await?;
                self.each_frame(|header, payload, _| {
                    found = found.take().or(find(Frame::decode(header.kind, payload)?)?);
                    Ok(())
                })?;
            }
            Ok(found.expect("the loop ends with something found"))
        };
        timeout(HANDSHAKE, found).await.with_context(|| format!("no answer from {from} within {HANDSHAKE:?}"))?
    }

    /// Where to append frames, which the next [`Link::exchange`] writes.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Writes what waits as far as it goes, and reads what has come; waits until that is something. Cancel-safe.
    ///
    /// It reads while the gateway takes nothing, so that the two never wait for each other.
    ///
    /// # Errors
    /// The link is gone.
    pub(crate) async fn exchange(&mut self) -> Result<()> {
        let read = poll_fn(|cx| {
            let _ = self.poll_flush(cx)?;
            self.poll_read(cx)
        });
        let read = read.await.context("a link to the gateway broke off")?;
        ensure!(read > 0, "the gateway closed a link");
        Ok(())
    }

    /// Writes all that waits. Cancel-safe.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await.context("a link to the gateway broke off")
    }

    fn poll_flush(&mut self, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut task::Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(&mut self.input[self.filled..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        let read = room.filled().len();
        self.filled += read;
        Poll::Ready(Ok(read))
    }

    /// Gives every whole frame that has come to `take`, with the output to answer in.
    ///
    /// # Errors
    /// Those of `take`; or bytes that are no frames.
    pub(crate) fn each_frame(&mut self, mut take: impl FnMut(Header, &[u8], &mut Vec<u8>) -> Result<()>) -> Result<()> {
        let mut frames = Frames::new(&self.input[..self.filled], MAX_PAYLOAD);
        let need = loop {
            match frames.cut().context("the gateway sends what is no frame")? {
                Cut::Frame(header, payload) => take(header, payload, &mut self.output)?,
                Cut::Partial { need } => break need,
            }
        };
        let rest = frames.rest().len();
        let was_full = self.filled == self.input.len();
        self.input.copy_within(self.filled - rest..self.filled, 0);
        self.filled = rest;
        let room = if was_full { (self.input.len() * 2).min(CHUNK) } else { 0 };
        let room = room.max(need).max(self.input.len());
        self.input.resize(room, 0);
        Ok(())
    }

    /// Takes leave as the protocol wants it. A gateway that does not go along is left all the same.
    pub(crate) async fn leave(mut self) {
        Frame::DisConn.encode(DISCONN, &mut self.output);
        let farewell = async {
            loop {
                self.exchange().await?;
                self.each_frame(|header, _, output| {
                    if header.kind == FrameKind::DisConn {
                        Frame::DisConnAck(ConnData::default()).encode(header.packet, output);
                    }
                    Ok(())
                })?;
            }
        };
        // It ends in an error, as the gateway closes the link.
        let _: Result<Result<(), anyhow::Error>, _> = timeout(LEAVE, farewell).await;
    }
}

#[cfg(test)]
mod tests {
    use proto::body::Body;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A gateway's end of one link, which has let it in.
    async fn connected() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let gateway = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut header = [0; 14];
            stream.read_exact(&mut header).await.unwrap();
            let header = Header::decode(&header, MAX_PAYLOAD).unwrap();
            assert_eq!(header.kind, FrameKind::Conn);
            let mut rest = vec![0; header.len as usize];
            stream.read_exact(&mut rest).await.unwrap();
            let ack = proto::wire::ConnAck { client: ClientId(9), data: ConnData::default() };
            stream.write_all(&encoded(header.packet, &Frame::ConnAck(ack))).await.unwrap();
            stream
        };
        let (link, stream) = tokio::join!(Link::connect(&addr, Vec::new()), gateway);
        (link.unwrap(), stream)
    }

    fn encoded(packet: PacketId, frame: &Frame<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.encode(packet, &mut bytes);
        bytes
    }

    #[tokio::test]
    async fn frames_come_whole_however_the_bytes_come() {
        let (mut link, mut gateway) = connected().await;
        assert_eq!(link.client(), ClientId(9));
        let value = vec![b'A'; 4 * CHUNK];
        let large = Body { value: proto::body::Base64::from_text(&value).unwrap(), ..Body::default() };
        let mut sent = encoded(PacketId(1), &Frame::Message(SessionId::MAIN, Body::default()));
        sent.extend(encoded(PacketId(2), &Frame::Message(SessionId::MAIN, large)));
        sent.extend(encoded(PacketId(3), &Frame::Heartbeat));
        let writing = async {
            for piece in sent.chunks(1009) {
                gateway.write_all(piece).await.unwrap();
            }
        };
        let reading = async {
            let mut seen = Vec::new();
            while seen.len() < 3 {
                link.exchange().await.unwrap();
                let take = |header: Header, payload: &[u8], _: &mut Vec<u8>| {
                    seen.push((header.packet.0, payload.len()));
                    Ok(())
                };
                link.each_frame(take).unwrap();
            }
            seen
        };
        let ((), seen) = timeout(HANDSHAKE, async { tokio::join!(writing, reading) }).await.unwrap();
        assert_eq!(seen, [(1, 10), (2, 8 + r#"{"value":""}"#.len() + value.len()), (3, 0)]);
    }

    #[tokio::test]
    async fn it_reads_while_nobody_takes_what_it_writes() {
        let (mut link, mut gateway) = connected().await;
        link.output().resize(32 * 1024 * 1024, 0);
        let sent = vec![0x5a; 4 * CHUNK];
        let exchanging = async {
            let mut came = 0;
            while came < sent.len() {
                link.exchange().await.unwrap();
                came += std::mem::take(&mut link.filled);
            }
        };
        let both = async { tokio::join!(gateway.write_all(&sent), exchanging) };
        let (written, ()) = timeout(HANDSHAKE, both).await.expect("neither waits for the other");
        written.unwrap();
        assert!(link.written < link.output.len(), "the sockets took all: nothing was tested");
    }

    #[tokio::test]
    async fn a_link_takes_leave() {
        let (link, mut gateway) = connected().await;
        let gateway = async move {
            let mut farewell = [0; 14];
            gateway.read_exact(&mut farewell).await.unwrap();
            assert_eq!(Header::decode(&farewell, MAX_PAYLOAD).unwrap().kind, FrameKind::DisConn);
            gateway.write_all(&encoded(PacketId(70), &Frame::DisConn)).await.unwrap();
            let mut ack = [0; 14];
            gateway.read_exact(&mut ack).await.unwrap();
            let ack = Header::decode(&ack, MAX_PAYLOAD).unwrap();
            assert_eq!((ack.kind, ack.packet), (FrameKind::DisConnAck, PacketId(70)));
        };
        // The end of the gateway's part closes the socket, which ends the farewell.
        timeout(HANDSHAKE, async { tokio::join!(link.leave(), gateway) }).await.unwrap();
    }
}
