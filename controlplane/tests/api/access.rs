//! Tokens, roles, TLS.

use std::fs;
use std::path::{Path, PathBuf};

use api::controlplane::control_plane_client::ControlPlaneClient;
use api::controlplane::{KickEdgeRequest, ListEdgesRequest};
use config::{ControlToken, Credential, Role};
use frontier_controlplane::Loaded;
use net::tls::{ClientFiles, Roots, TlsConnector};
use serde_json::json;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::common::{BACKENDS, Served, ask, within};
use crate::grpc::channel;

fn token(name: &str, role: Role, value: &str) -> ControlToken {
    let token = Credential { value: Some(value.parse().unwrap()), ..Credential::default() };
    ControlToken { name: name.to_owned(), role, token }
}

fn guarded() -> config::ControlPlane {
    let tokens = vec![token("dash", Role::Read, "look"), token("ops", Role::Write, "act")];
    config::ControlPlane { tokens, ..config::ControlPlane::default() }
}

#[tokio::test]
async fn rest_asks_for_a_token_and_keeps_to_its_role() {
    let served = Served::with(BACKENDS[0], &guarded()).await;
    served.online.edge(3, "m", 1, &[]);
    let nobody = served.get("/v1/edges").await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(nobody.json()["reason"], "UNAUTHENTICATED");
    for wrong in ["Authorization: Bearer loo", "Authorization: Bearer looks", "Authorization: Basic bG9vaw=="] {
        assert_eq!(served.ask("GET", "/v1/edges", &[wrong]).await.status, 401, "{wrong}");
    }
    let (look, act) = ("Authorization: Bearer look", "Authorization: Bearer act");
    assert_eq!(served.ask("GET", "/v1/edges", &[look]).await.json()["count"], 1);
    let denied = served.ask("DELETE", "/v1/edges/3", &[look]).await;
    assert_eq!((denied.status, &denied.json()["reason"]), (403, &json!("PERMISSION_DENIED")));
    assert_eq!(served.ask("GET", "/v1/edges", &[act]).await.json()["count"], 1, "still there");
    assert_eq!(served.ask("DELETE", "/v1/edges/3", &[act]).await.status, 200);
    // What tells nothing of edges is for everybody.
    assert_eq!((served.get("/openapi.json").await.status, served.get("/docs").await.status), (200, 200));
}

#[tokio::test]
async fn grpc_asks_for_a_token_and_keeps_to_its_role() {
    let served = Served::with(BACKENDS[0], &guarded()).await;
    served.online.edge(3, "m", 1, &[]);
    let channel = channel(&served).await;
    let mut client = ControlPlaneClient::new(channel.clone());
    let nobody = client.list_edges(ListEdgesRequest::default()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let with = |token: &'static str, edge_id| {
        let mut request = Request::new(KickEdgeRequest { edge_id });
        request.metadata_mut().insert("authorization", MetadataValue::from_static(token));
        request
    };
    assert_eq!(client.kick_edge(with("Bearer look", 3)).await.unwrap_err().code(), Code::PermissionDenied);
    client.kick_edge(with("Bearer act", 3)).await.unwrap();
    // Probes have no token.
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn tokens_can_be_changed_while_it_serves() {
    let served = Served::with(BACKENDS[0], &guarded()).await;
    let tokens = vec![token("new", Role::Read, "fresh")];
    served.plane.renew(Loaded::load(&config::ControlPlane { tokens, ..config::ControlPlane::default() }).unwrap());
    assert_eq!(served.ask("GET", "/v1/edges", &["Authorization: Bearer look"]).await.status, 401);
    assert_eq!(served.ask("GET", "/v1/edges", &["Authorization: Bearer fresh"]).await.status, 200);
}

/// A control plane over TLS with a certificate for `localhost`, and that certificate.
pub(crate) fn over_tls(folder: &Path) -> (config::ControlPlane, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut settings = config::ControlPlane::default();
    settings.listen.tls.enable = true;
    settings.listen.tls.certs = vec![config::CertKey { cert: cert.clone(), key }];
    (settings, cert)
}

#[tokio::test]
async fn over_tls_the_client_chooses_between_rest_and_grpc() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, cert) = over_tls(folder.path());
    let served = Served::with(BACKENDS[0], &settings).await;
    served.online.edge(3, "m", 1, &[]);

    let connector = TlsConnector::load(&ClientFiles { roots: Roots::Files(vec![cert]), certs: Vec::new() }).unwrap();
    let patience = std::time::Duration::from_secs(60);
    let addr = served.addr.to_string();
    let dial = |protocols: &[&[u8]]| {
        let (connector, addr) = (connector.clone().offering(protocols), addr.clone());
        async move { net::dial_tls(&addr, &connector, Some("localhost"), patience).await }
    };
    // A client that offers nothing is served, too.
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let answer = ask(dial(protocols).await.unwrap(), "GET", "/v1/edges", &[]).await;
        assert_eq!(answer.json()["count"], 1);
    }
    let stream = dial(&[b"h2"]).await.unwrap();
    let mut stream = Some(hyper_util::rt::TokioIo::new(stream));
    let once = tower::service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| std::io::Error::other("connected already"));
        async move { stream }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://localhost");
    let channel = within(endpoint.connect_with_connector(once)).await.unwrap();
    let listed = ControlPlaneClient::new(channel).list_edges(ListEdgesRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().count, 1);
}
