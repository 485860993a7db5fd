//! The client's part of the handshake.

use std::io;

use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::accept::read_head;
use super::{Options, Role, SUBPROTOCOL, Url, WebSocket};

/// Most headers of an answer.
const HEADERS_MAX: usize = 64;

/// What a server says in place of a connection is told up to this length, in bytes.
const TOLD: usize = 200;

/// A server gives no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It answers with another status than 101.
    #[error("the server answers {status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The first line of what it says about it, as far as it came together with the status.
        said: String,
    },
    /// It answers, and not as a WebSocket server does.
    #[error("the server does not answer as one of WebSocket: {what}")]
    NotWebSocket {
        /// What is wrong.
        what: &'static str,
    },
    /// The connection broke.
    #[error("the connection was lost in the handshake")]
    Lost(#[source] io::Error),
}

/// Asks for a WebSocket at `url` over `io`, which leads there. It has no time limit of its own. Dropped, it closes the
/// connection.
///
/// # Errors
/// There is none, or the connection breaks.
pub async fn connect<S>(mut io: S, url: &Url, options: Options) -> Result<WebSocket<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = generate_key();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n",
        url.target(),
        url.host()
    );
    io.write_all(request.as_bytes()).await.map_err(ConnectError::Lost)?;
    io.flush().await.map_err(ConnectError::Lost)?;
    let mut bytes = Vec::new();
    let len = read_head(&mut io, &mut bytes).await.map_err(ConnectError::Lost)?;
    let Some(len) = len else { return Err(ConnectError::NotWebSocket { what: "its headers are too long" }) };
    check(&bytes, &derive_accept_key(key.as_bytes()))?;
    Ok(WebSocket::new(io, Role::Client, options, bytes.split_off(len)))
}

/// Checks an answer, of which perhaps more than the head is there.
fn check(bytes: &[u8], accept: &str) -> Result<(), ConnectError> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(Status::Complete(len)) = response.parse(bytes) else {
        return Err(ConnectError::NotWebSocket { what: "it does not speak HTTP" });
    };
    let status = response.code.unwrap_or_default();
    if status != 101 {
        let line = bytes[len..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let said = String::from_utf8_lossy(&line[..line.len().min(TOLD)]).trim().to_owned();
        return Err(ConnectError::Refused { status, said });
    }
    let header = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value.trim_ascii())
    };
    let wrong = |what| Err(ConnectError::NotWebSocket { what });
    if !header("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
        return wrong("it upgrades to something else");
    }
    if header("Sec-WebSocket-Accept") != Some(accept.as_bytes()) {
        return wrong("its key does not belong to ours");
    }
    if header("Sec-WebSocket-Protocol").is_some_and(|value| value != SUBPROTOCOL.as_bytes()) {
        return wrong("it wants to speak another sub-protocol");
    }
    if header("Sec-WebSocket-Extensions").is_some() {
        return wrong("it wants an extension that nobody has asked for");
    }
    Ok(())
}
