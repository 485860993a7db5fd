//! What a service is told of edges that come and go.

use std::convert::Infallible;

use proto::body::Presence;
use proto::id::SessionId;
use sdk::{Bytes, EdgeId, EdgePresence, Request};

use crate::gateway::{Gateway, Peer};

const MAIN: SessionId = SessionId::MAIN;

fn presence(edge: u64, meta: &str) -> Vec<u8> {
    let (net, addr) = ("tcp".to_owned(), "192.0.2.7:40312".to_owned());
    let mut text = Vec::new();
    Presence { edge, meta: meta.into(), net, addr }.encode(&mut text);
    text
}

async fn answer(peer: &mut Peer, method: &str, custom: &[u8], payload: &[u8]) -> Result<Vec<u8>, String> {
    peer.call(1, MAIN, method, custom, payload);
    peer.response().await.1
}

#[tokio::test(start_paused = true)]
async fn the_id_hook_gives_eight_bytes_or_refuses() {
    let mut gateway = Gateway::new();
    let builder = gateway.service().on_get_edge_id(async |meta: Bytes| match &meta[..] {
        b"none" => Err("who are you"),
        b"zero" => Ok(EdgeId(0)),
        _ => Ok(EdgeId(0x0102_0304_0506_0708)),
    });
    let (service, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _service = service.expect("let in");
    assert_eq!(peer.registered().await, "get_edge_id");
    assert_eq!(answer(&mut peer, "get_edge_id", b"", b"m").await, Ok(vec![1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(answer(&mut peer, "get_edge_id", b"", b"none").await, Err("who are you".to_owned()));
    assert_eq!(answer(&mut peer, "get_edge_id", b"", b"zero").await, Ok(vec![0; 8]));
}

#[tokio::test(start_paused = true)]
async fn coming_and_going_is_told_and_metas_are_known_meanwhile() {
    let mut gateway = Gateway::new();
    let (told, mut tellings) = tokio::sync::mpsc::unbounded_channel();
    let (online, offline) = (told.clone(), told);
    let builder = gateway
        .service()
        .on_edge_online(move |edge: EdgePresence| {
            let refused = edge.meta == "bad";
            let _ = online.send(("online", edge));
            async move { if refused { Err("not you") } else { Ok(()) } }
        })
        .on_edge_offline(move |edge: EdgePresence| {
            let _ = offline.send(("offline", edge));
            async { Ok::<_, Infallible>(()) }
        })
        .handle_now("meta", |request: Request| {
            Ok::<_, Infallible>(request.edge_meta.unwrap_or_else(|| "unknown".into()))
        });
    let (service, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _service = service.expect("let in");
    for _ in 0..3 {
        peer.registered().await;
    }
    let nine = 9u64.to_be_bytes();

    assert_eq!(answer(&mut peer, "edge_online", b"", &presence(9, "thermo")).await, Ok(Vec::new()));
    let (what, edge) = tellings.recv().await.expect("told");
    assert_eq!((what, edge.edge_id, &edge.meta[..]), ("online", EdgeId(9), &b"thermo"[..]));
    assert_eq!((edge.net.as_str(), edge.addr.as_str()), ("tcp", "192.0.2.7:40312"));
    assert_eq!(answer(&mut peer, "meta", &nine, b"").await, Ok(b"thermo".to_vec()));

    assert_eq!(answer(&mut peer, "edge_offline", b"", &presence(9, "thermo")).await, Ok(Vec::new()));
    assert_eq!(tellings.recv().await.expect("told").0, "offline");
    assert_eq!(answer(&mut peer, "meta", &nine, b"").await, Ok(b"unknown".to_vec()));

    assert_eq!(answer(&mut peer, "edge_online", b"", &presence(9, "bad")).await, Err("not you".to_owned()));
    assert_eq!(answer(&mut peer, "meta", &nine, b"").await, Ok(b"unknown".to_vec()));
    let illegal = answer(&mut peer, "edge_online", b"", b"{").await.expect_err("no JSON");
    assert!(illegal.starts_with("illegal presence: "), "{illegal}");
}
