//! Connections that say nothing, too many of them, large requests, the end.

use std::time::Duration;

use api::controlplane::ListEdgesRequest;
use api::controlplane::control_plane_client::ControlPlaneClient;
use net::tls::{ClientFiles, Roots, TlsConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::access::over_tls;
use crate::common::{BACKENDS, Served, ask, within};
use crate::grpc::channel;

/// Reads until the other end closes; whether it does at all is limited.
async fn ends(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = within(stream.read_to_end(&mut rest)).await;
}

/// Opens connections that say no more than these.
async fn half_begun(served: &Served, beginnings: &[&[u8]]) -> Vec<TcpStream> {
    let mut waiting = Vec::new();
    for beginning in beginnings {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        waiting.push(stream);
    }
    waiting
}

#[tokio::test]
async fn who_says_nothing_or_half_is_cut_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, cert) = over_tls(folder.path());
    let (plain, tls) = (Served::start(BACKENDS[0]).await, Served::with(BACKENDS[0], &settings).await);
    let mut waiting = half_begun(&plain, &[b"", b"GET /v1/edges HT", b"PRI * HTTP/2.0\r\n", b"\x16\x03\x01"]).await;
    waiting.extend(half_begun(&tls, &[&b"\x16\x03\x01\x02\x00"[..]; 20]).await);
    assert_eq!(plain.get("/v1/edges").await.status, 200);
    let connector = TlsConnector::load(&ClientFiles { roots: Roots::Files(vec![cert]), certs: Vec::new() }).unwrap();
    let dialed = net::dial_tls(&tls.addr.to_string(), &connector, Some("localhost"), Duration::from_secs(60)).await;
    assert_eq!(ask(dialed.unwrap(), "GET", "/v1/edges", &[]).await.status, 200);
    for stream in waiting {
        ends(stream).await;
    }
}

#[tokio::test]
async fn connections_above_the_bound_are_closed_and_places_come_back() {
    let served = Served::start(BACKENDS[0]).await;
    let mut open = Vec::new();
    // Each is known to be in once it has an answer.
    for _ in 0..256 {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        stream.write_all(b"GET /v1/info HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        within(stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(stream);
    }
    ends(TcpStream::connect(served.addr).await.unwrap()).await;
    drop(open);
    within(async {
        loop {
            let mut stream = TcpStream::connect(served.addr).await.unwrap();
            let mut first = [0; 12];
            let asked = stream.write_all(b"GET /v1/info HTTP/1.1\r\nHost: test\r\n\r\n").await;
            if asked.is_ok() && stream.read_exact(&mut first).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let served = Served::start(BACKENDS[0]).await;
    let answer = served.get(&format!("/v1/edges?meta={}", "m".repeat(20 * 1024))).await;
    assert!([414, 431].contains(&answer.status), "{answer:?}");
    let mut client = ControlPlaneClient::new(channel(&served).await);
    let meta = Some("m".repeat(70 * 1024));
    let refused = client.list_edges(ListEdgesRequest { meta, ..Default::default() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
}

#[tokio::test]
async fn it_stops_with_connections_open() {
    let served = Served::start(BACKENDS[0]).await;
    let silent = TcpStream::connect(served.addr).await.unwrap();
    let _channel = channel(&served).await;
    let mut idle = TcpStream::connect(served.addr).await.unwrap();
    idle.write_all(b"GET /v1/edges HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    within(idle.read_exact(&mut first)).await.unwrap();
    let addr = served.addr;
    served.stop();
    served.stopped().await;
    ends(silent).await;
    ends(idle).await;
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}
