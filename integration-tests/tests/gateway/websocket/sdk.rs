//! The Rust SDK over `ws://` and `wss://`.

use std::convert::Infallible;

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::{Gateway, PATIENCE};
use sdk::{Builder, Bytes, Edge, Error, Request, Service, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{port, settings};

const STREAM: usize = 3 * 1024 * 1024;

fn pattern() -> Vec<u8> {
    (0..STREAM).map(|at| (at / 251 + at % 251) as u8).collect()
}

/// Calls and a message in both directions, and a stream whose bytes come back.
async fn works(gateway: &Gateway, edge: Builder<Edge>) {
    let echo = |request: Request| Ok::<_, Infallible>(request.payload);
    let service = Service::builder(gateway.service.to_string()).name("svc").topics(["t"]).handle_now("echo", echo);
    let service = service.connect().await.expect("the service connects");
    let edge = edge.handle_now("echo", echo).connect().await.expect("the edge connects");

    let large = Bytes::from(vec![7; 1_000_000]);
    assert_eq!(edge.call("echo", large.clone()).await.expect("a call up"), large);
    assert_eq!(service.call(edge.id(), "echo", large.clone()).await.expect("a call down"), large);
    let (published, received) = tokio::join!(edge.publish("t", "up"), async {
        let message = service.receive().await.expect("a message");
        let payload = message.payload.clone();
        message.ack();
        payload
    });
    published.expect("it is acknowledged");
    assert_eq!(received, "up");
    let (published, received) = tokio::join!(service.publish(edge.id(), "down"), async {
        let message = edge.receive().await.expect("a message");
        let payload = message.payload.clone();
        message.ack();
        payload
    });
    published.expect("it is acknowledged");
    assert_eq!(received, "down");

    let (stream, accepted) = tokio::join!(edge.open_stream("svc"), service.accept_stream());
    let (mut stream, mut far) = (stream.expect("a stream"), accepted.expect("the same"));
    let all = pattern();
    let echoing = async move {
        let mut came = Vec::new();
        far.read_to_end(&mut came).await.expect("it ends in order");
        far.write_all(&came).await.expect("it takes them");
        far.shutdown().await.expect("it ends");
    };
    let sending = async {
        stream.write_all(&all).await.expect("it takes them");
        stream.shutdown().await.expect("it ends");
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await.expect("it ends in order");
        assert!(back == all, "every byte, in order, both ways");
    };
    tokio::join!(sending, echoing);
    assert_eq!(gateway.metric("frontier_links", &["side=\"edge\"", "transport=\"ws"]), 1.0);
    edge.close().await;
    service.close().await;
}

async fn in_time(work: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE * 3, work).await.expect("it takes no time");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_ws() {
    let gateway = settings(&["  path: /edges"]).start();
    in_time(works(&gateway, Edge::builder(format!("ws://{}/edges?token=x", port(&gateway))))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_wss() {
    let authority = Authority::new("ours");
    let mut settings = settings(&[]);
    let pair = authority.pair_of("server", &["127.0.0.1"]);
    settings.edgebound[2] = format!("  listen: {{ addr: 127.0.0.1:0, tls: {} }}", listener_yaml(&[&pair], None));
    let gateway = settings.start();
    let url = format!("wss://{}", port(&gateway));
    // Those whom the system trusts have not signed it.
    let error = Edge::builder(&*url).connect().await.expect_err("the certificate is nobody's");
    assert!(matches!(&error, Error::Dial(cause) if cause.to_string().contains("over TLS")), "{error}");
    in_time(works(&gateway, Edge::builder(url).tls(Tls::roots([authority.file()])))).await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_told() {
    let gateway = settings(&["  path: /edges"]).start();
    for (addr, why) in [
        (format!("ws://{}", port(&gateway)), "the server answers 404: edges connect under another path"),
        (format!("ws://{}", gateway.edge), "cannot connect"),
        ("ws://a b".to_owned(), "is not an address of a WebSocket"),
    ] {
        let error = Edge::builder(&*addr).connect().await.expect_err("there is no way");
        assert!(matches!(&error, Error::Dial(cause) if cause.to_string().contains(why)), "{addr}: {error}");
    }
}
