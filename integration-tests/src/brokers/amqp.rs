//! As much of AMQP 0-9-1 as it takes to set up a broker, to publish with confirms, and to read back, by hand.

mod fields;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use self::fields::{long, properties_of, short, table};
use super::Login;
use crate::wait::PATIENCE;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const FRAME_END: u8 = 0xce;

/// A method, as class and number.
type Method = (u16, u16);

const START: Method = (10, 10);
const START_OK: Method = (10, 11);
const TUNE: Method = (10, 30);
const TUNE_OK: Method = (10, 31);
const OPEN: Method = (10, 40);
const OPEN_OK: Method = (10, 41);
const CLOSE: Method = (10, 50);
const CLOSE_OK: Method = (10, 51);
const CHANNEL_OPEN: Method = (20, 10);
const CHANNEL_OPEN_OK: Method = (20, 11);
const EXCHANGE_DECLARE: Method = (40, 10);
const EXCHANGE_DECLARE_OK: Method = (40, 11);
const EXCHANGE_DELETE: Method = (40, 20);
const EXCHANGE_DELETE_OK: Method = (40, 21);
const DECLARE: Method = (50, 10);
const DECLARE_OK: Method = (50, 11);
const BIND: Method = (50, 20);
const BIND_OK: Method = (50, 21);
const PURGE: Method = (50, 30);
const PURGE_OK: Method = (50, 31);
const DELETE: Method = (50, 40);
const DELETE_OK: Method = (50, 41);
const PUBLISH: Method = (60, 40);
const GET: Method = (60, 70);
const GET_OK: Method = (60, 71);
const GET_EMPTY: Method = (60, 72);
const ACK: Method = (60, 80);
const NACK: Method = (60, 120);
const CONFIRM: Method = (85, 10);
const CONFIRM_OK: Method = (85, 11);

/// Messages that are asked for before the first has come.
const AT_ONCE: usize = 200;

/// A connection with one channel, on which publishes are confirmed.
#[derive(Debug)]
pub struct Client<S> {
    stream: S,
}

/// A message as it lies in a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its body.
    pub payload: Vec<u8>,
    /// The key that it was published with.
    pub routing_key: String,
    /// Its properties, by the names of the protocol; without the headers.
    pub properties: BTreeMap<&'static str, String>,
    /// Its headers.
    pub headers: BTreeMap<String, Vec<u8>>,
}

impl Client<TcpStream> {
    /// Logs in at `addr` in clear text.
    ///
    /// # Panics
    /// When the broker does not let it in.
    #[must_use]
    #[track_caller]
    pub fn dial(addr: SocketAddr, login: &Login, vhost: &str) -> Self {
        let socket = TcpStream::connect(addr).expect("the broker accepts");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
        socket.set_nodelay(true).expect("a socket can be told not to wait");
        Self::open(socket, login, vhost).unwrap_or_else(|code| panic!("no way into {vhost:?}: {code}"))
    }
}

impl<S: Read + Write> Client<S> {
    /// Logs in.
    ///
    /// # Errors
    /// The code with which the broker closes the connection instead.
    ///
    /// # Panics
    /// When the broker does not speak AMQP.
    #[track_caller]
    pub fn open(mut stream: S, login: &Login, vhost: &str) -> Result<Self, u16> {
        stream.write_all(b"AMQP\0\0\x09\x01").expect("the broker reads");
        let mut client = Self { stream };
        client.expects(START);
        let response = format!("\0{}\0{}", login.user, login.password);
        let args = [&fields::of_the_client()[..], &short("PLAIN"), &long(response.as_bytes()), &short("en_US")];
        client.sends(0, START_OK, &args.concat());
        let (tune, args) = client.method();
        if tune == CLOSE {
            return Err(u16::from_be_bytes([args[0], args[1]]));
        }
        assert_eq!(tune, TUNE);
        // As the broker proposes, but no heartbeats.
        client.sends(0, TUNE_OK, &[&args[..6], &[0, 0]].concat());
        client.sends(0, OPEN, &[&short(vhost)[..], &short(""), &[0]].concat());
        client.expects(OPEN_OK);
        client.asks(CHANNEL_OPEN, &short(""), CHANNEL_OPEN_OK);
        client.asks(CONFIRM, &[0], CONFIRM_OK);
        Ok(client)
    }

    /// Makes a durable queue, unless there is one.
    #[track_caller]
    pub fn declares(&mut self, queue: &str) {
        let durable = 0b10;
        self.asks(DECLARE, &[&[0, 0][..], &short(queue), &[durable], &table(&[])].concat(), DECLARE_OK);
    }

    /// Makes a queue that a restart of the broker removes.
    #[track_caller]
    pub fn declares_passing(&mut self, queue: &str) {
        self.asks(DECLARE, &[&[0, 0][..], &short(queue), &[0], &table(&[])].concat(), DECLARE_OK);
    }

    /// Removes a queue.
    #[track_caller]
    pub fn deletes(&mut self, queue: &str) {
        self.asks(DELETE, &[&[0, 0][..], &short(queue), &[0]].concat(), DELETE_OK);
    }

    /// Empties a queue.
    #[track_caller]
    pub fn purges(&mut self, queue: &str) {
        self.asks(PURGE, &[&[0, 0][..], &short(queue), &[0]].concat(), PURGE_OK);
    }

