//! Requests: every one gets a well-formed answer, and a connection is made only for one that tungstenite would take.

use frontier_net::websocket::{Denied, answer};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::Request;

/// A request by the rules.
#[allow(dead_code, reason = "the fuzz target brings inputs of its own")]
pub(crate) const GOOD: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: frontier.v1\r\nOrigin: https://a.b\r\n\r\n";

const PAGE: &str = "<p>page</p>";

pub(crate) fn holds(head: &[u8]) {
    let mut judged = false;
    let upgrade = answer(head, PAGE, |request| {
        judged = true;
        // Whatever it is, it can be looked at.
        let _ = (request.path(), request.origin(), request.all("X-Forwarded-For").count());
        Ok(())
    });
    assert_eq!(judged, upgrade.outcome.is_ok());
    let text = String::from_utf8(upgrade.response).expect("an answer is text");
    let (front, body) = text.split_once("\r\n\r\n").expect("an answer has an end of its headers");
    let status = match upgrade.outcome {
        Ok(()) => 101,
        Err(Denied::Page) => 200,
        Err(Denied::Refused { status, .. }) => status,
    };
    assert!(front.starts_with(&format!("HTTP/1.1 {status} ")), "{front}");
    // Nothing of what came goes back: the key as its hash alone.
    assert!(
        front.lines().count() <= 9 && front.bytes().all(|byte| matches!(byte, b'\r' | b'\n' | b' '..=b'~')),
        "{front}"
    );
    match upgrade.outcome {
        Ok(()) => {
            assert_eq!(body, "");
            match Request::try_parse(head) {
                Ok(theirs) => assert_eq!(theirs.expect("it is whole").1.headers()["Sec-WebSocket-Version"], "13"),
                // What is asked for is compared with the one path that there is, so it need not be a good one.
                Err(Error::HttpFormat(_)) => {}
                Err(error) => panic!("tungstenite does not read it: {error}"),
            }
        }
        Err(denied) => {
            let length = front.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("it has a length");
            let length: usize = length.parse().expect("a length is a number");
            assert!(body.len() == length || denied == Denied::Page && body.is_empty(), "{text}");
        }
    }
}
