//! Sub-section `tls` of listeners and dialers.

use std::path::PathBuf;

use serde::Deserialize;

use crate::field;

/// TLS as written, for listeners and dialers alike.
///
/// [`Tls::server`] and [`Tls::client`] tell what it means for each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Tls {
    /// Whether TLS is spoken at all; off unless written.
    pub enable: bool,
    /// A listener asks every client for a certificate that `ca_certs` vouch
    /// for; a dialer trusts `ca_certs` in place of the system's roots.
    pub mtls: bool,
    /// PEM files with certificates of authorities.
    pub ca_certs: Vec<PathBuf>,
    /// Own certificates. A listener needs one at least and chooses by the name
    /// that the client asks for; a dialer may have none.
    pub certs: Vec<CertKey>,
    /// Whether a dialer takes any certificate of the server. Listeners ignore it.
    pub insecure_skip_verify: bool,
}

/// A certificate and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertKey {
    /// A PEM file with the certificate and those that lead to its authority.
    pub cert: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    enable: Option<bool>,
    mtls: Option<bool>,
    ca_certs: Option<Vec<PathBuf>>,
    certs: Option<Vec<WrittenCertKey>>,
    insecure_skip_verify: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCertKey {
    #[serde(default, deserialize_with = "field::word")]
    cert: Option<PathBuf>,
    #[serde(default, deserialize_with = "field::word")]
    key: Option<PathBuf>,
}

impl From<Written> for Tls {
    fn from(written: Written) -> Self {
        let certs = written.certs.unwrap_or_default();
        Self {
            enable: written.enable.unwrap_or(false),
            mtls: written.mtls.unwrap_or(false),
            ca_certs: written.ca_certs.unwrap_or_default(),
            certs: certs.into_iter().map(CertKey::from).collect(),
            insecure_skip_verify: written.insecure_skip_verify.unwrap_or(false),
        }
    }
}

impl From<WrittenCertKey> for CertKey {
    fn from(written: WrittenCertKey) -> Self {
        Self { cert: written.cert.unwrap_or_default(), key: written.key.unwrap_or_default() }
    }
}
