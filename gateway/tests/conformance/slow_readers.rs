//! Streams of peers without credit whose far end takes its time.

use std::time::Duration;

use frontier_gateway::Gateway;
use proto::body::{Base64, Body, SessionData};
use proto::id::SessionId;
use proto::wire::{Frame, Session, SessionAck};
use tokio::time::{Instant, sleep, timeout};

use super::peer::Peer;

const CHUNK: usize = 16 * 1024;

/// More than the service's pipe, the gateway's write queue and the stream's budget hold together, so that the edge is read
/// no further; less than would fill the edge's pipe as well.
const CHUNKS: usize = 160;

/// How long a link is not read while the far end takes nothing.
const WAIT: Duration = Duration::from_secs(5);

/// A stream from an edge to the service, and its id at both ends.
async fn stream(edge: &mut Peer, service: &mut Peer) -> (SessionId, SessionId) {
    let data = SessionData { peer: "svc".to_owned(), ..SessionData::default() };
    edge.send(&Frame::Session(Session { acquire_id: true, negotiate: SessionId(99), data })).await;
    let offer = service.receive().await;
    let Frame::Session(Session { negotiate, .. }) = offer.frame() else { panic!("{offer:?}") };
    let ack = SessionAck { negotiate, session: negotiate, data: SessionData::default() };
    service.answer(offer.packet, &Frame::SessionAck(ack)).await;
    let opened = edge.receive().await;
    let Frame::SessionAck(SessionAck { session, .. }) = opened.frame() else { panic!("{opened:?}") };
    (session, negotiate)
}

/// The next raw bytes of a stream; heartbeat acks are passed over.
async fn bytes(service: &mut Peer, session: SessionId) -> usize {
    loop {
        let received = service.receive().await;
        match received.frame() {
            Frame::Stream(id, data) if id == session => return data.len(),
            Frame::HeartbeatAck => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_edges_stream_goes_on_as_long_as_its_far_end_takes_something() {
    let gateway = Gateway::new(&config::Config::default(), None);
    let mut service = Peer::service(&gateway, &[]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    let (near, far) = stream(&mut edge, &mut service).await;
    for _ in 0..CHUNKS {
        edge.send(&Frame::Stream(near, &[7; CHUNK])).await;
    }
    let start = Instant::now();
    let mut left = CHUNKS * CHUNK;
    while start.elapsed() < 8 * WAIT {
        sleep(WAIT - Duration::from_secs(1)).await;
        service.send(&Frame::Heartbeat).await;
        left -= bytes(&mut service, far).await;
    }
    while left > 0 {
        left -= bytes(&mut service, far).await;
    }
    edge.send(&Frame::Stream(near, b"and on")).await;
    assert_eq!(bytes(&mut service, far).await, b"and on".len());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_edges_answer_waits_for_no_slow_reader() {
    let gateway = Gateway::new(&config::Config::default(), None);
    let mut service = Peer::service(&gateway, &[]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    let (near, far) = stream(&mut edge, &mut service).await;
    for _ in 0..CHUNKS {
        edge.send(&Frame::Stream(near, &[7; CHUNK])).await;
    }
    let custom = Base64::encode(&edge.id.to_be_bytes());
    let body = Body { key: Base64::encode(b"ping"), custom, ..Body::default() };
    service.send(&Frame::Request(SessionId::MAIN, body)).await;
    edge.receive().await;
    let asked = Instant::now();
    while asked.elapsed() < WAIT + Duration::from_secs(1) {
        sleep(Duration::from_secs(1)).await;
        bytes(&mut service, far).await;
    }
    let dismissal = timeout(Duration::from_millis(1), edge.receive()).await.expect("the edge is read again");
    assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == near), "{dismissal:?}");
}

#[tokio::test(start_paused = true)]
async fn an_edges_stream_ends_when_its_far_end_takes_nothing_any_more() {
    let gateway = Gateway::new(&config::Config::default(), None);
    let mut service = Peer::service(&gateway, &[]).await;
    let mut edge = Peer::online_edge(&gateway).await;
    let (near, far) = stream(&mut edge, &mut service).await;
    for _ in 0..CHUNKS {
        edge.send(&Frame::Stream(near, &[7; CHUNK])).await;
    }
    sleep(WAIT - Duration::from_secs(1)).await;
    let mut taken = 0;
    while taken < 4 * CHUNK {
        taken += bytes(&mut service, far).await;
    }
    let stuck = Instant::now();
    let dismissal = edge.receive().await;
    assert!(matches!(dismissal.frame(), Frame::Dismiss(id, _) if id == near), "{dismissal:?}");
    let waited = stuck.elapsed();
    assert!(waited >= WAIT && waited < WAIT + Duration::from_secs(1), "{waited:?} since it last took something");
}
