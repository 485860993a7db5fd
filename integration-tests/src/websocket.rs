//! A WebSocket client whose every byte is made by hand.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use socket2::{Domain, SockRef, Socket, Type};

use crate::raw::{TlsClient, Wire};
use crate::wait::PATIENCE;

/// First bytes of frames: what they are, and whether they end a message.
pub mod first {
    /// A fragment that goes on.
    pub const CONTINUED: u8 = 0x00;
    /// The last fragment.
    pub const CONTINUED_TO_THE_END: u8 = 0x80;
    /// A text message.
    pub const TEXT: u8 = 0x81;
    /// A binary message whose fragments follow.
    pub const BINARY_BEGUN: u8 = 0x02;
    /// A binary message.
    pub const BINARY: u8 = 0x82;
    /// The goodbye.
    pub const CLOSE: u8 = 0x88;
    /// A ping.
    pub const PING: u8 = 0x89;
    /// A pong.
    pub const PONG: u8 = 0x8A;
}

/// The answer to the request for a WebSocket.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The status of HTTP.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// What stands behind them, where there is no WebSocket.
    pub body: String,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Path and query.
    pub target: String,
    /// Further headers, a line each.
    pub headers: Vec<String>,
}

impl Default for Ask {
    fn default() -> Self {
        Self { target: "/".to_owned(), headers: vec!["Sec-WebSocket-Protocol: frontier.v1".to_owned()] }
    }
}

impl Ask {
    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    /// The same under another path.
    #[must_use]
    pub fn under(self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self }
    }

    /// The request as it goes out.
    #[must_use]
    pub fn text(&self) -> String {
        let more: String = self.headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!(
            "GET {} HTTP/1.1\r\nHost: gateway.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n",
            self.target
        )
    }
}

/// One frame of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// One of [`first`], if it is by the rules.
    pub first: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A connection to the WebSocket port.
#[derive(Debug)]
pub struct WebSocket {
    wire: Wire,
    received: Vec<u8>,
    /// Payload that a reader of bytes has not taken yet.
    payload: Vec<u8>,
    /// How the gateway has said goodbye, once a reader of bytes has met it.
    goodbye: Option<(u16, String)>,
}

