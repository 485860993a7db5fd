//! Connections that say nothing, too many of them, large requests, the end.

use std::sync::Arc;
use std::time::Duration;

use api::controlplane::control_plane_client::ControlPlaneClient;
use api::controlplane::{GetEdgeRequest, ListEdgesRequest};
use frontier_controlplane::{Bound, Outcome, Patience, Protocol};
use net::tls::{ClientFiles, Roots, TlsConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

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

/// How a client of HTTP/2 begins.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A connection from 127.0.0.`host` that has an answer, so that it is known to be in; `None` if it was closed instead. It stays
/// for a while without a request, as one of HTTP/1 would not.
async fn let_in(served: &Served, host: u8) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, host], 0).into()).unwrap();
    let mut stream = within(socket.connect(served.addr)).await.unwrap();
    let mut settings = [0; 9];
    stream.write_all(HTTP2).await.ok()?;
    within(stream.read_exact(&mut settings)).await.ok()?;
    assert_eq!(settings[3], 4, "the kind of the first frame");
    Some(stream)
}

#[tokio::test]
async fn connections_above_the_bounds_are_closed_and_places_come_back() {
    let served = Served::start(BACKENDS[0]).await;
    let mut open = Vec::new();
    for host in 1..=4 {
        for _ in 0..64 {
            open.push(let_in(&served, host).await.expect("there is room"));
        }
        if host == 1 {
            assert!(let_in(&served, 1).await.is_none(), "one address has its share");
            assert_eq!(served.meter.refused(Bound::ConnectionsPerAddress), 1);
        }
    }
    assert!(let_in(&served, 5).await.is_none(), "all places are taken");
    assert_eq!((served.meter.refused(Bound::Connections), served.meter.connections()), (1, 256));
    drop(open);
    for host in [1, 5] {
        within(async {
            while let_in(&served, host).await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_without_requests_ends_and_one_with_a_request_does_not() {
    const IDLE: Duration = Duration::from_secs(2);
    let plain = config::ControlPlane::default();
    let patience = Patience { idle: IDLE, ..Patience::default() };
    let served = Served::changed(BACKENDS[0], &plain, |plane| plane.with_patience(patience)).await;
    // An answer that goes on for as long as somebody listens.
    let mut health = HealthClient::new(channel(&served).await);
    let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(within(watched.message()).await.unwrap().is_some());
    let mut idle = TcpStream::connect(served.addr).await.unwrap();
    idle.write_all(HTTP2).await.unwrap();
    // It is told so, gets its time to go, and does nothing.
    let told = within(async {
        let mut frames = Vec::new();
        while !frames.windows(5).any(|head| head == [8, 7, 0, 0, 0]) {
            assert_ne!(idle.read_buf(&mut frames).await.unwrap(), 0, "a GOAWAY comes first: {frames:?}");
        }
    });
    told.await;
    // Not for its silence, which would take 40 s.
    let gone = async {
        while served.meter.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("it is not waited for");
    drop(idle);
    served.stop();
    let last = within(watched.message()).await.unwrap().expect("the one that is used was there all the time");
    assert_eq!(last.status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn a_connection_that_does_not_take_its_answer_is_cut() {
    let plain = config::ControlPlane::default();
    let patience = Patience { taken: Duration::from_secs(1), ..Patience::default() };
    let served = Served::changed(BACKENDS[0], &plain, |plane| plane.with_patience(patience)).await;
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    // No window for any byte of an answer, and a request: GET, http, and the path.
    let no_window = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
    let request = b"\0\0\x0c\x01\x05\0\0\0\x01\x82\x86\x04\x08/v1/info";
    let preface = &HTTP2[..24];
    stream.write_all(&[preface, no_window, request].concat()).await.unwrap();
    within(async {
        while served.meter.in_flight() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    ends(stream).await;
    within(async {
        while (served.meter.in_flight(), served.meter.connections()) != (0, 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn requests_are_counted_by_protocol_and_by_what_became_of_them() {
    let mut served = Served::start(BACKENDS[0]).await;
    served.online.edge(7, "m", 1, &[]);
    let mut client = ControlPlaneClient::new(channel(&served).await);
    assert_eq!(served.get("/v1/edges").await.status, 200);
    assert_eq!(served.get("/v1/edges/8").await.status, 404);
    assert_eq!(served.get("/v1/edges?page=x").await.status, 400);
    assert_eq!(client.list_edges(ListEdgesRequest::default()).await.unwrap().into_inner().count, 1);
    assert_eq!(client.get_edge(GetEdgeRequest { edge_id: 8 }).await.unwrap_err().code(), Code::NotFound);
    served.stop_records().await;
    assert_eq!(served.get("/v1/edges").await.status, 503);
    assert_eq!(client.list_edges(ListEdgesRequest::default()).await.unwrap_err().code(), Code::Unavailable);
    let meter = Arc::clone(&served.meter);
    let counts = || {
        Protocol::ALL.map(|by| {
            let counted = [Outcome::Ok, Outcome::NotFound, Outcome::Invalid, Outcome::Unavailable];
            counted.map(|outcome| meter.requests(by, outcome))
        })
    };
    // An answer that was read is counted a moment later.
    within(async {
        while counts() != [[1, 1, 0, 1], [1, 1, 1, 1]] || meter.in_flight() != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
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
