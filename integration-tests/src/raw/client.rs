//! The socket of a scripted client: frames out, frames in, nothing by itself.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::frame::{Frame, kind};
use super::wire::{TlsClient, Wire};
use crate::wait::PATIENCE;
use crate::websocket::WebSocket;

/// Why no frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The time was over; the connection stands.
    TimedOut,
    /// The gateway closed the connection.
    Ended,
}

/// A scripted client, edge or service.
#[derive(Debug)]
pub struct Client {
    /// The client id from the ConnAck; 0 before.
    pub id: u64,
    /// How long an expectation waits: [`PATIENCE`] unless a test waits for one of the gateway's long timers.
    pub patience: Duration,
    stream: Wire,
    received: Vec<u8>,
    set_aside: VecDeque<Frame>,
    last_packet: u64,
    /// The packet id of the Conn, which its ack carries.
    pub(super) conn_packet: u64,
}

impl Client {
    /// Opens a connection and sends nothing.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    #[track_caller]
    pub fn dial(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE);
        Self::over(stream.unwrap_or_else(|error| panic!("{addr} does not accept: {error}")))
    }

    /// Opens a connection whose receive buffer holds about `bytes`, for a peer that reads slowly or never.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    #[track_caller]
    pub fn dial_narrow(addr: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).expect("a socket can be made");
        socket.set_recv_buffer_size(bytes).expect("a receive buffer can be set");
        socket.connect(&addr.into()).unwrap_or_else(|error| panic!("{addr} does not accept: {error}"));
        Self::over(socket.into())
    }

    /// Opens a connection over TLS and sends nothing inside.
    ///
    /// # Panics
    /// When nobody listens, or the handshake fails.
    #[must_use]
    #[track_caller]
    pub fn dial_tls(addr: SocketAddr, tls: &TlsClient) -> Self {
        let stream = tls.connect(addr).unwrap_or_else(|error| panic!("no TLS with {addr}: {error}"));
        Self::on(Wire::Tls(Box::new(stream)))
    }

    /// Speaks inside a WebSocket.
    ///
    /// # Panics
    /// When the socket cannot be set up.
    #[must_use]
    #[track_caller]
    pub fn inside(websocket: WebSocket) -> Self {
        Self::on(Wire::WebSocket(Box::new(websocket)))
    }

    /// How the gateway has said goodbye on the WebSocket around this client: code and reason. `None` before its end, and where
    /// there is no WebSocket.
    #[must_use]
    pub fn goodbye(&self) -> Option<(u16, String)> {
        match &self.stream {
            Wire::WebSocket(websocket) => websocket.goodbye(),
            Wire::Plain(_) | Wire::Tls(_) => None,
        }
    }

    /// Stands on a connection that exists, in whichever role.
    ///
    /// # Panics
    /// When the socket cannot be set up.
    #[must_use]
    #[track_caller]
    pub fn over(stream: TcpStream) -> Self {
        Self::on(Wire::Plain(stream))
    }

    fn on(stream: Wire) -> Self {
        let socket = stream.socket();
        socket.set_nodelay(true).expect("TCP_NODELAY can be set");
        socket.set_write_timeout(Some(PATIENCE)).expect("a write limit can be set");
        Self {
            id: 0,
            patience: PATIENCE,
            stream,
            received: Vec::new(),
            set_aside: VecDeque::new(),
            last_packet: 0x6650_0000_0000_0001,
            conn_packet: 0,
        }
    }

    /// A packet id that this client has not used.
    pub fn fresh(&mut self) -> u64 {
        self.last_packet += 2;
        self.last_packet
    }

    /// The address of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.socket().local_addr().expect("a connected socket has an address")
    }

    /// Sends one frame in one write.
    ///
    /// # Panics
    /// When the gateway has closed the connection.
    #[track_caller]
    pub fn send(&mut self, kind: u8, id: u64, body: &[u8]) {
        self.send_bytes(&Frame::bytes_of(kind, id, body));
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the gateway has closed the connection.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).unwrap_or_else(|error| panic!("cannot send: {error}"));
    }

    /// Sends bytes to a gateway that may have closed the connection, or that may not read.
    ///
    /// # Errors
    /// The socket's.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Limits how long a send may hang.
    pub fn set_send_patience(&self, patience: Duration) {
        self.stream.socket().set_write_timeout(Some(patience)).expect("a write limit can be set");
    }

    /// The next frame in the order of arrival.
    ///
    /// # Errors
    /// [`Lost`], when none comes within `patience` or the connection ends.
    pub fn try_next(&mut self, patience: Duration) -> Result<Frame, Lost> {
        match self.set_aside.pop_front() {
            Some(frame) => Ok(frame),
            None => self.read_frame(Instant::now() + patience),
        }
    }

    /// The next frame in the order of arrival, which must be of this kind.
    ///
    /// # Panics
    /// When none comes, or another kind.
    #[track_caller]
    pub fn next(&mut self, kind: u8) -> Frame {
        match self.try_next(self.patience) {
            Ok(frame) if frame.kind == kind => frame,
            other => panic!("expected a frame of kind {kind:#04x}, got {other:?}"),
        }
    }

    /// The first frame that `wanted` accepts; what comes before it is set aside.
    ///
    /// # Panics
    /// When none comes; `what` names it.
    #[track_caller]
    pub fn find(&mut self, what: &str, wanted: impl Fn(&Frame) -> bool) -> Frame {
        if let Some(at) = self.set_aside.iter().position(&wanted) {
            return self.set_aside.remove(at).expect("the position was just found");
        }
        let until = Instant::now() + self.patience;
        loop {
            match self.read_frame(until) {
                Ok(frame) if wanted(&frame) => return frame,
                Ok(frame) => self.set_aside.push_back(frame),
                Err(lost) => panic!("no {what} came: {lost:?}; set aside: {:?}", self.set_aside),
            }
        }
    }

    /// The first frame of this kind; what comes before it is set aside.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn expect(&mut self, kind: u8) -> Frame {
        self.find(&format!("frame of kind {kind:#04x}"), |frame| frame.kind == kind)
    }

    /// The first frame of this kind that answers packet `id`; what comes before it is set aside.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn reply(&mut self, kind: u8, id: u64) -> Frame {
        let what = format!("frame of kind {kind:#04x} for packet {id:#x}");
        self.find(&what, |frame| frame.kind == kind && frame.id == id)
    }

    /// Waits for the gateway to close the connection; returns the frames that nobody has asked for.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ended(&mut self) -> Vec<Frame> {
        let until = Instant::now() + self.patience;
        loop {
            match self.read_frame(until) {
                Ok(frame) => self.set_aside.push_back(frame),
                Err(Lost::Ended) => return self.set_aside.drain(..).collect(),
                Err(Lost::TimedOut) => panic!("the gateway keeps the connection open"),
            }
        }
    }

    /// Sends a heartbeat and waits for its ack: all that the gateway had handled of this link before is then done.
    ///
    /// # Panics
    /// When no ack comes.
    #[track_caller]
    pub fn heartbeat(&mut self) {
        let id = self.fresh();
        self.send(kind::HEARTBEAT, id, &[]);
        let ack = self.reply(kind::HEARTBEAT_ACK, id);
        assert!(ack.body.is_empty(), "{ack:?}");
    }

    /// The frames that came and that nobody has asked for yet, one heartbeat later.
    ///
    /// # Panics
    /// When the link does not answer a heartbeat.
    #[track_caller]
    pub fn unasked(&mut self) -> Vec<Frame> {
        self.heartbeat();
        self.set_aside.drain(..).collect()
    }

    /// Closes the writing half: the gateway sees the end, this client can still read.
    pub fn finish_writing(&self) {
        self.try_finish_writing().expect("a connected socket can be half closed");
    }

    /// The same on a connection that the gateway may have ended.
    ///
    /// # Errors
    /// The socket's.
    pub fn try_finish_writing(&self) -> std::io::Result<()> {
        self.stream.socket().shutdown(Shutdown::Write)
    }

    /// Ends the connection by RST, without a goodbye.
    pub fn reset(self) {
        SockRef::from(self.stream.socket()).set_linger(Some(Duration::ZERO)).expect("SO_LINGER can be set");
    }

    fn read_frame(&mut self, until: Instant) -> Result<Frame, Lost> {
        let mut piece = [0; 64 * 1024];
        loop {
            if let Some(frame) = Frame::take_from(&mut self.received) {
                return Ok(frame);
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
            let left = left.ok_or(Lost::TimedOut)?;
            self.stream.socket().set_read_timeout(Some(left)).expect("a read limit can be set");
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(Lost::Ended),
                Ok(count) => self.received.extend(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Lost::TimedOut),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Lost::Ended),
            }
        }
    }
}
