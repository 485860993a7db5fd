//! A client of MQTT 5 that subscribes to one topic, in a session that outlives its connection and the broker's death, and
//! remembers all that comes.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use frontier_integration_tests::PATIENCE;
use frontier_integration_tests::brokers::Login;

/// How long nothing comes before what has come is answered, unless that is a lot. A broker that dies while there is an answer
/// that it has not read takes along what it has sent last: the system resets the connection.
const LULL: Duration = Duration::from_millis(100);
const A_LOT: usize = 1000;

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) payload: Vec<u8>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) qos: u8,
    pub(crate) retained: bool,
}

/// Reads until it is dropped, over as many connections as it takes.
#[derive(Debug)]
pub(crate) struct Subscriber {
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    subscribed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    subscribed: bool,
    socket: Option<TcpStream>,
    messages: Vec<Message>,
}

impl Subscriber {
    /// Subscribes to `filter`, and returns once the broker has taken the subscription.
    #[track_caller]
    pub(crate) fn start(addr: SocketAddr, login: Option<&Login>, filter: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let (its, login, filter) = (Arc::clone(&shared), login.cloned(), filter.to_owned());
        let task = thread::spawn(move || {
            while !its.lock().closed {
                // A connection that ends is followed by the next.
                let _ = its.read(addr, login.as_ref(), &filter);
                thread::sleep(PAUSE);
            }
        });
        let state = shared.lock();
        let waited = shared.subscribed.wait_timeout_while(state, PATIENCE, |state| !state.subscribed);
        assert!(!waited.expect("nobody panics with it").1.timed_out(), "no subscription");
        Self { shared, task: Some(task) }
    }

    /// All that has come so far.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.shared.lock().messages.clone()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        if let Some(socket) = state.socket.take() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(state);
        if let Some(task) = self.task.take() {
            let _ = task.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// One connection, to its end.
    fn read(&self, addr: SocketAddr, login: Option<&Login>, filter: &str) -> io::Result<()> {
        let mut socket = TcpStream::connect(addr)?;
        self.lock().socket = Some(socket.try_clone()?);
        socket.write_all(&connect(&format!("subscriber-{filter}"), login))?;
        let mut answers = Vec::new();
        loop {
            let first = if answers.is_empty() { Some(first(&mut socket, None)?) } else { lull(&mut socket)? };
            let Some(header) = first else {
                socket.write_all(&std::mem::take(&mut answers))?;
                continue;
            };
            let body = body(&mut socket)?;
            match header >> 4 {
                // CONNACK: a session that is there knows its subscription.
                2 if body[1] != 0 => return Err(io::Error::other("refused")),
                2 if body[0] == 0 => socket.write_all(&subscribe(filter))?,
                9 => {
                    self.lock().subscribed = true;
                    self.subscribed.notify_all();
                }
                3 => {
                    let (id, message) = publish(header, &body);
                    self.lock().messages.push(message);
                    answers.extend(id.into_iter().flat_map(|id| [0x40, 2, id[0], id[1]]));
                    if answers.len() > 4 * A_LOT {
                        socket.write_all(&std::mem::take(&mut answers))?;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The first byte of the next packet.
fn first(socket: &mut TcpStream, patience: Option<Duration>) -> io::Result<u8> {
    let mut byte = [0];
    socket.set_read_timeout(patience)?;
    let read = socket.read_exact(&mut byte);
    socket.set_read_timeout(None)?;
    read.map(|()| byte[0])
}

/// The same, unless nothing comes.
fn lull(socket: &mut TcpStream) -> io::Result<Option<u8>> {
    match first(socket, Some(LULL)) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        read => read.map(Some),
    }
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).expect("short").to_be_bytes(), text.as_bytes()].concat()
}

/// A packet of less than 128 bytes.
fn short(header: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).ok().filter(|length| *length < 128).expect("short");
    [&[header, length][..], body].concat()
}

/// No clean start, no keep alive, a session that never ends.
fn connect(client_id: &str, login: Option<&Login>) -> Vec<u8> {
    let flags = if login.is_some() { 0b1100_0000 } else { 0 };
    let mut body = [text("MQTT"), vec![5, flags, 0, 0, 5, 0x11, 0xFF, 0xFF, 0xFF, 0xFF], text(client_id)].concat();
    if let Some(Login { user, password }) = login {
        body.extend([text(user), text(password)].concat());
    }
    short(0x10, &body)
}

/// With QoS 1, so that it is written once.
fn subscribe(filter: &str) -> Vec<u8> {
    short(0x82, &[vec![0, 1, 0], text(filter), vec![1]].concat())
}

/// What follows the first byte of a packet.
fn body(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut length, mut shift) = (0, 0);
    loop {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok(body)
}

/// The identifier, if the message has one, and the message. The broker may have added no property but the publisher's.
fn publish(header: u8, body: &[u8]) -> (Option<[u8; 2]>, Message) {
    let qos = (header >> 1) & 3;
    let mut rest = body;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at(count);
        rest = after;
        taken
    };
    let number = |bytes: &[u8]| usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let topic = number(take(2));
    take(topic);
    let id = (qos > 0).then(|| take(2).try_into().expect("two bytes"));
    let (mut left, mut shift) = (0, 0);
    loop {
        let byte = take(1)[0];
        left |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut properties = BTreeMap::new();
    while left > 0 {
        assert_eq!(take(1), [0x26], "a user property");
        let mut texts = [(); 2].map(|()| {
            let length = number(take(2));
            left -= 2 + length;
            String::from_utf8(take(length).to_vec()).expect("text")
        });
        left -= 1;
        properties.insert(std::mem::take(&mut texts[0]), std::mem::take(&mut texts[1]));
    }
    (id, Message { payload: rest.to_vec(), properties, qos, retained: header & 1 == 1 })
}
