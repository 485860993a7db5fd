//! Conversations in lines of text, as NATS and Redis have them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use frontier_integration_tests::PATIENCE;

/// A connection in clear text.
pub(crate) fn dial(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).expect("the broker accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
    socket
}

/// Sends `text` as it is.
#[track_caller]
pub(crate) fn say(stream: &mut impl Write, text: &str) {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).expect("the broker takes it");
}

/// The next line, without its end.
#[track_caller]
pub(crate) fn line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the broker answers");
        line.extend(byte);
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}

/// Sends `text`, and wants these lines.
#[track_caller]
pub(crate) fn answers(stream: &mut (impl Read + Write), text: &str, lines: &[&str]) {
    say(stream, text);
    for wanted in lines {
        assert_eq!(line(stream), *wanted, "after {text:?}");
    }
}
