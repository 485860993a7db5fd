use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role as TheirRole};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::super::{CloseCode, NotAccepted, Options, Role, Url, Violation, WebSocket, accept, connect};
use super::*;

const OPTIONS: Options = Options { max_message: 1 << 20, ping: None };

type Theirs = WebSocketStream<DuplexStream>;

/// A stream of ours, and tungstenite's at the other end, over a pipe of so many bytes.
async fn pair(role: Role, pipe: usize, options: Options) -> (WebSocket<DuplexStream>, Theirs) {
    let (near, far) = duplex(pipe);
    let their_role = if role == Role::Server { TheirRole::Client } else { TheirRole::Server };
    (WebSocket::new(near, role, options, Vec::new()), WebSocketStream::from_raw_socket(far, their_role, None).await)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|number| (number % 251) as u8).collect()
}

async fn next(theirs: &mut Theirs) -> Message {
    theirs.next().await.expect("it has not ended").expect("it is not broken")
}

#[tokio::test]
async fn bytes_go_both_ways_whatever_the_messages() {
    for role in [Role::Server, Role::Client] {
        let (ours, theirs) = pair(role, 100, OPTIONS).await;
        let all = bytes(300_000);
        let (mut ours_in, mut ours_out) = tokio::io::split(ours);
        let (mut theirs_out, mut theirs_in) = theirs.split();
        let writing = async {
            ours_out.write_all(&all).await.unwrap();
            ours_out.flush().await.unwrap();
        };
        let taking = async {
            let mut taken = Vec::new();
            while taken.len() < all.len() {
                match theirs_in.next().await.unwrap().unwrap() {
                    Message::Binary(part) => taken.extend_from_slice(&part),
                    other => panic!("{other:?}"),
                }
            }
            assert!(taken == all, "what our end wrote");
        };
        let sending = async {
            for part in all.chunks(7919) {
                theirs_out.send(Message::Binary(Bytes::copy_from_slice(part))).await.unwrap();
            }
        };
        let reading = async {
            let mut read = vec![0; all.len()];
            ours_in.read_exact(&mut read).await.unwrap();
            assert!(read == all, "what the other end wrote");
        };
        tokio::join!(writing, taking, sending, reading);
    }
}

#[tokio::test]
async fn pings_are_answered_by_whoever_reads() {
    let (mut ours, mut theirs) = pair(Role::Server, 1 << 16, OPTIONS).await;
    theirs.send(Message::Ping(Bytes::from_static(b"are you there"))).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut buffer = [0; 10];
        let count = ours.read(&mut buffer).await.unwrap();
        (ours, buffer[..count].to_vec())
    });
    assert_eq!(next(&mut theirs).await, Message::Pong(Bytes::from_static(b"are you there")));
    theirs.send(Message::Binary(Bytes::from_static(b"data"))).await.unwrap();
    assert_eq!(reading.await.unwrap().1, b"data");
}

#[tokio::test]
async fn of_many_pings_the_last_is_answered_when_there_is_room() {
    let (near, mut far) = duplex(100);
    let mut ours = WebSocket::new(near, Role::Server, OPTIONS, Vec::new());
    let feeding = async {
        for number in 0..200u8 {
            far.write_all(&frame(PING, &[number; 100])).await.unwrap();
        }
        far.write_all(&frame(BINARY, b"x")).await.unwrap();
        far
    };
    let mut buffer = [0; 10];
    let (mut far, count) = tokio::join!(feeding, ours.read(&mut buffer));
    assert_eq!(count.unwrap(), 1);
    // What fitted into the pipe, the one that waited, and the last.
    let mut answers = Vec::new();
    let collecting = async {
        let mut answer = [0; 102];
        loop {
            far.read_exact(&mut answer).await.unwrap();
            answers.push(answer[2]);
            if answer[2] == 199 {
                break;
            }
        }
    };
    tokio::select! {
        () = collecting => {}
        _ = ours.read(&mut buffer) => unreachable!("nothing more comes"),
    }
    assert!(answers.len() <= 3, "{answers:?}");
}

