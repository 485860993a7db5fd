//! Messages in both directions.

use proto::id::SessionId;
use sdk::{EdgeId, Error};

use crate::gateway::{Gateway, soon};

const MAIN: SessionId = SessionId::MAIN;

#[tokio::test(start_paused = true)]
async fn a_published_message_waits_for_its_ack() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let (acked, ()) = tokio::join!(edge.publish("temperature", "21").custom("extra"), async {
        let message = peer.message().await;
        assert_eq!((message.name.as_str(), &message.payload[..]), ("temperature", &b"21"[..]));
        assert_eq!(message.custom, b"extra");
        peer.ack(message, "");
    });
    acked.expect("accepted");
    let (acked, ()) = tokio::join!(edge.publish("other", ""), async {
        let message = peer.message().await;
        peer.ack(message, "topic not online");
    });
    assert!(matches!(acked, Err(Error::Remote(text)) if text == "topic not online"));
    assert!(matches!(edge.publish("silent", "").await, Err(Error::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn a_service_publishes_to_an_edge() {
    let mut gateway = Gateway::new();
    let (service, mut peer) = gateway.connected_service().await;
    let (acked, ()) = tokio::join!(service.publish(EdgeId(1), "on").topic("switch"), async {
        let message = peer.message().await;
        assert_eq!((message.name.as_str(), &message.custom[..]), ("switch", &b"\0\0\0\0\0\0\0\x01"[..]));
        peer.ack(message, "");
    });
    acked.expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn without_waiting_messages_go_out_in_order_and_acks_are_ignored() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    for payload in ["one", "two"] {
        edge.publish("t", payload).nowait().expect("queued");
    }
    for payload in ["one", "two"] {
        let message = peer.message().await;
        assert_eq!(message.payload, payload.as_bytes());
        peer.ack(message, "rejected");
    }
    peer.cut().await;
    let mut state = edge.state();
    soon(state.wait_for(|state| matches!(state, sdk::LinkState::Offline { .. }))).await.expect("it is lost");
    assert!(matches!(edge.publish("t", "").nowait(), Err(Error::Offline)));
}

#[tokio::test(start_paused = true)]
async fn a_received_message_is_acked_rejected_or_dropped() {
    let mut gateway = Gateway::new();
    let (service, mut peer) = gateway.connected_service().await;
    for name in 1..=3 {
        peer.publish(name, MAIN, "temperature", b"extra\0\0\0\0\0\0\x01\x02", b"21");
    }
    let message = service.receive().await.expect("one is there");
    assert_eq!((message.topic.as_str(), &message.payload[..]), ("temperature", &b"21"[..]));
    assert_eq!((&message.custom[..], message.edge_id), (&b"extra"[..], Some(EdgeId(0x0102))));
    assert_eq!((message.stream_id(), message.deadline), (MAIN, None));
    let first = message.id();
    message.ack();
    assert_eq!(peer.acked().await, (1, String::new()));
    let second = service.receive().await.expect("one is there");
    assert_ne!(second.id(), first);
    second.reject("too hot");
    assert_eq!(peer.acked().await, (2, "too hot".to_owned()));
    drop(service.receive().await.expect("one is there"));
    assert_eq!(peer.acked().await, (3, "dropped without ack".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn messages_that_nobody_takes_are_bounded() {
    let mut gateway = Gateway::new();
    let limits = sdk::Limits { receive_bytes: 3000, ..sdk::Limits::default() };
    let builder = gateway.edge().limits(limits);
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let edge = edge.expect("let in");
    for name in 1..=3 {
        peer.publish(name, MAIN, "", b"", &[0; 1200]);
    }
    assert_eq!(peer.acked().await, (3, "congested".to_owned()));
    for name in 1..=2 {
        edge.receive().await.expect("kept").ack();
        assert_eq!(peer.acked().await, (name, String::new()));
    }
}