impl WebSocket {
    /// Connects and asks for a WebSocket, which must be had.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn connect(addr: SocketAddr, ask: &Ask) -> Self {
        Self::dial(addr).upgrade(ask)
    }

    /// The same over TLS.
    ///
    /// # Panics
    /// When there is no TLS, or it is refused.
    #[must_use]
    #[track_caller]
    pub fn connect_tls(addr: SocketAddr, tls: &TlsClient, ask: &Ask) -> Self {
        let stream = tls.connect(addr).unwrap_or_else(|error| panic!("no TLS with {addr}: {error}"));
        Self::on(Wire::Tls(Box::new(stream))).upgrade(ask)
    }

    /// Connects and says nothing.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    #[track_caller]
    pub fn dial(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect_timeout(&addr, PATIENCE);
        Self::over(socket.unwrap_or_else(|error| panic!("{addr} does not accept: {error}")))
    }

    /// [`WebSocket::dial`] with a receive buffer of about `bytes`, for a peer that reads slowly or never.
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

    /// Asks for a WebSocket, which must be had.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn upgrade(mut self, ask: &Ask) -> Self {
        self.send_bytes(ask.text().as_bytes());
        let upgrade = self.answer();
        assert_eq!(upgrade.status, 101, "{upgrade:?}");
        assert!(upgrade.head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{upgrade:?}");
        self
    }

    /// Stands on a connection that exists.
    #[must_use]
    pub fn over(socket: TcpStream) -> Self {
        Self::on(Wire::Plain(socket))
    }

    fn on(wire: Wire) -> Self {
        let socket = wire.socket();
        socket.set_nodelay(true).expect("TCP_NODELAY can be set");
        socket.set_read_timeout(Some(PATIENCE)).expect("a read limit can be set");
        socket.set_write_timeout(Some(PATIENCE)).expect("a write limit can be set");
        Self { wire, received: Vec::new(), payload: Vec::new(), goodbye: None }
    }

    /// Asks at `addr` and takes the answer, whatever it is.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    #[track_caller]
    pub fn ask(addr: SocketAddr, request: &str) -> Upgrade {
        Self::try_ask(addr, request).expect("an answer comes")
    }

    /// The same, where the connection may be closed in place of an answer.
    ///
    /// # Panics
    /// When nobody listens, or nothing happens.
    #[track_caller]
    pub fn try_ask(addr: SocketAddr, request: &str) -> Option<Upgrade> {
        let mut connection = Self::dial(addr);
        connection.wire.write_all(request.as_bytes()).ok()?;
        connection.try_answer()
    }

    /// [`WebSocket::ask`] over TLS.
    ///
    /// # Panics
    /// When there is no TLS, or no answer comes.
    #[must_use]
    #[track_caller]
    pub fn ask_tls(addr: SocketAddr, tls: &TlsClient, request: &str) -> Upgrade {
        let stream = tls.connect(addr).unwrap_or_else(|error| panic!("no TLS with {addr}: {error}"));
        let mut connection = Self::on(Wire::Tls(Box::new(stream)));
        connection.send_bytes(request.as_bytes());
        connection.answer()
    }

    /// Takes the answer to a request.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn answer(&mut self) -> Upgrade {
        self.try_answer().expect("an answer comes")
    }

    #[track_caller]
    fn try_answer(&mut self) -> Option<Upgrade> {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().expect("an answer, or the end") {
                return None;
            }
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        let head = String::from_utf8(head).expect("an answer is text");
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        if status != 101 {
            while self.more().expect("the connection ends") {}
        }
        let body = if status == 101 { String::new() } else { String::from_utf8_lossy(&self.received).into_owned() };
        Some(Upgrade { status, head, body })
    }

    /// The address of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.wire.socket().local_addr().expect("a connected socket has an address")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the gateway has closed the connection.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).unwrap_or_else(|error| panic!("cannot send: {error}"));
    }

    /// Sends a masked frame.
    ///
    /// # Panics
    /// When the gateway has closed the connection.
    #[track_caller]
    pub fn send(&mut self, first: u8, payload: &[u8]) {
        self.send_bytes(&frame(first, payload));
    }

    /// The next frame; `None` when the connection has ended.
    ///
    /// # Panics
    /// When neither comes.
    #[track_caller]
    pub fn next_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = take_frame(&mut self.received) {
                return Some(frame);
            }
            match self.more() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => panic!("no frame: {error}"),
            }
        }
    }

    /// Waits for the goodbye, past whatever comes before it, answers it, sends no more and waits for the end. Returns code and
    /// reason.
    ///
    /// # Panics
    /// When the connection ends without one, or does not end.
    #[track_caller]
    pub fn closed(&mut self) -> (u16, String) {
        let goodbye = loop {
            match self.next_frame() {
                Some(Frame { first: first::CLOSE, payload }) => break payload,
                Some(_) => {}
                None => panic!("the connection has ended without a goodbye"),
            }
        };
        // The gateway need not wait for it, and after a broken rule does not understand it.
        let _ = self.wire.write_all(&frame(first::CLOSE, &goodbye));
        self.finish_writing();
        assert_eq!(self.next_frame(), None, "nothing follows a goodbye");
        parted(&goodbye)
    }

    /// Closes the writing half.
    pub fn finish_writing(&self) {
        let _ = self.wire.socket().shutdown(Shutdown::Write);
    }

    /// Ends the connection by RST, without a goodbye.
    pub fn reset(self) {
        SockRef::from(self.wire.socket()).set_linger(Some(std::time::Duration::ZERO)).expect("SO_LINGER can be set");
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        self.wire.socket()
    }

    /// How the gateway has said goodbye to whoever reads the bytes in it.
    pub(crate) fn goodbye(&self) -> Option<(u16, String)> {
        self.goodbye.clone()
    }

    /// Reads on. `false`: the connection has ended.
    fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; 64 * 1024];
        match self.wire.read(&mut piece) {
            Ok(count) => {
                self.received.extend_from_slice(&piece[..count]);
                Ok(count > 0)
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The bytes in it: payloads of binary messages. Pings are answered, a goodbye is the end.
impl Read for WebSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.payload.is_empty() {
            match take_frame(&mut self.received) {
                Some(Frame { first: first::BINARY, payload }) => self.payload = payload,
                Some(Frame { first: first::PING, payload }) => self.wire.write_all(&frame(first::PONG, &payload))?,
                Some(Frame { first: first::CLOSE, payload }) => {
                    let _ = self.wire.write_all(&frame(first::CLOSE, &payload));
                    self.goodbye = Some(parted(&payload));
                    return Ok(0);
                }
                Some(other) => panic!("the gateway sends {other:?}"),
                None if self.goodbye.is_some() || !self.more()? => return Ok(0),
                None => {}
            }
        }
        let count = buffer.len().min(self.payload.len());
        buffer[..count].copy_from_slice(&self.payload[..count]);
        self.payload.drain(..count);
        Ok(count)
    }
}

/// Each write is a message.
impl Write for WebSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write_all(&frame(first::BINARY, bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wire.flush()
    }
}

/// A masked frame as it goes out.
#[must_use]
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0xA5, 0x00, 0xFF, 0x37];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Takes a whole frame of the gateway, which masks nothing, off the front.
fn take_frame(bytes: &mut Vec<u8>) -> Option<Frame> {
    let first = *bytes.first()?;
    let (head, len) = match *bytes.get(1)? {
        len @ 0..=125 => (2, usize::from(len)),
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        _ => panic!("a server does not mask"),
    };
    let payload = bytes.get(head..head + len)?.to_vec();
    bytes.drain(..head + len);
    Some(Frame { first, payload })
}

fn parted(goodbye: &[u8]) -> (u16, String) {
    match goodbye.split_first_chunk::<2>() {
        Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()),
        // The code that stands for none.
        None => (1005, String::new()),
    }
}