#[tokio::test]
async fn a_goodbye_is_answered_with_its_code() {
    let (mut ours, mut theirs) = pair(Role::Server, 1 << 16, OPTIONS).await;
    let goodbye = CloseFrame { code: CloseCode::Library(4321), reason: "enough".into() };
    theirs.send(Message::Binary(Bytes::from_static(b"last"))).await.unwrap();
    theirs.close(Some(goodbye)).await.unwrap();
    let mut read = Vec::new();
    ours.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last");
    assert_eq!(ours.write(b"too late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    let told = next(&mut theirs).await;
    assert!(matches!(&told, Message::Close(Some(close)) if close.code == CloseCode::Library(4321)), "{told:?}");
}

#[tokio::test]
async fn whoever_breaks_a_rule_is_told_which() {
    for (bytes, violation) in [
        (frame(TEXT, b"hello"), Violation::Text),
        (frame(0x83, b""), Violation::UnknownOpcode),
        (frame(CLOSE, &[0]), Violation::BadClose),
    ] {
        let (near, far) = duplex(1 << 16);
        let mut ours = WebSocket::new(near, Role::Server, OPTIONS, bytes);
        let error = ours.read(&mut [0; 10]).await.unwrap_err();
        let found = error.get_ref().and_then(|inner| inner.downcast_ref::<Violation>());
        assert_eq!(found, Some(&violation));
        let leaving = tokio::spawn(ours.leave(CloseCode::Normal, "not said: the reason was said already"));
        let mut theirs = WebSocketStream::from_raw_socket(far, TheirRole::Client, None).await;
        let told = next(&mut theirs).await;
        assert!(matches!(&told, Message::Close(Some(close)) if close.code == violation.code()), "{told:?}");
        drop(theirs);
        leaving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn leaving_waits_for_the_answer_and_not_for_long() {
    let (ours, mut theirs) = pair(Role::Server, 1 << 16, OPTIONS).await;
    let leaving = tokio::spawn(ours.leave(CloseCode::Away, "the gateway stops"));
    theirs.send(Message::Binary(Bytes::from_static(b"under way"))).await.unwrap();
    let told = next(&mut theirs).await;
    assert!(matches!(&told, Message::Close(Some(close)) if close.code == CloseCode::Away), "{told:?}");
    // Reading on, tungstenite sends the answer.
    assert!(theirs.next().await.is_none_or(|ended| ended.is_err()));
    leaving.await.unwrap();

    let (ours, _deaf) = pair(Role::Server, 4, OPTIONS).await;
    let begin = Instant::now();
    ours.leave(CloseCode::Away, "nobody hears").await;
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_answers_no_ping_is_given_up_and_who_does_is_not() {
    let options = Options { ping: Some(Duration::from_secs(30)), ..OPTIONS };
    let (mut ours, mut theirs) = pair(Role::Server, 1 << 16, options).await;
    let reading = tokio::spawn(async move {
        let error = ours.read(&mut [0; 10]).await.unwrap_err();
        (error, ours)
    });
    let begin = Instant::now();
    // Read, a ping is answered by tungstenite when it is read on.
    for _ in 0..5 {
        assert_eq!(next(&mut theirs).await, Message::Ping(Bytes::new()));
        theirs.flush().await.unwrap();
    }
    let alive = begin.elapsed();
    assert!(alive >= Duration::from_secs(150), "{alive:?}");
    let (error, mut ours) = reading.await.unwrap();
    assert!(error.to_string().contains("no sign of life"), "{error}");
    assert!(begin.elapsed() - alive <= Duration::from_secs(90), "{:?}", begin.elapsed() - alive);
    ours.flush().await.unwrap();
    let mut told = next(&mut theirs).await;
    while told.is_ping() {
        told = next(&mut theirs).await;
    }
    assert!(matches!(&told, Message::Close(Some(close)) if close.code == CloseCode::Policy), "{told:?}");
}

#[tokio::test]
async fn dropped_it_says_goodbye() {
    let (ours, mut theirs) = pair(Role::Client, 1 << 16, OPTIONS).await;
    drop(ours);
    let told = next(&mut theirs).await;
    assert!(matches!(&told, Message::Close(Some(close)) if close.code == CloseCode::Normal), "{told:?}");
}

#[tokio::test]
async fn both_handshakes_fit_together_and_what_comes_early_is_not_lost() {
    let (near, mut far) = duplex(1 << 16);
    let url: Url = "ws://gateway:30013/edges?token=x".parse().unwrap();
    let serving = tokio::spawn(async move {
        let mut early = Vec::new();
        let accepted = accept(&mut far, soon(), "page", |request| {
            early.push(request.path().to_owned());
            Ok(())
        });
        let accepted = accepted.await.unwrap();
        assert_eq!(early, ["/edges"]);
        WebSocket::new(far, Role::Server, OPTIONS, accepted.early)
    });
    let mut ours = connect(near, &url, OPTIONS).await.unwrap();
    let mut served = serving.await.unwrap();
    ours.write_all(b"up").await.unwrap();
    served.write_all(b"down").await.unwrap();
    let mut buffer = [0; 4];
    served.read_exact(&mut buffer[..2]).await.unwrap();
    assert_eq!(&buffer[..2], b"up");
    ours.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"down");

    let (mut near, mut far) = duplex(1 << 16);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
    let head = format!("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n");
    near.write_all(&[head.as_bytes(), &frame(BINARY, b"early")].concat()).await.unwrap();
    let accepted = accept(&mut far, soon(), "page", |_| Ok(())).await.unwrap();
    let mut served = WebSocket::new(far, Role::Server, OPTIONS, accepted.early);
    let mut buffer = [0; 5];
    served.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"early");
}

#[tokio::test(start_paused = true)]
async fn a_request_has_its_time_and_the_answer_has_its_own() {
    let (mut near, mut far) = duplex(1 << 16);
    near.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    let refused = accept(&mut far, until, "page", |_| Ok(())).await.unwrap_err();
    assert!(matches!(refused, NotAccepted::TimedOut) && Instant::now() == until, "{refused}");
    // One that is refused and does not go is refused all the same, late as it is.
    let (mut near, mut far) = duplex(1 << 16);
    near.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
    let until = Instant::now() + Duration::from_millis(10);
    let refused = accept(&mut far, until, "page", |_| Ok(())).await.unwrap_err();
    assert!(matches!(refused, NotAccepted::Denied(_)) && Instant::now() > until, "{refused}");
}

#[tokio::test]
async fn tungstenite_lets_our_client_in() {
    let (near, far) = duplex(1 << 16);
    let serving = tokio::spawn(accept_async(far));
    let url: Url = "ws://gateway".parse().unwrap();
    // It answers no sub-protocol, which is a server's right.
    let mut ours = connect(near, &url, OPTIONS).await.unwrap();
    let mut theirs = serving.await.unwrap().unwrap();
    ours.write_all(b"hello").await.unwrap();
    assert_eq!(next(&mut theirs).await, Message::Binary(Bytes::from_static(b"hello")));
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted() {
    for (answer, said) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nnot you\n", "the server answers 403: not you"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "the server answers 502"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "the server does not answer as one of WebSocket: it does not speak HTTP"),
        (
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
            "the server does not answer as one of WebSocket: its key does not belong to ours",
        ),
    ] {
        let (near, mut far) = duplex(1 << 16);
        far.write_all(answer.as_bytes()).await.unwrap();
        let error = connect(near, &"ws://gateway".parse().unwrap(), OPTIONS).await.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn an_idle_stream_is_small() {
    let own = size_of::<WebSocket<tokio::net::TcpStream>>() - size_of::<tokio::net::TcpStream>();
    assert!(own <= 320, "{own} bytes");
    // A link's driver keeps its stream as one that can be taken out.
    assert_eq!(size_of::<Option<WebSocket<tokio::net::TcpStream>>>(), size_of::<WebSocket<tokio::net::TcpStream>>());
    assert_eq!(size_of::<Option<tokio::net::TcpStream>>(), size_of::<tokio::net::TcpStream>());
}
