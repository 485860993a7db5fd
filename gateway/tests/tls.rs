//! A gateway in process with TLS on its ports, and edges and services of the SDK.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::Config;
use frontier_gateway::{Gateway, ReloadError, WayInError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};
use sdk::{Edge, Error, LinkState, Request, Service, Tls};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// Certificates in a folder.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate can be made");
        let authority = Self { folder: TempDir::new().expect("a folder can be made"), issuer };
        fs::write(authority.file("ca.pem"), authority.issuer.pem()).expect("a file can be written");
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a certificate for 127.0.0.1 and its key to `stem`.pem and `stem`.key in `folder`.
    fn issue(&self, folder: &Path, stem: &str) {
        let key = key();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address is a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate can be made");
        fs::write(folder.join(format!("{stem}.pem")), certificate.pem()).expect("a file can be written");
        fs::write(folder.join(format!("{stem}.key")), key.serialize_pem()).expect("a file can be written");
    }

    fn roots(&self) -> Tls {
        Tls::roots([self.file("ca.pem")])
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made")
}

/// The configuration of a gateway with the certificates `services` and `edges` in `folder`, and further keys of `tls`.
fn configuration(folder: &Path, ports: [u16; 2], services: &str, edges: &str) -> Config {
    let mut text = "observability: { enable: false }\n".to_owned();
    for (side, port, tls) in [("services", ports[0], services), ("edges", ports[1], edges)] {
        let section = if side == "edges" { "edgebound" } else { "servicebound" };
        let pair = format!("{{ cert: {0}/{side}.pem, key: {0}/{side}.key }}", folder.display());
        let listen = format!("addr: \"127.0.0.1:{port}\", tls: {{ enable: true, certs: [{pair}]{tls} }}");
        writeln!(text, "{section}:\n  listen: {{ {listen} }}").expect("a string takes any text");
    }
    text.push_str("  edgeid_alloc_when_no_idservice_on: true\n");
    let file = folder.join("frontier.yaml");
    fs::write(&file, text).expect("a file can be written");
    Config::load(&file).expect("the configuration is good")
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn echo(request: Request) -> Result<sdk::Bytes, Infallible> {
    Ok(request.payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_and_services_of_the_sdk_come_in_with_their_certificates() {
    let authority = Authority::new();
    let folder = authority.folder.path();
    ["services", "edges", "own"].iter().for_each(|stem| authority.issue(folder, stem));
    let clients = format!(", mtls: true, ca_certs: [{}]", authority.file("ca.pem").display());
    let gateway = Gateway::start(&configuration(folder, [0, 0], &clients, "")).await.unwrap();
    let at = gateway.listening().unwrap();
    let own = authority.roots().client_certificate(authority.file("own.pem"), authority.file("own.key"));
    let service = Service::builder(at.services.to_string()).tls(own).handle_now("echo", echo).connect().await.unwrap();
    let edge = Edge::builder(at.edges.to_string()).tls(authority.roots()).connect().await.unwrap();
    assert_eq!(edge.call("echo", "over TLS").await.unwrap(), "over TLS");
    let trusting = Tls::dangerously_trusting_anybody().server_name("whatever.test");
    let other = Edge::builder(at.edges.to_string()).tls(trusting).connect().await.unwrap();
    assert_eq!(other.call("echo", "unverified").await.unwrap(), "unverified");

    let failure = async |tls: Tls| match Service::builder(at.services.to_string()).tls(tls).connect().await {
        Ok(_) => panic!("it was let in"),
        Err(error) => error,
    };
    let error = failure(authority.roots()).await;
    assert!(told(&error).contains("CertificateRequired"), "{error}");
    let error = failure(Authority::new().roots()).await;
    assert!(matches!(error, Error::Dial(_)) && told(&error).contains("not among those trusted here"), "{error}");
    let error = failure(authority.roots().server_name("other.test")).await;
    assert!(matches!(error, Error::Dial(_)) && told(&error).contains("other.test"), "{error}");
    let error = failure(Tls::roots(["/nowhere/ca.pem"])).await;
    assert!(matches!(error, Error::Tls(_)) && told(&error).contains("/nowhere/ca.pem"), "{error}");

    for client in [edge, other] {
        client.close().await;
    }
    service.close().await;
    gateway.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_all_or_nothing() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = TempDir::new().unwrap();
    ["services", "edges"].iter().for_each(|stem| old.issue(folder.path(), stem));
    let config = configuration(folder.path(), [0, 0], "", "");
    let gateway = Gateway::start(&config).await.unwrap();
    let at = gateway.listening().unwrap();
    let comes_in = async |authority: &Authority| {
        let edge = Edge::builder(at.edges.to_string()).tls(authority.roots()).connect().await;
        let service = Service::builder(at.services.to_string()).tls(authority.roots()).connect().await;
        assert_eq!(edge.is_ok(), service.is_ok(), "both sides have certificates of the same age");
        edge.is_ok()
    };
    assert!(comes_in(&old).await);

    // Half of the files are good.
    new.issue(folder.path(), "edges");
    fs::write(folder.path().join("services.key"), "torn").unwrap();
    let error = gateway.reload(&config, &config).await.unwrap_err();
    assert!(matches!(&error, ReloadError::WayIn(WayInError::Tls { side: "servicebound", .. })), "{error}");
    assert!(told(&error).contains("services.key"), "{error}");
    assert!(comes_in(&old).await && !comes_in(&new).await);

    new.issue(folder.path(), "services");
    gateway.reload(&config, &config).await.unwrap();
    assert!(comes_in(&new).await && !comes_in(&old).await);

    let mut without = config.clone();
    without.edgebound.listen.tls.enable = false;
    let error = gateway.reload(&config, &without).await.unwrap_err();
    assert!(error.to_string().contains("edgebound.listen.tls.enable can only change with a restart"), "{error}");
    assert!(comes_in(&new).await);
    gateway.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_comes_back_with_the_roots_that_its_files_hold_by_then() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = TempDir::new().unwrap();
    ["services", "edges"].iter().for_each(|stem| old.issue(folder.path(), stem));
    let config = configuration(folder.path(), [0, 0], "", "");
    let gateway = Gateway::start(&config).await.unwrap();
    let at = gateway.listening().unwrap();
    let edge = Edge::builder(at.edges.to_string()).tls(old.roots()).connect().await.unwrap();
    let mut state = edge.state();

    ["services", "edges"].iter().for_each(|stem| new.issue(folder.path(), stem));
    fs::copy(new.file("ca.pem"), old.file("ca.pem")).unwrap();
    gateway.shutdown(PATIENCE).await;
    let config = configuration(folder.path(), [at.services.port(), at.edges.port()], "", "");
    let successor = Gateway::start(&config).await.unwrap();
    let online = state.wait_for(|state| matches!(state, LinkState::Online { .. }) && successor.online().0 == 1);
    tokio::time::timeout(PATIENCE, online).await.expect("it comes back").unwrap();
    edge.close().await;
    successor.shutdown(PATIENCE).await;
}
