use super::super::{Denied, Request, answer};

/// What is answered to these lines, where nothing is refused that is well-formed: the status, and the answer.
fn answered(lines: &[&str]) -> (u16, String) {
    let head = format!("{}\r\n\r\n", lines.join("\r\n"));
    let response = answer(head.as_bytes(), "<p>page</p>", |_: &Request<'_>| Ok(())).response;
    let text = String::from_utf8(response).expect("an answer is text");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
    (status, text)
}

const GOOD: [&str; 5] = [
    "GET / HTTP/1.1",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// A good request with the line that begins with `front` exchanged, or taken out where nothing is in its place.
fn with(front: &str, line: &str) -> (u16, String) {
    assert!(GOOD.iter().any(|good| good.starts_with(front)), "{front}");
    let lines = GOOD.map(|good| if good.starts_with(front) { line } else { good });
    answered(&lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>())
}

fn and(more: &[&str]) -> (u16, String) {
    answered(&[&GOOD, more].concat())
}

#[test]
fn what_real_clients_send_is_taken() {
    let cookies = format!("Cookie: {}", "a=b; ".repeat(2400));
    for (status, text) in [
        answered(&GOOD),
        with("Connection", "Connection: keep-alive, Upgrade"),
        with("Connection", "Connection: keep-alive\r\nConnection: upgrade"),
        with("Upgrade", "upgrade: WebSocket"),
        with("Upgrade", "UPGRADE: h2c, WEBSOCKET"),
        with("GET", "GET /edges/?token=x HTTP/1.1"),
        and(&["Origin: null"]),
        and(&[&cookies]),
        and(&["sec-websocket-extensions: permessage-deflate; client_max_window_bits"]),
    ] {
        assert_eq!(status, 101, "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{text}");
        assert!(!text.contains("Extensions") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(!text.contains("Sec-WebSocket-Protocol"), "{text}");
    }
}

#[test]
fn one_sub_protocol_is_answered_and_it_is_ours() {
    for offered in ["frontier.v1", "foo, frontier.v1", "frontier.v1,foo", "foo\r\nSec-WebSocket-Protocol: frontier.v1"]
    {
        let (status, text) = and(&[&format!("Sec-WebSocket-Protocol: {offered}")]);
        assert_eq!(status, 101, "{text}");
        assert_eq!(text.matches("Sec-WebSocket-Protocol: frontier.v1\r\n").count(), 1, "{text}");
    }
    for offered in ["foo", "frontier.v10", "Frontier.V1"] {
        let (status, text) = and(&[&format!("Sec-WebSocket-Protocol: {offered}")]);
        assert!(status == 101 && !text.contains("Sec-WebSocket-Protocol"), "{text}");
    }
}

#[test]
fn who_asks_for_no_websocket_gets_the_page() {
    for lines in [&["GET / HTTP/1.1", "Host: x"][..], &["GET /favicon.ico HTTP/1.1"], &["GET / HTTP/1.0"]] {
        let (status, text) = answered(lines);
        assert!(status == 200 && text.ends_with("\r\n\r\n<p>page</p>"), "{text}");
        assert!(text.contains("\r\nContent-Length: 11\r\n") && text.contains("\r\nConnection: close\r\n"), "{text}");
    }
    let (status, text) = answered(&["HEAD / HTTP/1.1"]);
    assert!(status == 200 && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn what_cannot_be_had_is_refused_with_its_reason() {
    for (wanted, (status, text)) in [
        (405, with("GET", "POST / HTTP/1.1")),
        (400, with("GET", "GET / HTTP/1.0")),
        (400, with("GET", "HEAD / HTTP/1.1")),
        (400, with("GET", "GET ] HTTP/1.1")),
        (400, with("GET", "GET http://gateway/ HTTP/1.1")),
        (426, with("Upgrade", "")),
        (426, with("Upgrade", "Upgrade: h2c")),
        (426, with("Connection", "")),
        (426, with("Connection", "Connection: keep-alive")),
        (426, with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")),
        (426, with("Sec-WebSocket-Version", "")),
        (400, with("Sec-WebSocket-Key", "")),
        (400, with("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=")),
        (400, with("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==")),
        (400, and(&["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])),
        (400, answered(&["\u{16}\u{3}\u{1}"])),
        (400, answered(&["GET / HTTP/1.1", "no header"])),
        (431, and(&["X: y"; 100])),
    ] {
        assert_eq!(status, wanted, "{text}");
        assert!(text.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"), "{text}");
        assert_eq!(status == 426, text.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{text}");
    }
}

#[test]
fn the_judge_sees_what_was_asked_for() {
    let head = format!(
        "{}\r\nOrigin: https://a.b\r\nX-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nx-forwarded-for: 9.9.9.9\r\n\r\n",
        GOOD.join("\r\n").replace("GET / ", "GET /edges?token=x ")
    );
    let judged = answer(head.as_bytes(), "", |request| {
        let forwarded: Vec<_> = request.all("X-Forwarded-For").collect();
        Ok((request.path().to_owned(), request.origin().map(str::to_owned), forwarded.concat()))
    });
    let expected = ("/edges".to_owned(), Some("https://a.b".to_owned()), b"1.2.3.4, 5.6.7.89.9.9.9".to_vec());
    assert_eq!(judged.outcome, Ok(expected));
    let denied = Denied::refused(403, "not you");
    let judged = answer(head.as_bytes(), "", |_| Err::<(), _>(denied));
    assert_eq!(judged.outcome, Err(denied));
    let text = String::from_utf8(judged.response).unwrap();
    assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\n") && text.ends_with("\r\n\r\nnot you\n"), "{text}");
}
