//! Sub-section `tls` of listeners and dialers.

use std::path::PathBuf;

use crate::section::section;

section! {
    /// TLS, for listeners and dialers alike.
    pub struct Tls {
        /// Whether TLS is spoken at all.
        enable: bool = false,
        /// A listener asks every client for a certificate that `ca_certs` vouch for; a dialer trusts `ca_certs` in place of
        /// the system's authorities.
        mtls: bool = false,
        /// PEM files with certificates of authorities.
        ca_certs: Vec<PathBuf> = Vec::new(),
        /// Own certificates. A listener needs one at least and chooses by the name that the client asks for; a dialer may
        /// have none.
        certs: Vec<CertKey> = Vec::new(),
        /// Whether a dialer takes any certificate of the server. Listeners ignore it.
        insecure_skip_verify: bool = false,
    }
}

section! {
    /// A certificate and its private key.
    pub struct CertKey {
        /// A PEM file with the certificate and those that lead to its authority.
        cert: PathBuf = PathBuf::new(),
        /// A PEM file with the private key.
        key: PathBuf = PathBuf::new(),
    }
}

/// What TLS means for a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsServer {
    /// The certificates to choose from; one at least.
    pub certs: Vec<CertKey>,
    /// The authorities one of which must vouch for a client's certificate; none
    /// where clients need no certificate.
    pub client_cas: Option<Vec<PathBuf>>,
}

/// What TLS means for a dialer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsClient {
    /// Certificates to show to the server, if it asks.
    pub certs: Vec<CertKey>,
    /// How the server's certificate is judged.
    pub verify: Verify,
}

/// How the certificate of a server is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// One of the system's authorities must vouch for it.
    SystemRoots,
    /// One of the authorities in these PEM files must vouch for it.
    Roots(Vec<PathBuf>),
    /// Not at all.
    Skip,
}

impl Tls {
    /// What a listener does; none where TLS is off.
    pub fn server(&self) -> Option<TlsServer> {
        self.enable
            .then(|| TlsServer { certs: self.certs.clone(), client_cas: self.mtls.then(|| self.ca_certs.clone()) })
    }

    /// What a dialer does; none where TLS is off.
    pub fn client(&self) -> Option<TlsClient> {
        let verify = match (self.insecure_skip_verify, self.mtls) {
            (true, _) => Verify::Skip,
            (false, true) => Verify::Roots(self.ca_certs.clone()),
            (false, false) => Verify::SystemRoots,
        };
        self.enable.then(|| TlsClient { certs: self.certs.clone(), verify })
    }
}
