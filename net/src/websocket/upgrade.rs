//! What a client asks for, and what a server answers. No IO.

use std::fmt::Write as _;

use httparse::{EMPTY_HEADER, Header, Status};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::SUBPROTOCOL;

/// The longest request or answer that is read, headers and all, in bytes.
pub(super) const HEAD_MAX: usize = 16 * 1024;

/// Most headers that are read.
const HEADERS_MAX: usize = 100;

/// The version of the protocol that everybody speaks.
const VERSION: &str = "13";

/// A request for a connection, well-formed as such.
#[derive(Debug)]
pub struct Request<'a> {
    target: &'a str,
    headers: &'a [Header<'a>],
}

impl<'a> Request<'a> {
    /// The path of the URL, without what stands behind a `?`.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// Where the page comes from that asks. Browsers always say it, others may not. `None`: nothing is said; what is no text is
    /// told as an empty one.
    #[must_use]
    pub fn origin(&self) -> Option<&'a str> {
        self.all("Origin").next().map(|origin| std::str::from_utf8(origin).unwrap_or_default())
    }

    /// Everything that stands behind the headers of this name, line by line. The name's letter case does not matter.
    pub fn all(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// Whether `word` is in the comma-separated lists of the headers of this name; letter case does not matter.
    fn lists(&self, name: &'static str, word: &str) -> bool {
        self.words(name).any(|one| one.eq_ignore_ascii_case(word.as_bytes()))
    }

    fn words(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.all(name).flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }
}

/// Why a connection is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It was not asked for: somebody looks what is here, and gets a page.
    Page,
    /// It cannot be had: the status of HTTP, and why.
    Refused {
        /// The status, 400 or above.
        status: u16,
        /// What is wrong, as the client is told.
        why: &'static str,
    },
}

impl Denied {
    /// Refuses with this status, for this reason.
    #[must_use]
    pub const fn refused(status: u16, why: &'static str) -> Self {
        Denied::Refused { status, why }
    }
}

/// What is answered to a request.
#[derive(Debug)]
pub struct Upgrade<T> {
    /// The answer as it goes out.
    pub response: Vec<u8>,
    /// What has come of it: what the judge made of the request, or why there is no connection.
    pub outcome: Result<T, Denied>,
}

/// Answers the request in `head`, which is whole. One that is good as such goes to `judge`, who may refuse it. Who asks for no
/// connection gets `page`, a whole HTML document.
pub fn answer<T>(head: &[u8], page: &str, judge: impl FnOnce(&Request<'_>) -> Result<T, Denied>) -> Upgrade<T> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let outcome = match parsed.parse(head) {
        Ok(Status::Complete(_)) => {
            let method = parsed.method.unwrap_or_default();
            let request = Request { target: parsed.path.unwrap_or_default(), headers: parsed.headers };
            let judged = asked(method, parsed.version.unwrap_or_default(), &request)
                .and_then(|key| judge(&request).map(|made| (key, made)));
            return match judged {
                Ok((key, made)) => Upgrade { response: accepted(key, &request), outcome: Ok(made) },
                Err(denied) => Upgrade { response: denial(denied, page, method == "HEAD"), outcome: Err(denied) },
            };
        }
        Err(httparse::Error::TooManyHeaders) => too_large(),
        Ok(Status::Partial) | Err(_) => Denied::refused(400, "this is no request of HTTP/1.1"),
    };
    Upgrade { response: denial(outcome, page, false), outcome: Err(outcome) }
}

/// For whoever sends more than is read.
pub(super) const fn too_large() -> Denied {
    Denied::refused(431, "the request has too many headers, or too long ones")
}

/// Checks that a connection is asked for, in the right way. Returns the client's key.
fn asked<'a>(method: &str, minor: u8, request: &Request<'a>) -> Result<&'a [u8], Denied> {
    if !matches!(method, "GET" | "HEAD") {
        return Err(Denied::refused(405, "there is nothing here but a WebSocket, which is asked for by GET"));
    }
    let upgrade = request.lists("Upgrade", "websocket");
    let mut keys = request.all("Sec-WebSocket-Key");
    let key = keys.next();
    if !upgrade && key.is_none() {
        return Err(Denied::Page);
    }
    if method != "GET" || minor < 1 {
        return Err(Denied::refused(400, "a WebSocket is asked for by GET of HTTP/1.1"));
    }
    if !request.target.starts_with('/') {
        return Err(Denied::refused(400, "what is asked for does not begin with /"));
    }
    if !upgrade || !request.lists("Connection", "upgrade") {
        let why = "the headers \"Upgrade: websocket\" and \"Connection: Upgrade\" are not both there; \
                   does a proxy in between not pass them on?";
        return Err(Denied::refused(426, why));
    }
    if request.all("Sec-WebSocket-Version").next().map(<[u8]>::trim_ascii) != Some(VERSION.as_bytes()) {
        return Err(Denied::refused(426, "only version 13 of WebSocket is spoken here"));
    }
    let key = key.map(<[u8]>::trim_ascii).filter(|key| is_key(key) && keys.next().is_none());
    key.ok_or(Denied::refused(400, "Sec-WebSocket-Key is not one of 16 bytes in base64"))
}

/// Whether these are 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(key, [front @ .., b'=', b'='] if front.len() == 22 && front.iter().all(letter))
}

fn accepted(key: &[u8], request: &Request<'_>) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key)
    );
    // The names of sub-protocols are compared to the letter. Whoever wants only others is told so by getting none.
    if request.words("Sec-WebSocket-Protocol").any(|word| word == SUBPROTOCOL.as_bytes()) {
        let _ = write!(head, "Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The answer to whoever gets no connection.
pub(super) fn denial(denied: Denied, page: &str, head_only: bool) -> Vec<u8> {
    let (status, kind, more, body) = match denied {
        Denied::Page => (200, "text/html; charset=utf-8", "", page.to_owned()),
        Denied::Refused { status, why } => {
            let more = match status {
                405 => "Allow: GET, HEAD\r\n",
                426 => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                429 | 503 => "Retry-After: 10\r\n",
                _ => "",
            };
            (status, "text/plain; charset=utf-8", more, format!("{why}\n"))
        }
    };
    // A client that gets 426 is to be told by this header too which of the others counts for this connection alone.
    let connection = if status == 426 { "Upgrade, close" } else { "close" };
    let mut answer = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{more}\r\n",
        reason(status),
        body.len()
    );
    if !head_only {
        answer.push_str(&body);
    }
    answer.into_bytes()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}
