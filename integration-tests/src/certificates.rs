//! Certificates for tests, made while they run.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};
use tempfile::TempDir;

/// Signs certificates, and keeps them as files for as long as it lives.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl Pair {
    /// What a configuration says of it: an entry of `certs`.
    #[must_use]
    pub fn yaml(&self) -> String {
        format!("{{ cert: {}, key: {} }}", self.cert.display(), self.key.display())
    }

    /// Puts the files of another pair in the place of these, each in one step.
    pub fn replace_with(&self, other: &Pair) {
        fs::rename(&other.cert, &self.cert).expect("a file can be renamed");
        fs::rename(&other.key, &self.key).expect("a file can be renamed");
    }
}

impl Authority {
    /// A new one, whose own certificate is in [`Authority::file`].
    ///
    /// # Panics
    /// When a key cannot be made or a file not be written.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate can be made");
        let authority = Self { folder: tempfile::tempdir().expect("a temporary folder can be made"), issuer };
        fs::write(authority.file(), authority.issuer.pem()).expect("a temporary file can be written");
        authority
    }

    /// Its own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A new certificate for `name` in files called `stem`.
    ///
    /// # Panics
    /// When a key cannot be made or a file not be written.
    #[must_use]
    pub fn pair(&self, stem: &str, name: &str) -> Pair {
        self.pair_of(stem, &[name])
    }

    /// As [`Authority::pair`], for several names, IP addresses among them.
    ///
    /// # Panics
    /// When a key cannot be made or a file not be written.
    #[must_use]
    pub fn pair_of(&self, stem: &str, names: &[&str]) -> Pair {
        let key = key();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names for a certificate");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate can be made");
        let file = |ending| self.folder.path().join(format!("{stem}.{ending}"));
        let pair = Pair { cert: file("pem"), key: file("key") };
        fs::write(&pair.cert, certificate.pem()).expect("a temporary file can be written");
        fs::write(&pair.key, key.serialize_pem()).expect("a temporary file can be written");
        pair
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made")
}

/// What a configuration says of a listener with these certificates: the value of `tls`. With `clients` every client needs
/// a certificate that this authority has signed.
#[must_use]
pub fn listener_yaml(pairs: &[&Pair], clients: Option<&Authority>) -> String {
    let certs: Vec<String> = pairs.iter().map(|pair| pair.yaml()).collect();
    let mut text = format!("{{ enable: true, certs: [{}]", certs.join(", "));
    if let Some(authority) = clients {
        write!(text, ", mtls: true, ca_certs: [{}]", authority.file().display()).expect("a string takes any text");
    }
    text + " }"
}
