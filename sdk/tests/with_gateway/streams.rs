//! Streams in both directions.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::StreamExt;
use proto::id::SessionId;
use sdk::{Edge, Error, Request, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::gateway::{Gateway, Heard, Peer, soon};

const MIB: usize = 1024 * 1024;

async fn opened(gateway: &mut Gateway) -> (Edge, Peer, Stream, SessionId) {
    let (edge, mut peer) = gateway.connected_edge().await;
    let (stream, (session, name)) = tokio::join!(edge.open_stream("files"), peer.confirm());
    assert_eq!(name, "files");
    let stream = stream.expect("opened");
    assert_eq!(stream.peer(), "files");
    (edge, peer, stream, session)
}

fn send(peer: &Peer, session: SessionId, data: Vec<u8>) {
    peer.tell(move |conn, _| assert!(conn.send_data(session, data.into())));
}

/// Everything that the peer sends on the session until it ends its direction. Grants credit for it.
async fn until_end(peer: &mut Peer, session: SessionId) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match peer.next().await {
            Heard::Data(on, data) if on == session => {
                all.extend_from_slice(&data);
                peer.tell(move |conn, _| conn.grant(session, data.len()));
            }
            Heard::DataEnd(on) | Heard::Ended(on) if on == session => return all,
            other => panic!("wanted bytes, heard {other:?}"),
        }
    }
}

/// Bytes in which a gap or a change of order shows.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 251 + at % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn bytes_go_both_ways_and_each_direction_ends_by_itself() {
    let mut gateway = Gateway::new();
    let (_edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    stream.write_all(b"request").await.expect("open");
    stream.shutdown().await.expect("open");
    assert_eq!(until_end(&mut peer, session).await, b"request");
    assert_eq!(stream.write(b"more").await.expect_err("shut down").kind(), ErrorKind::BrokenPipe);

    send(&peer, session, b"answer".to_vec());
    peer.tell(move |conn, now| conn.end_data(now, session));
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("open");
    assert_eq!(answer, b"answer");
    let (closed, heard) = tokio::join!(stream.close(), peer.next());
    closed.expect("confirmed");
    assert_eq!(heard, Heard::Ended(session));
}

