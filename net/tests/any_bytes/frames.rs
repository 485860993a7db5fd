//! Frames: how they are cut on their way makes no difference, and tungstenite finds nothing wrong that we let pass.

use std::io::{self, Cursor, Read, Write};

use frontier_net::websocket::{Decoder, Role, Stop};
use tokio_tungstenite::tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

/// The largest message.
const MAX: u32 = 256;

/// The first four bytes say where the others are cut, the fifth who reads.
pub(crate) fn holds(input: &[u8]) {
    let Some((cuts, rest)) = input.split_first_chunk::<4>() else { return };
    let Some((role, bytes)) = rest.split_first() else { return };
    let role = if role % 4 == 0 { Role::Client } else { Role::Server };
    let whole = decoded(role, &[bytes]);
    let mut cuts = cuts.map(|cut| usize::from(cut) * bytes.len() / 256);
    cuts.sort_unstable();
    let [a, b, c, d] = cuts;
    let pieces = [&bytes[..a], &bytes[a..b], &bytes[b..c], &bytes[c..d], &bytes[d..]];
    assert_eq!(decoded(role, &pieces), whole, "in pieces");
    assert!(whole.payload.len() <= bytes.len(), "nothing is made up");

    let theirs = told_by_tungstenite(role, bytes);
    assert!(!theirs.wrong || matches!(whole.stop, Some(Stop::Violation(_))), "{theirs:?} and {whole:?}");
    // Theirs are whole messages; ours go on to the last byte that came.
    let whole_messages = &theirs.payload[..theirs.payload.len().min(whole.payload.len())];
    assert_eq!(whole_messages, &whole.payload[..whole_messages.len()]);
    if whole.stop.is_none() {
        assert!(theirs.payload.len() <= whole.payload.len(), "{theirs:?} and {whole:?}");
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    payload: Vec<u8>,
    ping: Option<Vec<u8>>,
    stop: Option<Stop>,
}

fn decoded(role: Role, pieces: &[&[u8]]) -> Decoded {
    let mut decoder = Decoder::new(role, MAX);
    let mut payload = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let len = decoder.decode(&mut piece);
        payload.extend_from_slice(&piece[..len]);
    }
    let ping = decoder.take_ping();
    assert!(ping.as_ref().is_none_or(|ping| ping.len() <= 125), "a ping is short");
    Decoded { payload, ping, stop: decoder.stop() }
}

#[derive(Debug)]
struct Theirs {
    payload: Vec<u8>,
    /// Whether it is against the protocol, or too large.
    wrong: bool,
}

fn told_by_tungstenite(role: Role, bytes: &[u8]) -> Theirs {
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let config = WebSocketConfig::default().read_buffer_size(64).max_message_size(Some(MAX as usize));
    let mut socket = WebSocket::from_raw_socket(OneWay(Cursor::new(bytes)), role, Some(config));
    let mut payload = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(message)) => payload.extend_from_slice(&message),
            Ok(Message::Close(_)) => return Theirs { payload, wrong: false },
            Ok(_) => {}
            Err(error) => return Theirs { payload, wrong: matches!(error, Error::Capacity(_)) || is_wrong(&error) },
        }
    }
}

/// That the bytes end in the middle is no fault of whoever sent them.
fn is_wrong(error: &Error) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    matches!(error, Error::Protocol(fault) if *fault != ResetWithoutClosingHandshake)
}

/// What is written goes nowhere.
struct OneWay<'a>(Cursor<&'a [u8]>);

impl Read for OneWay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for OneWay<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
