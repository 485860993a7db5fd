//! A link of a lean peer: a socket, what was read and what is to be written.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use proto::body::{Caps, ConnData};
use proto::id::{ClientId, PacketId, SessionId};
use proto::wire::{Conn, Cut, Frame, FrameKind, Frames, Header, HeartbeatClass, MAX_PAYLOAD};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
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
