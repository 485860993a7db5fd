use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair as Key, PKCS_ECDSA_P256_SHA256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::{Causes, DialError, dial, dial_tls};

const LIMIT: Duration = Duration::from_secs(20);

/// Signs certificates into a folder.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, Key>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = Key::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let authority =
            Self { folder: TempDir::new().unwrap(), issuer: CertifiedIssuer::self_signed(params, key).unwrap() };
        fs::write(authority.file("ca.pem"), authority.issuer.pem()).unwrap();
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn roots(&self) -> Vec<PathBuf> {
        vec![self.file("ca.pem")]
    }

    /// A new pair for `name`, in the same files each time.
    fn pair(&self, name: &str) -> KeyPair {
        let key = Key::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let pair = KeyPair { cert: self.file(&format!("{name}.pem")), key: self.file(&format!("{name}.key")) };
        fs::write(&pair.cert, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }

    fn server(&self, names: &[&str]) -> ServerFiles {
        ServerFiles { certs: names.iter().map(|name| self.pair(name)).collect(), client_roots: None }
    }

    fn client(&self) -> ClientFiles {
        ClientFiles { roots: Roots::Files(self.roots()), certs: Vec::new() }
    }
}

/// Serves what was read back, upper case, on every connection.
async fn shouting_server(files: &ServerFiles) -> (SocketAddr, Arc<TlsAcceptor>) {
    let acceptor = Arc::new(TlsAcceptor::new(ServerTls::load(files).unwrap()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (addr, accepting) = (listener.local_addr().unwrap(), Arc::clone(&acceptor));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let accept = accepting.accept(tcp);
            tokio::spawn(async move {
                let Ok(mut stream) = accept.await else { return };
                let mut text = [0; 100];
                while let Ok(1..) = stream.read(&mut text[..1]).await {
                    stream.write_all(&text[..1].to_ascii_uppercase()).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    (addr, acceptor)
}

async fn talk(stream: &mut TlsStream) -> std::io::Result<()> {
    stream.write_all(b"hello").await?;
    stream.flush().await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HELLO");
    Ok(())
}

async fn connect(addr: SocketAddr, files: &ClientFiles, name: &str) -> Result<TlsStream, DialError> {
    dial_tls(&addr.to_string(), &TlsConnector::load(files).unwrap(), Some(name), LIMIT).await
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_name_must_fit() {
    let authority = Authority::new("ours");
    let (addr, _) = shouting_server(&authority.server(&["gateway.test"])).await;
    talk(&mut connect(addr, &authority.client(), "gateway.test").await.unwrap()).await.unwrap();
    let error = connect(addr, &authority.client(), "other.test")
        .await
        .map(drop)
        .map_err(|error| Causes(&error).to_string())
        .unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn an_unknown_authority_and_a_port_without_tls_are_told() {
    let authority = Authority::new("ours");
    let (addr, _) = shouting_server(&authority.server(&["gateway.test"])).await;
    let error = connect(addr, &Authority::new("others").client(), "gateway.test")
        .await
        .map(drop)
        .map_err(|error| Causes(&error).to_string())
        .unwrap_err();
    assert!(error.contains("is not among those trusted here"), "{error}");
    let files = ClientFiles { roots: Roots::Anybody, certs: Vec::new() };
    talk(&mut connect(addr, &files, "whatever.test").await.unwrap()).await.unwrap();

    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = plain.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut tcp, _) = plain.accept().await.unwrap();
        tcp.write_all(b"SSH-2.0-OpenSSH\r\n").await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    let error = connect(addr, &authority.client(), "gateway.test")
        .await
        .map(drop)
        .map_err(|error| Causes(&error).to_string())
        .unwrap_err();
    assert!(error.contains("is that a port without TLS?"), "{error}");
}

#[tokio::test]
async fn each_name_gets_its_certificate_and_the_rest_the_first() {
    let authority = Authority::new("ours");
    let (addr, _) = shouting_server(&authority.server(&["one.test", "two.test", "127.0.0.1"])).await;
    for name in ["one.test", "two.test"] {
        talk(&mut connect(addr, &authority.client(), name).await.unwrap()).await.unwrap();
    }
    // An address is sent as no name at all: the first certificate comes, and is not for it.
    let error = connect(addr, &authority.client(), "127.0.0.1")
        .await
        .map(drop)
        .map_err(|error| Causes(&error).to_string())
        .unwrap_err();
    assert!(error.contains("one.test"), "{error}");
}

#[tokio::test]
async fn clients_need_a_certificate_that_the_right_authority_has_signed() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let files = ServerFiles { client_roots: Some(ours.roots()), ..ours.server(&["gateway.test"]) };
    let (addr, _) = shouting_server(&files).await;
    let known = ClientFiles { certs: vec![ours.pair("client.test")], ..ours.client() };
    for _ in 0..2 {
        talk(&mut connect(addr, &known, "gateway.test").await.unwrap()).await.unwrap();
    }
    for certs in [vec![], vec![others.pair("client.test")]] {
        let stranger = ClientFiles { certs, ..ours.client() };
        let mut stream = connect(addr, &stranger, "gateway.test").await.unwrap();
        talk(&mut stream).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_certificate_that_may_sign_others_is_good_where_it_is_itself_trusted() {
    let (folder, other) = (TempDir::new().unwrap(), Authority::new("other"));
    let key = Key::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::new(["gateway.test".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let itself = KeyPair { cert: folder.path().join("self.pem"), key: folder.path().join("self.key") };
    fs::write(&itself.cert, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&itself.key, key.serialize_pem()).unwrap();
    let roots = vec![itself.cert.clone()];

    let server = ServerFiles { certs: vec![itself.clone()], client_roots: Some(roots.clone()) };
    let (addr, _) = shouting_server(&server).await;
    let client = |roots, certs| ClientFiles { roots: Roots::Files(roots), certs };
    let known = client(roots.clone(), vec![itself.clone()]);
    talk(&mut connect(addr, &known, "gateway.test").await.unwrap()).await.unwrap();
    connect(addr, &known, "other.test").await.unwrap_err();
    connect(addr, &client(other.roots(), vec![itself]), "gateway.test").await.unwrap_err();
    let foreign = client(roots, vec![other.pair("client.test")]);
    talk(&mut connect(addr, &foreign, "gateway.test").await.unwrap()).await.unwrap_err();
}

#[tokio::test]
async fn new_certificates_count_for_new_links_and_leave_old_ones_alone() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (addr, acceptor) = shouting_server(&old.server(&["gateway.test"])).await;
    let connector = TlsConnector::load(&old.client()).unwrap();
    let again = async || dial_tls(&addr.to_string(), &connector, Some("gateway.test"), LIMIT).await;
    let mut standing = again().await.unwrap();
    talk(&mut standing).await.unwrap();

    acceptor.install(ServerTls::load(&new.server(&["gateway.test"])).unwrap());
    talk(&mut connect(addr, &new.client(), "gateway.test").await.unwrap()).await.unwrap();
    // Not even with what it remembers of the old one.
    again().await.unwrap_err();
    talk(&mut standing).await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_stream_is_the_end_whether_it_is_announced_or_not() {
    let authority = Authority::new("ours");
    let acceptor = TlsAcceptor::new(ServerTls::load(&authority.server(&["gateway.test"])).unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let connector = TlsConnector::load(&authority.client()).unwrap();
    let accept = async || acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
    let dialing = async || dial_tls(&addr, &connector, Some("gateway.test"), LIMIT).await.unwrap();

    // Half-closed: the other direction goes on.
    let (mut near, mut far) = tokio::join!(dialing(), accept());
    near.write_all(b"question").await.unwrap();
    near.shutdown().await.unwrap();
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    far.write_all(b"answer").await.unwrap();
    drop(far);
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert_eq!((text.as_str(), answer.as_str()), ("question", "answer"));

    // Cut off without TLS's goodbye.
    let client = tokio::spawn(async move {
        let tcp = dial(&addr, LIMIT).await.unwrap();
        let config = Arc::clone(&connector.0);
        let name = name_of("gateway.test").unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(config).connect(name, tcp).await.unwrap();
        stream.write_all(b"cut").await.unwrap();
        stream.flush().await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
        stream
    });
    let mut far = accept().await;
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "cut");
    drop(client.await.unwrap());
}

#[test]
fn what_cannot_be_used_names_its_file() {
    let authority = Authority::new("ours");
    let good = authority.pair("gateway.test");
    let other = authority.pair("other.test");
    let write = |name: &str, text: &str| {
        let file = authority.file(name);
        fs::write(&file, text).unwrap();
        file
    };
    let text = write("text.pem", "no certificate at all\n");
    let torn = write("torn.pem", &fs::read_to_string(&good.cert).unwrap()[..100]);
    let garbage = write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let locked =
        write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let missing = authority.file("missing.pem");
    let folder = authority.folder.path().to_owned();
    let cert = |cert: &PathBuf| KeyPair { cert: cert.clone(), key: good.key.clone() };
    let key = |key: &PathBuf| KeyPair { cert: good.cert.clone(), key: key.clone() };
    for (pair, file, reason) in [
        (cert(&missing), &missing, "cannot be read: "),
        (cert(&folder), &folder, "is not a regular file"),
        (cert(&text), &text, "holds no certificate"),
        (cert(&torn), &torn, "is damaged: "),
        (cert(&garbage), &garbage, "holds a certificate that cannot be used: "),
        (key(&missing), &missing, "cannot be read: "),
        (key(&text), &text, "holds no private key"),
        (key(&locked), &locked, "holds no private key"),
        (key(&other.key), &other.key, "is not the key of the certificate in "),
    ] {
        let files = ServerFiles { certs: vec![good.clone(), pair], client_roots: None };
        let error = ServerTls::load(&files).map(drop).map_err(|error| Causes(&error).to_string()).unwrap_err();
        assert!(error.starts_with(&format!("{}: {reason}", file.display())), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let server = |client_roots| ServerTls::load(&ServerFiles { client_roots, certs: vec![good.clone()] });
    assert!(matches!(server(Some(vec![])), Err(TlsError::NoClientRoots)));
    assert!(matches!(server(Some(vec![text.clone()])), Err(TlsError::NoCertificate { file }) if file == text));
    let nobody = ServerFiles { certs: vec![], client_roots: None };
    assert!(matches!(ServerTls::load(&nobody), Err(TlsError::NoPair)));
    let client = ClientFiles { roots: Roots::Files(vec![garbage.clone()]), certs: vec![] };
    assert!(matches!(TlsConnector::load(&client), Err(TlsError::BadCertificate { file, .. }) if file == garbage));
}

#[test]
fn hosts_are_found_in_addresses() {
    for (addr, host) in [("gw.test:30012", "gw.test"), ("10.0.0.1:1", "10.0.0.1"), ("[::1]:1", "::1"), ("gw", "gw")] {
        assert_eq!(host_of(addr), host);
    }
    assert!(matches!(name_of("no name"), Err(TlsError::BadServerName { name }) if name == "no name"));
}
