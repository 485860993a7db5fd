//! The items of the conformance checklist (wire protocol §13) that the gateway decides, over in-process links. The clock stands
//! still but where everybody waits. Beside them what it promises of slow readers, and to whoever watches over the links.

mod links;
mod peer;
mod slow_readers;

use std::time::{Duration, SystemTime};

use frontier_gateway::Gateway;
use peer::{Peer, presence};
use proto::body::{Base64, Body, SessionData, Timestamp};
use proto::id::{PacketId, SessionId};
use proto::wire::{CANCELLED, Frame, MAX_PAYLOAD, Session};
use tokio::time::Instant;

fn gateway() -> Gateway {
    Gateway::new(&config::Config::default(), None)
}

#[tokio::test(start_paused = true)]
async fn item_06_an_oversize_forward_is_an_error_to_its_originator_alone() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["echo"]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    // Legal from the edge: 8 bytes of session id and the text fill the payload; with the edge id it is too long.
    let empty = Body { key: Base64::encode(b"echo"), value: Base64::encode(&[0; 3]), ..Body::default() };
    let room = MAX_PAYLOAD as usize - 8 - (empty.encoded_len() - 4);
    let body = Body { value: Base64::encode(&vec![0; room / 4 * 3]), ..empty };
    let large = edge.send(&Frame::Request(SessionId::MAIN, body)).await;
    let answer = edge.receive().await;
    assert!(answer.packet == large && answer.body().error.starts_with("too large"), "{:?}", answer.body().error);

    let small = edge.call("echo", b"x").await;
    let call = service.receive().await;
    assert_eq!(call.body().value.decode(), b"x", "the service never saw the other");
    service.result(call.packet, b"y").await;
    assert_eq!(edge.receive().await.packet, small);
}

#[tokio::test(start_paused = true)]
async fn item_12_an_edge_gets_its_conn_ack_within_10_s_whatever_the_hooks_do() {
    for hook in ["get_edge_id", "edge_online"] {
        let gateway = gateway();
        let mut service = Peer::service(&gateway, &[hook]).await;
        let asked = Instant::now();
        let mut edge = Peer::edge(&gateway, b"").await;
        service.receive().await;
        let answer = edge.receive().await;
        let waited = asked.elapsed();
        assert!(matches!(answer.frame(), Frame::ConnAck(ack) if ack.data.error == "timeout" && ack.client.0 == 0));
        assert!(waited < Duration::from_secs(9), "{hook}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn item_14_nobody_is_let_in_and_then_cut_for_lack_of_an_id() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["edge_offline", "edge_online", "get_edge_id"]).await;
    let mut edge = Peer::edge(&gateway, b"dev-1").await;
    let call = service.receive().await;
    service
        .answer(call.packet, &Frame::Response(SessionId::MAIN, Body { error: "who?".into(), ..Body::default() }))
        .await;
    assert!(matches!(edge.receive().await.frame(), Frame::ConnAck(ack) if ack.data.error == "who?"));
    assert!(matches!(edge.receive().await.frame(), Frame::DisConn));
}

#[tokio::test(start_paused = true)]
async fn item_16_the_same_identity_gets_the_same_id() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["edge_offline", "edge_online", "get_edge_id"]).await;
    let mut edges = Vec::new();
    for round in 0..2 {
        let mut edge = Peer::edge(&gateway, b"dev-1").await;
        let name = service.receive().await;
        assert_eq!(name.body().value.decode(), b"dev-1", "the identity is the meta");
        service.result(name.packet, &71u64.to_be_bytes()).await;
        if round == 1 {
            let offline = service.receive().await;
            assert_eq!(offline.body().key.decode(), b"edge_offline", "the first one goes before the second comes");
            assert_eq!(presence(&offline).edge, 71);
            service.result(offline.packet, b"").await;
        }
        let online = service.receive().await;
        let told = presence(&online);
        assert_eq!((told.edge, &told.meta[..]), (71, &b"dev-1"[..]));
        service.result(online.packet, b"").await;
        edge.expect_admission().await;
        assert_eq!(edge.id, 71);
        // The next one displaces it.
        edges.push(edge);
    }
}

#[tokio::test(start_paused = true)]
async fn item_36_a_result_with_an_error_is_only_the_error() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["echo"]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    edge.call("echo", b"x").await;
    let call = service.receive().await;
    let body = Body { value: Base64::encode(b"result"), error: "failed".into(), ..Body::default() };
    service.answer(call.packet, &Frame::Response(SessionId::MAIN, body)).await;
    let answer = edge.receive().await;
    assert_eq!((&*answer.body().error, answer.body().value.is_empty()), ("failed", true));
}