    /// Makes a durable exchange of this kind.
    #[track_caller]
    pub fn declares_exchange(&mut self, exchange: &str, kind: &str) {
        let durable = 0b10;
        let args = [&[0, 0][..], &short(exchange), &short(kind), &[durable], &table(&[])].concat();
        self.asks(EXCHANGE_DECLARE, &args, EXCHANGE_DECLARE_OK);
    }

    /// Removes an exchange.
    #[track_caller]
    pub fn deletes_exchange(&mut self, exchange: &str) {
        self.asks(EXCHANGE_DELETE, &[&[0, 0][..], &short(exchange), &[0]].concat(), EXCHANGE_DELETE_OK);
    }

    /// Binds a queue to an exchange by a key.
    #[track_caller]
    pub fn binds(&mut self, queue: &str, exchange: &str, key: &str) {
        let names = [short(queue), short(exchange), short(key)].concat();
        self.asks(BIND, &[&[0, 0][..], &names, &[0], &table(&[])].concat(), BIND_OK);
    }

    /// Publishes a persistent message to a queue, and waits for the confirm.
    #[track_caller]
    pub fn publishes(&mut self, queue: &str, body: &str) {
        self.sends(1, PUBLISH, &[&[0, 0][..], &short(""), &short(queue), &[0]].concat());
        let (class, weight, length) = (60_u16.to_be_bytes(), [0, 0], (body.len() as u64).to_be_bytes());
        let (has_delivery_mode, persistent) = (0x1000_u16.to_be_bytes(), [2]);
        self.frame(HEADER, 1, &[&class[..], &weight, &length, &has_delivery_mode, &persistent].concat());
        self.frame(BODY, 1, body.as_bytes());
        self.expects(ACK);
    }

    /// Takes a message from a queue without acknowledging it: it goes back when this connection ends.
    #[track_caller]
    pub fn looks_at(&mut self, queue: &str) -> Option<Stored> {
        self.wants(queue);
        self.gets()
    }

    /// All that is in a queue, in its order, which is left as it was.
    #[track_caller]
    pub fn all_of(&mut self, queue: &str) -> Vec<Stored> {
        let mut all = Vec::new();
        let mut more = true;
        while more {
            (0..AT_ONCE).for_each(|_| self.wants(queue));
            let got: Vec<Stored> = (0..AT_ONCE).filter_map(|_| self.gets()).collect();
            more = got.len() == AT_ONCE;
            all.extend(got);
        }
        let (every, multiple_and_requeue) = (0_u64.to_be_bytes(), [0b11]);
        self.sends(1, NACK, &[&every[..], &multiple_and_requeue].concat());
        // Answered by the queue, behind what goes back to it.
        let passive = 0b1;
        self.asks(DECLARE, &[&[0, 0][..], &short(queue), &[passive], &table(&[])].concat(), DECLARE_OK);
        all
    }

    /// Ends the connection in order.
    #[track_caller]
    pub fn closes(mut self) {
        self.sends(0, CLOSE, &[&200_u16.to_be_bytes()[..], &short("bye"), &[0; 4]].concat());
        self.expects(CLOSE_OK);
    }

    #[track_caller]
    fn wants(&mut self, queue: &str) {
        self.sends(1, GET, &[&[0, 0][..], &short(queue), &[0]].concat());
    }

    #[track_caller]
    fn gets(&mut self) -> Option<Stored> {
        let (method, args) = self.method();
        if method == GET_EMPTY {
            return None;
        }
        assert_eq!(method, GET_OK);
        // Behind the tag and a flag stand exchange and key.
        let (_, rest) = fields::take_short(&args[9..]);
        let (routing_key, _) = fields::take_short(rest);
        let (kind, header) = self.receives().expect("a header");
        assert_eq!(kind, HEADER);
        let size = u64::from_be_bytes(header[4..12].try_into().expect("eight bytes"));
        let (properties, headers) = properties_of(&header[12..]);
        let mut payload = Vec::new();
        while (payload.len() as u64) < size {
            let (kind, body) = self.receives().expect("a body");
            assert_eq!(kind, BODY);
            payload.extend(body);
        }
        Some(Stored { payload, routing_key: routing_key.to_owned(), properties, headers })
    }

    #[track_caller]
    fn asks(&mut self, method: Method, args: &[u8], answer: Method) {
        self.sends(1, method, args);
        self.expects(answer);
    }

    #[track_caller]
    fn expects(&mut self, wanted: Method) {
        let (method, args) = self.method();
        assert_eq!(method, wanted, "{:?}", String::from_utf8_lossy(&args));
    }

    #[track_caller]
    fn method(&mut self) -> (Method, Vec<u8>) {
        let (kind, mut payload) = self.receives().expect("the broker answers");
        assert_eq!(kind, METHOD);
        let args = payload.split_off(4);
        ((u16::from_be_bytes([payload[0], payload[1]]), u16::from_be_bytes([payload[2], payload[3]])), args)
    }

    #[track_caller]
    fn sends(&mut self, channel: u16, (class, number): Method, args: &[u8]) {
        self.frame(METHOD, channel, &[&class.to_be_bytes()[..], &number.to_be_bytes(), args].concat());
    }

    #[track_caller]
    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let frame = [&[kind][..], &channel.to_be_bytes(), &length, payload, &[FRAME_END]].concat();
        self.stream.write_all(&frame).and_then(|()| self.stream.flush()).expect("the broker reads");
    }

    /// The kind and the payload of the next frame.
    fn receives(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 7];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; length as usize + 1];
        self.stream.read_exact(&mut payload)?;
        assert_eq!(payload.pop(), Some(FRAME_END));
        Ok((head[0], payload))
    }
}
