//! The end that is dialed: certificates by name, exchanged while links live on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::ServerName;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;

use super::files::{KeyPair, Trusted};
use super::pinned::Clients;
use super::{TlsError, TlsStream, provider};

/// Where a server's certificates lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The server's own. A client gets the first that is for the name which it asks for and that it can verify, else the
    /// first that it can verify.
    pub certs: Vec<KeyPair>,
    /// Who signs the certificates of clients; every client must then have one. `None`: clients have none.
    pub client_roots: Option<Vec<PathBuf>>,
}

/// Certificates and keys of a server, read and checked.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// Reads all of `files`. Blocks while it reads.
    ///
    /// # Errors
    /// Any file cannot be used: all of them must be good.
    pub fn load(files: &ServerFiles) -> Result<Self, TlsError> {
        let pairs = files.certs.iter().map(KeyPair::load).collect::<Result<Vec<_>, _>>()?;
        if pairs.is_empty() {
            return Err(TlsError::NoPair);
        }
        let refused = |cause: &dyn std::fmt::Display| TlsError::Refused { cause: cause.to_string() };
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|cause| refused(&cause))?;
        let certs = Arc::new(Certificates(pairs));
        let mut config = match &files.client_roots {
            None => builder.with_no_client_auth().with_cert_resolver(certs),
            Some(files) if files.is_empty() => return Err(TlsError::NoClientRoots),
            Some(files) => {
                let Trusted { roots, certificates: trusted } = Trusted::load(files)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let by_authority = verifier.build().map_err(|cause| refused(&cause))?;
                builder.with_client_cert_verifier(Arc::new(Clients { by_authority, trusted })).with_cert_resolver(certs)
            }
        };
        // What a client may resume is in its ticket and costs nothing here. Where clients have certificates none resumes:
        // each is verified anew.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if files.client_roots.is_none() {
            config.ticketer = Ticketer::new().map_err(|cause| refused(&cause))?;
            config.send_tls13_tickets = 1;
        } else {
            config.send_tls13_tickets = 0;
        }
        Ok(Self(Arc::new(config)))
    }

    /// The same for what runs over TLS in several protocols, the preferred one first (ALPN). A client that offers none of
    /// them is refused; one that offers nothing is not.
    #[must_use]
    pub fn offering(mut self, protocols: &[&[u8]]) -> Self {
        Arc::make_mut(&mut self.0).alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }
}

/// Takes the server's part in handshakes, with certificates that can be exchanged at any time.
#[derive(Debug)]
pub struct TlsAcceptor {
    current: ArcSwap<ServerConfig>,
}

impl TlsAcceptor {
    /// Begins with these certificates.
    #[must_use]
    pub fn new(tls: ServerTls) -> Self {
        Self { current: ArcSwap::new(tls.0) }
    }

    /// From now on handshakes begin with these certificates. Those under way and links that stand keep what they have.
    pub fn install(&self, tls: ServerTls) {
        self.current.store(tls.0);
    }

    /// Takes part in one handshake. It has no time limit of its own. Dropped, it closes the connection.
    ///
    /// # Errors
    /// The client does not speak TLS, does not agree, has no certificate that it should have, or goes.
    pub fn accept(&self, tcp: TcpStream) -> impl Future<Output = io::Result<TlsStream>> + Send + use<> {
        let accept = tokio_rustls::TlsAcceptor::from(self.current.load_full()).accept(tcp);
        async move { Ok(TlsStream::new(accept.await?.into())) }
    }
}

/// The pairs in the order in which they are configured; there is at least one.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let verifiable = |pair: &&Arc<CertifiedKey>| pair.key.choose_scheme(hello.signature_schemes()).is_some();
        let named = |pair: &&Arc<CertifiedKey>| name.as_ref().is_some_and(|name| is_for(pair, name));
        let pairs = || self.0.iter();
        let chosen = pairs().filter(named).find(verifiable).or_else(|| pairs().find(verifiable));
        chosen.or_else(|| self.0.first()).cloned()
    }
}

/// Whether the pair's certificate is for `name`.
fn is_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = pair.cert.first().and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
    certificate.is_some_and(|certificate| verify_server_name(&certificate, name).is_ok())
}
