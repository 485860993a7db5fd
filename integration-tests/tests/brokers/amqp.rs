//! As much of AMQP 0-9-1 as it takes to publish with confirms and to read back, by hand.

use std::io::{self, Read, Write};

use frontier_integration_tests::brokers::Login;

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
const CHANNEL_OPEN: Method = (20, 10);
const CHANNEL_OPEN_OK: Method = (20, 11);
const DECLARE: Method = (50, 10);
const DECLARE_OK: Method = (50, 11);
const PUBLISH: Method = (60, 40);
const GET: Method = (60, 70);
const GET_OK: Method = (60, 71);
const GET_EMPTY: Method = (60, 72);
const ACK: Method = (60, 80);
const CONFIRM: Method = (85, 10);
const CONFIRM_OK: Method = (85, 11);

/// A connection with one channel, on which publishes are confirmed.
#[derive(Debug)]
pub(crate) struct Client<S> {
    stream: S,
}

impl<S: Read + Write> Client<S> {
    /// Logs in.
    ///
    /// # Errors
    /// The code with which the broker closes the connection instead.
    #[track_caller]
    pub(crate) fn open(mut stream: S, login: &Login) -> Result<Self, u16> {
        stream.write_all(b"AMQP\0\0\x09\x01").expect("the broker reads");
        let mut client = Self { stream };
        client.expects(START);
        let response = format!("\0{}\0{}", login.user, login.password);
        let args = [&properties()[..], &short("PLAIN"), &long(response.as_bytes()), &short("en_US")].concat();
        client.sends(0, START_OK, &args);
        let (tune, args) = client.method();
        if tune == CLOSE {
            return Err(u16::from_be_bytes([args[0], args[1]]));
        }
        assert_eq!(tune, TUNE);
        // As the broker proposes, but no heartbeats.
        client.sends(0, TUNE_OK, &[&args[..6], &[0, 0]].concat());
        client.sends(0, OPEN, &[&short("/")[..], &short(""), &[0]].concat());
        client.expects(OPEN_OK);
        client.sends(1, CHANNEL_OPEN, &short(""));
        client.expects(CHANNEL_OPEN_OK);
        client.sends(1, CONFIRM, &[0]);
        client.expects(CONFIRM_OK);
        Ok(client)
    }

    /// Makes a durable queue, unless there is one.
    #[track_caller]
    pub(crate) fn declares(&mut self, queue: &str) {
        let durable = 0b10;
        self.sends(1, DECLARE, &[&[0, 0][..], &short(queue), &[durable], &long(b"")].concat());
        self.expects(DECLARE_OK);
    }

    /// Publishes a persistent message to a queue, and waits for the confirm.
    #[track_caller]
    pub(crate) fn publishes(&mut self, queue: &str, body: &str) {
        self.sends(1, PUBLISH, &[&[0, 0][..], &short(""), &short(queue), &[0]].concat());
        let (class, weight, length) = (60_u16.to_be_bytes(), [0, 0], (body.len() as u64).to_be_bytes());
        let (has_delivery_mode, persistent) = (0x1000_u16.to_be_bytes(), [2]);
        self.frame(HEADER, 1, &[&class[..], &weight, &length, &has_delivery_mode, &persistent].concat());
        self.frame(BODY, 1, body.as_bytes());
        self.expects(ACK);
    }

    /// Takes a message from a queue without acknowledging it: it goes back when this connection ends.
    #[track_caller]
    pub(crate) fn looks_at(&mut self, queue: &str) -> Option<String> {
        self.sends(1, GET, &[&[0, 0][..], &short(queue), &[0]].concat());
        let (method, _) = self.method();
        if method == GET_EMPTY {
            return None;
        }
        assert_eq!(method, GET_OK);
        assert_eq!(self.receives().expect("a header").0, HEADER);
        let (kind, body) = self.receives().expect("a body");
        assert_eq!(kind, BODY);
        Some(String::from_utf8(body).expect("text"))
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

/// What a client says of itself: that it wants to be told why a login fails.
fn properties() -> Vec<u8> {
    let capability = [&short("authentication_failure_close")[..], b"t\x01"].concat();
    long(&[&short("capabilities")[..], b"F", &long(&capability)].concat())
}

fn short(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("short")][..], text.as_bytes()].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("not that long").to_be_bytes()[..], bytes].concat()
}