#[tokio::test(start_paused = true)]
async fn item_37_deadlines_are_stamped_anew() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["echo"]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    let wall = Timestamp::from(SystemTime::now());
    let ago = Timestamp::from_unix(wall.unix_seconds() - 86_400, 0);
    let soon = wall.checked_add(Duration::from_secs(10));
    for (own, context, least, most) in [
        (Some(ago), None, 28, 31), // a clock that is a day behind: as if it had named none
        (None, None, 28, 31),
        (soon, None, 8, 11),
        (None, soon, 8, 11),
    ] {
        let key = Base64::encode(b"echo");
        let body = Body { key, deadline: own, context_deadline: context, ..Body::default() };
        edge.send(&Frame::Request(SessionId::MAIN, body)).await;
        let call = service.receive().await;
        let deadline = call.body().effective_deadline().expect("a deadline of the gateway's clock");
        let left = deadline.unix_seconds() - wall.unix_seconds();
        assert!((least..=most).contains(&left), "{own:?} {context:?}: {left} s");
        service.result(call.packet, b"").await;
        edge.receive().await;
    }
}

#[tokio::test(start_paused = true)]
async fn item_39_a_cancel_is_answered_and_not_passed_on_to_an_old_peer() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["slow", "echo"]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    let call = edge.call("slow", b"").await;
    service.receive().await;
    edge.answer(call, &Frame::RequestCancel(SessionId::MAIN, CANCELLED)).await;
    let answer = edge.receive().await;
    assert_eq!((answer.packet, &*answer.body().error), (call, "context canceled"));
    edge.call("echo", b"next").await;
    assert_eq!(service.receive().await.body().value.decode(), b"next", "and no cancel in front of it");
}

#[tokio::test(start_paused = true)]
async fn item_40_a_slow_call_delays_nothing() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["slow", "echo"]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    edge.call("slow", b"").await;
    let slow = service.receive().await;
    let quick = edge.call("echo", b"").await;
    let call = service.receive().await;
    service.result(call.packet, b"").await;
    assert_eq!(edge.receive().await.packet, quick);
    let beat = edge.send(&Frame::Heartbeat).await;
    let answer = edge.receive().await;
    assert!(matches!(answer.frame(), Frame::HeartbeatAck) && answer.packet == beat);
    service.result(slow.packet, b"").await;
    assert_eq!(edge.receive().await.packet, PacketId(2), "the first call");
}

#[tokio::test(start_paused = true)]
async fn item_49_a_custom_too_short_for_an_edge_id_is_answered() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &[]).await;
    for custom in [&b""[..], b"7 bytes"] {
        let body = || Body { key: Base64::encode(b"echo"), custom: Base64::encode(custom), ..Body::default() };
        for frame in [Frame::Request(SessionId::MAIN, body()), Frame::Message(SessionId::MAIN, body())] {
            let packet = service.send(&frame).await;
            let answer = service.receive().await;
            assert_eq!((answer.packet, &*answer.body().error), (packet, "illegal edgeID"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn item_49_the_edge_id_is_appended_to_the_custom_and_taken_off_again() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &["echo"]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    let id = edge.id;
    let body = Body { key: Base64::encode(b"echo"), custom: Base64::encode(b"mine"), ..Body::default() };
    edge.send(&Frame::Request(SessionId::MAIN, body)).await;
    let call = service.receive().await;
    assert_eq!(call.body().custom.decode(), [&b"mine"[..], &id.to_be_bytes()].concat());

    let custom = Base64::encode(&[&b"theirs"[..], &id.to_be_bytes()].concat());
    service.send(&Frame::Message(SessionId::MAIN, Body { custom, ..Body::default() })).await;
    assert_eq!(edge.receive().await.body().custom.decode(), b"theirs");
}

#[tokio::test(start_paused = true)]
async fn item_52_a_stream_to_nobody_is_refused_and_not_left_open() {
    let gateway = gateway();
    let mut service = Peer::service(&gateway, &[]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    for whom in ["nobody", "4711", "not a number"] {
        let peer = if whom == "nobody" { &mut edge } else { &mut service };
        let data = SessionData { peer: whom.to_owned(), ..SessionData::default() };
        let open = Session { acquire_id: true, negotiate: SessionId(99), data };
        let packet = peer.send(&Frame::Session(open)).await;
        let ack = peer.receive().await;
        let Frame::SessionAck(confirmed) = ack.frame() else { panic!("{ack:?}") };
        assert_eq!(ack.packet, packet);
        let dismissal = peer.receive().await;
        assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == confirmed.session), "{dismissal:?}");
    }
}
