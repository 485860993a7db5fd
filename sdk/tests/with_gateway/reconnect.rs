//! Losing the link and coming back.

use std::convert::Infallible;
use std::time::Duration;

use proto::id::ClientId;
use sdk::{Builder, Edge, EdgeId, Error, LinkState, Reconnect};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::gateway::{Gateway, ID, soon};

#[tokio::test(start_paused = true)]
async fn the_first_connect_says_who_we_are_and_is_not_retried() {
    let mut gateway = Gateway::new();
    let builder = gateway.edge().meta("sensor 7").edge_id(EdgeId(40));
    let (refused, peer) = tokio::join!(builder.connect(), async {
        let mut peer = gateway.arrival().await;
        assert_eq!(peer.connect().await, (ClientId(40), b"sensor 7".to_vec()));
        peer.tell(|conn, now| conn.refuse(now, "not you"));
        peer
    });
    assert!(matches!(refused, Err(Error::Refused(text)) if text == "not you"));
    let silence = tokio::time::timeout(Duration::from_secs(100), gateway.arrival()).await;
    assert!(silence.is_err(), "no second attempt");
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn w27_a_service_asks_for_its_id_and_declares_name_and_topics() {
    let mut gateway = Gateway::new();
    let builder = gateway.service().name("greeter").topics(["a", "b"]).service_id(sdk::ServiceId(5));
    let (_, said) = tokio::join!(builder.connect(), async {
        let mut peer = gateway.arrival().await;
        let said = peer.connect().await;
        peer.tell(|conn, now| conn.refuse(now, "enough"));
        said
    });
    assert_eq!(said, (ClientId(5), br#"{"service":"greeter","topics":["a","b"]}"#.to_vec()));
}

#[tokio::test(start_paused = true)]
async fn no_gateway_and_a_silent_one_are_errors() {
    let refused = Edge::builder("127.0.0.1:1").dial_with(|| async { Err::<DuplexStream, _>("no route") });
    assert!(matches!(refused.connect().await, Err(Error::Dial(text)) if text.to_string() == "no route"));
    let hanging = Edge::builder("").dial_with(std::future::pending::<Result<DuplexStream, String>>);
    assert!(matches!(hanging.connect().await, Err(Error::Dial(text)) if text.to_string().contains("within 10s")));
    let mut gateway = Gateway::new();
    let builder = gateway.edge();
    let start = Instant::now();
    let (silence, _peer) = tokio::join!(builder.connect(), gateway.arrival());
    assert!(matches!(silence, Err(Error::Handshake(text)) if text == "handshake timeout"));
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_connect_leaves_nothing_behind() {
    let mut gateway = Gateway::new();
    let builder = gateway.edge();
    let mut connecting = Box::pin(builder.connect());
    let peer = tokio::select! {
        connected = &mut connecting => panic!("not let in yet: {connected:?}"),
        peer = gateway.arrival() => peer,
    };
    drop(connecting);
    assert_eq!(peer.end().await.to_string(), "connection lost: end of stream");
}

#[tokio::test(start_paused = true)]
async fn w27_methods_are_restored_before_the_link_counts_as_online() {
    let mut gateway = Gateway::new();
    let builder = gateway.edge().meta("m").edge_id(EdgeId(40)).handle_now("one", |_| Ok::<_, Infallible>(""));
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let edge = edge.expect("let in");
    peer.registered().await;
    let (done, _) = tokio::join!(edge.handle_now("two", |_| Ok::<_, Infallible>("")), peer.registered());
    done.expect("registered");
    let mut state = edge.state();
    assert_eq!(*state.borrow_and_update(), LinkState::Online { id: ID });
    peer.cut().await;

    let mut again = gateway.arrival().await;
    assert_eq!(again.connect().await, (ClientId(40), b"m".to_vec()), "the same wanted id and meta");
    again.tell(|conn, now| conn.accept(now, ClientId(8)));
    let mut methods = [again.registered().await, again.registered().await];
    methods.sort();
    assert_eq!(methods, ["one", "two"]);
    soon(state.wait_for(|state| *state == LinkState::Online { id: ClientId(8) })).await.expect("online");
    assert_eq!(edge.id(), EdgeId(8));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_does_not_confirm_methods_is_left() {
    let (builder, mut far) = one_pipe();
    let connecting = tokio::spawn(builder.handle_now("one", |_| Ok::<_, Infallible>("")).connect());
    let start = Instant::now();
    let_in(&mut far).await;
    let end = connecting.await.expect("no panic");
    assert!(matches!(end, Err(Error::Handshake(text)) if text == "methods are not confirmed"));
    assert_eq!(start.elapsed().as_secs(), 15, "10 s for the methods, 5 s for taking leave");
}

#[tokio::test(start_paused = true)]
async fn w27_calls_wait_for_the_link_until_their_deadline_and_are_sent_once() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let caller = edge.clone();
    let under_way = tokio::spawn(async move { caller.call("m", "under way").await });
    peer.request().await;
    peer.cut().await;
    assert!(matches!(under_way.await.expect("no panic"), Err(Error::LinkLost)), "never sent again");

    let start = Instant::now();
    let late = edge.call("m", "").timeout(Duration::from_millis(100)).await;
    assert!(matches!(late, Err(Error::Timeout)));
    assert_eq!(start.elapsed().as_millis(), 100);

    let (answer, again) = tokio::join!(edge.call("m", "waiting"), async {
        let mut again = gateway.accept().await;
        let request = again.request().await;
        assert_eq!(request.payload, b"waiting");
        again.respond(request, Ok(b"done"));
        again
    });
    assert_eq!(answer.expect("answered"), "done");
    drop(again);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_for_the_link_is_never_sent() {
    let mut gateway = Gateway::new();
    let (edge, peer) = gateway.connected_edge().await;
    peer.cut().await;
    let mut state = edge.state();
    soon(state.wait_for(|state| matches!(state, LinkState::Offline { .. }))).await.expect("lost");
    let given_up = tokio::time::timeout(Duration::from_millis(100), edge.call("m", "given up")).await;
    assert!(given_up.is_err(), "the call itself still waited");
    let (answer, again) = tokio::join!(edge.call("m", "kept"), async {
        let mut again = gateway.accept().await;
        let request = again.request().await;
        assert_eq!(request.payload, b"kept");
        again.respond(request, Ok(b"done"));
        again
    });
    assert_eq!(answer.expect("answered"), "done");
    drop(again);
}

#[tokio::test(start_paused = true)]
async fn w27_pauses_grow_although_each_connect_succeeds() {
    let mut gateway = Gateway::new();
    let (edge, peer) = gateway.connected_edge().await;
    let mut lost = Instant::now();
    peer.cut().await;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let peer = gateway.accept().await;
        pauses.push(lost.elapsed().as_millis());
        let mut state = edge.state();
        soon(state.wait_for(|state| matches!(state, LinkState::Online { .. }))).await.expect("online");
        lost = Instant::now();
        peer.cut().await;
    }
    let ranges = [(500, 2_000), (1_000, 4_000), (2_000, 8_000), (4_000, 16_000), (7_500, 30_000), (7_500, 30_000)];
    for (pause, (shortest, longest)) in pauses.iter().zip(ranges) {
        assert!((shortest..=longest + 1).contains(pause), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_reconnect_is_told_and_tried_again_later() {
    let mut gateway = Gateway::new();
    let (edge, peer) = gateway.connected_edge().await;
    let mut state = edge.state();
    peer.cut().await;
    let mut refusing = gateway.arrival().await;
    refusing.connect().await;
    refusing.tell(|conn, now| conn.refuse(now, "full"));
    let refused = |state: &LinkState| matches!(state, LinkState::Offline { reason, .. } if reason.contains("full"));
    let seen = soon(state.wait_for(refused)).await.expect("told").clone();
    let LinkState::Offline { next_attempt, .. } = seen else { unreachable!("just matched") };
    // A first failure, then a refusal, which counts twice.
    assert!(next_attempt.duration_since(Instant::now()) >= Duration::from_millis(1900));
    let _peer = gateway.accept().await;
    soon(state.wait_for(|state| matches!(state, LinkState::Online { .. }))).await.expect("online");
}

#[tokio::test(start_paused = true)]
async fn without_reconnect_a_lost_link_is_the_end() {
    let mut gateway = Gateway::new();
    let builder = gateway.edge().reconnect(Reconnect::Never);
    let (edge, peer) = tokio::join!(builder.connect(), gateway.accept());
    let edge = edge.expect("let in");
    peer.cut().await;
    assert!(matches!(edge.receive().await, Err(Error::Closed)));
    assert_eq!(*edge.state().borrow(), LinkState::Closed);
    assert!(matches!(edge.call("m", "").await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_wait_for_the_next_attempt() {
    let mut gateway = Gateway::new();
    let (edge, peer) = gateway.connected_edge().await;
    peer.cut().await;
    let mut state = edge.state();
    soon(state.wait_for(|state| matches!(state, LinkState::Offline { .. }))).await.expect("lost");
    let start = Instant::now();
    edge.close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(*edge.state().borrow(), LinkState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_silent_gateway_is_left_after_two_heartbeats() {
    let (builder, mut far) = one_pipe();
    let connecting = tokio::spawn(builder.connect());
    let_in(&mut far).await;
    let edge = connecting.await.expect("no panic").expect("let in");
    let start = Instant::now();
    assert!(matches!(edge.receive().await, Err(Error::Closed)));
    let silence = start.elapsed().as_secs();
    assert!((45..=51).contains(&silence), "left after {silence} s");
}

/// An edge that has one pipe to connect over, and the pipe's other end.
fn one_pipe() -> (Builder<Edge>, DuplexStream) {
    let (near, far) = tokio::io::duplex(1024);
    let near = std::sync::Mutex::new(Some(near));
    let builder = Edge::builder("").reconnect(Reconnect::Never).dial_with(move || {
        let near = near.lock().expect("not poisoned").take();
        async move { near.ok_or("one only") }
    });
    (builder, far)
}

/// Reads a Conn and answers it with the id 7, byte by byte.
async fn let_in(far: &mut DuplexStream) {
    let mut header = [0; 14];
    far.read_exact(&mut header).await.expect("a header");
    assert_eq!(header[..2], [1, 1], "version and Conn");
    let len = u32::from_be_bytes(header[10..].try_into().expect("four bytes"));
    far.read_exact(&mut vec![0; len as usize]).await.expect("a payload");
    header[1] = 2;
    header[10..].copy_from_slice(&11u32.to_be_bytes());
    far.write_all(&[&header[..], b"\0\0\0\0\0\0\0\0\x07{}"].concat()).await.expect("the pipe is there");
}
