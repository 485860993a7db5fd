//! The end that dials: whom it trusts, and who it is.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;

use super::files::{KeyPair, Trusted};
use super::pinned::Servers;
use super::{TlsError, TlsStream, provider};

/// Sessions that are remembered to be resumed: a connector knows one server, and each has given it few tickets.
const REMEMBERED: usize = 8;

/// Whose signature makes a server's certificate good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those whom the system trusts.
    System,
    /// Those in these PEM files, and nobody else.
    Files(Vec<PathBuf>),
    /// Anybody's: **whoever sits between the two ends can read and change everything**.
    Anybody,
}

/// Where a client's certificates lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// Whom it trusts.
    pub roots: Roots,
    /// The client's own certificates, for servers that want one: the first that the server can verify is shown.
    pub certs: Vec<KeyPair>,
}

/// Takes the client's part in handshakes.
#[derive(Debug, Clone)]
pub struct TlsConnector(pub(super) Arc<ClientConfig>);

impl TlsConnector {
    /// Reads all of `files`. Blocks while it reads.
    ///
    /// # Errors
    /// Any file cannot be used, or the system has no roots where its are wanted.
    pub fn load(files: &ClientFiles) -> Result<Self, TlsError> {
        let refused = |cause: &dyn std::fmt::Display| TlsError::Refused { cause: cause.to_string() };
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|cause| refused(&cause))?;
        let builder = match &files.roots {
            Roots::System => builder.with_root_certificates(system_roots()?),
            Roots::Files(files) => {
                let Trusted { roots, certificates: trusted } = Trusted::load(files)?;
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider());
                let by_authority = verifier.build().map_err(|cause| refused(&cause))?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Servers { by_authority, trusted }))
            }
            Roots::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous)),
        };
        let certs = files.certs.iter().map(KeyPair::load).collect::<Result<Vec<_>, _>>()?;
        let mut config = builder.with_client_cert_resolver(Arc::new(Identities(certs)));
        config.resumption = Resumption::in_memory_sessions(REMEMBERED);
        Ok(Self(Arc::new(config)))
    }

    /// The same for what runs over TLS in several protocols, the preferred one first (ALPN).
    #[must_use]
    pub fn offering(mut self, protocols: &[&[u8]]) -> Self {
        Arc::make_mut(&mut self.0).alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }

    /// The same for clients that speak TLS by themselves.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    /// Takes part in one handshake with the server `name`, to which its certificate must belong. It has no time limit of its
    /// own. Dropped, it closes the connection.
    pub(crate) async fn connect(&self, name: ServerName<'static>, tcp: TcpStream) -> io::Result<TlsStream> {
        let stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.0)).connect(name, tcp).await?;
        Ok(TlsStream::new(stream.into()))
    }
}

/// The name that the certificate of `host`, a name or an address, must have.
pub(crate) fn name_of(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::BadServerName { name: host.to_owned() })
}

/// The host in `host:port`, without brackets.
pub(crate) fn host_of(addr: &str) -> &str {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some that nobody can use; the rest is as good without them.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let causes: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let cause = if causes.is_empty() { "none found".to_owned() } else { causes.join("; ") };
        return Err(TlsError::NoSystemRoots { cause });
    }
    Ok(roots)
}

/// Who the client is; nobody if there is none.
#[derive(Debug)]
struct Identities(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for Identities {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|pair| pair.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Believes every certificate. That its owner has the key is still checked.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