#[tokio::test(start_paused = true)]
async fn towards_a_plain_gateway_shutting_down_closes_behind_the_bytes() {
    let mut gateway = Gateway::plain();
    let (_edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    let bytes = pattern(300_000);
    stream.write_all(&bytes).await.expect("open");
    stream.shutdown().await.expect("open");
    assert!(until_end(&mut peer, session).await == bytes, "all bytes, in order, then the end");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("an end in order");
    assert!(rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_closes_it_behind_the_bytes() {
    let mut gateway = Gateway::new();
    let (_edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    let bytes = pattern(MIB);
    stream.write_all(&bytes).await.expect("open");
    drop(stream);
    assert!(until_end(&mut peer, session).await == bytes);
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_while_the_other_side_grants_nothing() {
    let mut gateway = Gateway::new();
    let (_edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    let bytes = pattern(4 * MIB);
    // 1 MiB is under way by the peer's first credit, 1 MiB waits here.
    let mut written = 0;
    while let Ok(step) = tokio::time::timeout(Duration::from_secs(1), stream.write(&bytes[written..])).await {
        written += step.expect("open");
    }
    assert_eq!(written, 2 * MIB);
    let writer = tokio::spawn(async move {
        stream.write_all(&bytes[2 * MIB..]).await.expect("open");
        stream.shutdown().await.expect("open");
        stream
    });
    // Nothing was granted for what has come so far.
    let mut all = Vec::new();
    while all.len() < MIB {
        match peer.next().await {
            Heard::Data(_, data) => all.extend_from_slice(&data),
            other => panic!("wanted bytes, heard {other:?}"),
        }
    }
    peer.tell(move |conn, _| conn.grant(session, MIB));
    all.extend(until_end(&mut peer, session).await);
    assert!(all == pattern(4 * MIB), "all bytes, in order");
    drop(soon(writer).await.expect("no panic"));
}

#[tokio::test(start_paused = true)]
async fn an_unread_stream_stops_its_sender_and_nobody_else() {
    let mut gateway = Gateway::new();
    let (edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    send(&peer, session, pattern(3 * MIB));
    let (answer, ()) = tokio::join!(edge.call("m", ""), async {
        let request = peer.request().await;
        peer.respond(request, Ok(b"still here"));
    });
    assert_eq!(answer.expect("answered"), "still here");
    peer.tell(move |conn, now| conn.end_data(now, session));
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.expect("open");
    assert!(all == pattern(3 * MIB), "all bytes, in order");
}

#[tokio::test(start_paused = true)]
async fn an_unread_stream_of_a_plain_gateway_stops_the_link_until_it_is_read() {
    let mut gateway = Gateway::plain();
    let (edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    send(&peer, session, pattern(3 * MIB));
    // Calls are answered until 1 MiB has come; then the answer stays unread.
    let held_up = loop {
        let (answer, ()) = tokio::join!(edge.call("m", "").timeout(Duration::from_secs(1)), async {
            let request = peer.request().await;
            peer.respond(request, Ok(b"maybe read"));
        });
        if let Err(error) = answer {
            break error;
        }
        // Lets the sender's pauses between bytes pass.
        tokio::time::advance(Duration::from_millis(2)).await;
    };
    assert!(matches!(held_up, Error::Timeout));
    let mut all = vec![0; 3 * MIB];
    stream.read_exact(&mut all).await.expect("open");
    assert!(all == pattern(3 * MIB), "all bytes, in order");
    let (answer, ()) = tokio::join!(edge.call("m", ""), async {
        let request = peer.request().await;
        peer.respond(request, Ok(b"read again"));
    });
    assert_eq!(answer.expect("answered"), "read again");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_refused_says_why() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let (refused, ()) = tokio::join!(edge.open_stream("nobody"), async {
        let Heard::Offered { session, .. } = peer.next().await else { panic!("wanted an opening") };
        peer.tell(move |conn, now| conn.decline(now, session, "service not online"));
    });
    assert!(matches!(refused, Err(Error::Refused(text)) if text == "service not online"));
    let (silence, _) = tokio::join!(edge.open_stream("silent"), peer.next());
    assert!(matches!(silence, Err(Error::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_short_says_why() {
    let mut gateway = Gateway::new();
    let (_edge, peer, mut stream, session) = opened(&mut gateway).await;
    send(&peer, session, b"so far".to_vec());
    peer.tell(move |conn, now| conn.dismiss(now, session, "edge too slow"));
    let mut read = [0; 6];
    stream.read_exact(&mut read).await.expect("what came is kept");
    let error = stream.read(&mut read).await.expect_err("no end in order");
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::ConnectionAborted, "edge too slow"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_is_no_end_of_bytes() {
    let mut gateway = Gateway::new();
    let (_edge, peer, mut stream, _) = opened(&mut gateway).await;
    peer.cut().await;
    assert_eq!(stream.read(&mut [0; 8]).await.expect_err("lost").kind(), ErrorKind::ConnectionReset);
    assert_eq!(stream.write(b"x").await.expect_err("lost").kind(), ErrorKind::ConnectionReset);
    assert!(matches!(stream.call("m", "").await, Err(Error::LinkLost)));
    assert!(matches!(stream.close().await, Err(Error::LinkLost)));
}

#[tokio::test(start_paused = true)]
async fn streams_are_accepted_when_the_application_takes_them() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    for name in 0..513 {
        peer.open(name);
    }
    assert_eq!(
        peer.next().await,
        Heard::Failed(512, proto::conn::Failure::Declined("stream was not accepted".to_owned()))
    );
    let mut stream = edge.accept_stream().await.expect("offered");
    let Heard::Opened(0, session) = peer.next().await else { panic!("wanted the first") };
    send(&peer, session, b"hello".to_vec());
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.expect("open");
    assert_eq!(&hello, b"hello");
}

#[tokio::test(start_paused = true)]
async fn calls_and_messages_within_a_stream_both_ways() {
    let mut gateway = Gateway::new();
    let (_edge, mut peer, stream, session) = opened(&mut gateway).await;
    let (done, heard) = tokio::join!(
        stream.handle("double", async |request: Request| Ok::<_, Infallible>(request.payload.repeat(2))),
        peer.next()
    );
    done.expect("registered");
    assert_eq!(heard, Heard::Registered { session, method: "double".to_owned() });
    peer.call(1, session, "double", b"12345678", b"ab");
    assert_eq!(peer.response().await, (1, Ok(b"abab".to_vec())));
    peer.call(2, SessionId::MAIN, "double", b"", b"ab");
    assert_eq!(peer.response().await, (2, Err("no such rpc: double".to_owned())), "it is the stream's alone");

    let (answer, ()) = tokio::join!(stream.call("m", "x"), async {
        let request = peer.request().await;
        assert_eq!(request.session, session);
        peer.respond(request, Ok(b"y"));
    });
    assert_eq!(answer.expect("answered"), "y");
    let (acked, ()) = tokio::join!(stream.publish("topic", "x"), async {
        let message = peer.message().await;
        assert_eq!((message.session, message.name.as_str()), (session, "topic"));
        peer.ack(message, "");
    });
    acked.expect("accepted");

    peer.publish(3, session, "topic", b"12345678", b"z");
    let message = stream.receive().await.expect("one is there");
    assert_eq!(message.stream_id(), session);
    assert_eq!((&message.custom[..], message.edge_id), (&b"12345678"[..], None), "no edge id within streams");
    message.ack();
    assert_eq!(peer.acked().await, (3, String::new()));
    peer.tell(move |conn, now| conn.dismiss(now, session, ""));
    assert!(stream.receive().await.is_none());
    assert!(matches!(stream.call("m", "").await, Err(Error::StreamClosed)));
}

#[tokio::test(start_paused = true)]
async fn handlers_of_a_stream_that_never_wait_and_those_for_any_method() {
    let mut gateway = Gateway::new();
    let (_edge, mut peer, stream, session) = opened(&mut gateway).await;
    let (done, heard) = tokio::join!(stream.handle_now("now", |_| Ok::<_, Infallible>("at once")), peer.next());
    done.expect("registered");
    assert_eq!(heard, Heard::Registered { session, method: "now".to_owned() });
    stream.handle_any(async |request: Request| Ok::<_, Infallible>(request.method.to_uppercase()));
    for (method, answer) in [("now", "at once"), ("other", "OTHER")] {
        peer.call(1, session, method, b"", b"");
        assert_eq!(peer.response().await, (1, Ok(answer.as_bytes().to_vec())));
    }
    peer.call(2, SessionId::MAIN, "other", b"", b"");
    assert_eq!(peer.response().await, (2, Err("no such rpc: other".to_owned())), "they are the stream's alone");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_stream_sends_what_was_written_and_then_the_reason() {
    let mut gateway = Gateway::new();
    let (_edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    let bytes = pattern(MIB / 2);
    stream.write_all(&bytes).await.expect("open");
    stream.abort(&"ä".repeat(1000));
    let mut all = Vec::new();
    let reason = loop {
        match peer.next().await {
            Heard::Data(_, data) => all.extend_from_slice(&data),
            Heard::Aborted(on, reason) if on == session => break reason,
            other => panic!("wanted bytes or the end, heard {other:?}"),
        }
    };
    assert!(all == bytes, "all bytes, in order");
    assert_eq!(reason, "ä".repeat(512), "1 KiB of it");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_stream_can_be_waited_for_beside_its_use() {
    let mut gateway = Gateway::new();
    let (edge, mut peer, mut stream, session) = opened(&mut gateway).await;
    let ended = tokio::spawn(stream.ended());
    stream.shutdown().await.expect("open");
    assert_eq!(peer.next().await, Heard::DataEnd(session));
    assert!(!ended.is_finished(), "one direction is open");
    peer.tell(move |conn, now| conn.dismiss(now, session, ""));
    soon(ended).await.expect("no panic").expect("an end in order");
    assert_eq!(peer.next().await, Heard::Ended(session));

    let (stream, (session, _)) = tokio::join!(edge.open_stream("files"), peer.confirm());
    let ended = stream.as_ref().expect("opened").ended();
    peer.tell(move |conn, now| conn.dismiss(now, session, "disk full"));
    assert!(matches!(soon(ended).await, Err(Error::Aborted(reason)) if reason == "disk full"));

    assert!(matches!(peer.next().await, Heard::Ended(_)));
    let (lost, _) = tokio::join!(edge.open_stream("files"), peer.confirm());
    let ended = lost.as_ref().expect("opened").ended();
    peer.cut().await;
    assert!(matches!(soon(ended).await, Err(Error::LinkLost)));
}

#[tokio::test(start_paused = true)]
async fn incoming_streams_come_one_after_the_other_until_the_edge_is_closed() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let mut incoming = std::pin::pin!(edge.incoming());
    let mut streams = Vec::new();
    for name in 0..2 {
        peer.open(name);
        streams.push(soon(incoming.next()).await.expect("offered"));
        let Heard::Opened(opened, _) = peer.next().await else { panic!("wanted an opened stream") };
        assert_eq!(opened, name);
    }
    assert_ne!(streams[0].id(), streams[1].id());
    edge.close().await;
    assert!(soon(incoming.next()).await.is_none());
}
