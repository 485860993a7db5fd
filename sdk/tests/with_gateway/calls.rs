//! Calls that an edge or service makes.

use std::time::Duration;

use proto::id::SessionId;
use sdk::{EdgeId, Error};
use tokio::time::Instant;

use crate::gateway::{Gateway, Heard, soon};

#[tokio::test(start_paused = true)]
async fn an_edges_call_carries_method_payload_custom_and_deadline() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let (answer, ()) = tokio::join!(edge.call("echo", "payload").custom("extra"), async {
        let request = peer.request().await;
        assert_eq!((request.name.as_str(), request.session), ("echo", SessionId::MAIN));
        assert_eq!((&request.payload[..], &request.custom[..]), (&b"payload"[..], &b"extra"[..]));
        assert!(request.has_deadline);
        peer.respond(request, Ok(b"result"));
    });
    assert_eq!(answer.expect("answered"), "result");
}

#[tokio::test(start_paused = true)]
async fn a_services_call_carries_the_edge_id_behind_the_custom_bytes() {
    let mut gateway = Gateway::new();
    let (service, mut peer) = gateway.connected_service().await;
    let (answer, ()) = tokio::join!(service.call(EdgeId(0x0102), "echo", "").custom("extra"), async {
        let request = peer.request().await;
        assert_eq!(request.custom, b"extra\0\0\0\0\0\0\x01\x02");
        peer.respond(request, Err("edge not online"));
    });
    assert!(matches!(answer, Err(Error::Remote(text)) if text == "edge not online"));
}

#[tokio::test(start_paused = true)]
async fn calls_are_concurrent_and_answered_in_any_order() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let (one, two, ()) = tokio::join!(edge.call("m", "one"), edge.call("m", "two"), async {
        let (first, second) = (peer.request().await, peer.request().await);
        assert_eq!((&first.payload[..], &second.payload[..]), (&b"one"[..], &b"two"[..]));
        peer.respond(second, Ok(b"2"));
        peer.respond(first, Ok(b"1"));
    });
    assert_eq!((one.expect("answered"), two.expect("answered")), ("1".into(), "2".into()));
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_a_late_answer_is_ignored() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let start = Instant::now();
    let answer = edge.call("slow", "").timeout(Duration::from_secs(3)).await;
    assert!(matches!(answer, Err(Error::Timeout)));
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(matches!(edge.call("slow", "").await, Err(Error::Timeout)));
    assert_eq!(start.elapsed().as_secs(), 33, "30 s unless told otherwise");
    let late = peer.request().await;
    peer.respond(late, Ok(b"late"));
    let (answer, ()) = tokio::join!(edge.call("next", ""), async {
        peer.request().await;
        let next = peer.request().await;
        peer.respond(next, Ok(b"fresh"));
    });
    assert_eq!(answer.expect("answered"), "fresh");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_cancels_it() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let mut call = Box::pin(edge.call("slow", ""));
    let request = tokio::select! {
        answer = &mut call => panic!("not answered yet: {answer:?}"),
        request = peer.request() => request,
    };
    drop(call);
    assert_eq!(peer.next().await, Heard::Cancelled(request.packet));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_would_not_survive_it_is_not_told_of_a_cancelled_call() {
    let mut gateway = Gateway::plain();
    let (edge, mut peer) = gateway.connected_edge().await;
    let mut call = Box::pin(edge.call("slow", ""));
    tokio::select! {
        answer = &mut call => panic!("not answered yet: {answer:?}"),
        _ = peer.request() => {}
    }
    drop(call);
    let (answer, ()) = tokio::join!(edge.call("next", ""), async {
        let next = peer.request().await;
        assert_eq!(next.name, "next", "nothing came in between");
        peer.respond(next, Ok(b""));
    });
    assert_eq!(answer.expect("answered"), "");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_awaited_is_never_sent() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    drop(edge.call("never", ""));
    let (_, request) = tokio::join!(edge.call("sent", "").timeout(Duration::from_secs(1)), peer.request());
    assert_eq!(request.name, "sent");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_a_frame_is_not_sent() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    for len in [7_900_000, 20_000_000] {
        let answer = edge.call("m", vec![0; len]).await;
        assert!(matches!(answer, Err(Error::TooLarge { len: encoded, max: 10_485_760 }) if encoded > len));
    }
    let (answer, ()) = tokio::join!(edge.call("m", vec![1; 7_800_000]), async {
        let request = peer.request().await;
        assert_eq!(request.payload.len(), 7_800_000);
        peer.respond(request, Ok(&vec![2; 7_800_000]));
    });
    assert_eq!(answer.expect("answered").len(), 7_800_000);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let mut gateway = Gateway::new();
    let limits = sdk::Limits { queue_bytes: 1000, ..sdk::Limits::default() };
    let builder = gateway.edge().limits(limits);
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let edge = edge.expect("let in");
    // The link's task does not run between the two: the first call is still in the queue.
    let (one, two, ()) = tokio::join!(edge.call("m", vec![0; 2000]), edge.call("m", ""), async {
        let request = peer.request().await;
        peer.respond(request, Ok(b""));
    });
    assert_eq!(one.expect("an empty queue takes any one"), "");
    assert!(matches!(two, Err(Error::Congested)));
}

#[tokio::test(start_paused = true)]
async fn closing_fails_what_is_under_way_and_takes_leave() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let caller = edge.clone();
    let call = tokio::spawn(async move { caller.call("slow", "").await });
    peer.request().await;
    edge.close().await;
    assert!(matches!(call.await.expect("no panic"), Err(Error::Closed)));
    assert!(matches!(edge.call("m", "").await, Err(Error::Closed)));
    assert!(matches!(edge.receive().await, Err(Error::Closed)));
    assert!(matches!(edge.accept_stream().await, Err(Error::Closed)));
    assert!(matches!(edge.open_stream("s").await, Err(Error::Closed)));
    assert_eq!(peer.end().await.to_string(), "peer left");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_clone_ends_the_link() {
    let mut gateway = Gateway::new();
    let (edge, peer) = gateway.connected_edge().await;
    let mut state = edge.state();
    let clone = edge.clone();
    drop(edge);
    assert!(matches!(clone.call("m", "").timeout(Duration::from_secs(1)).await, Err(Error::Timeout)), "still there");
    drop(clone);
    soon(state.wait_for(|state| *state == sdk::LinkState::Closed)).await.expect("told before it goes");
    assert_eq!(peer.end().await.to_string(), "peer left");
}
