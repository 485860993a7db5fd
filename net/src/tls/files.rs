//! From PEM files to certificates and keys.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

use super::pinned::is_of_version_1;
use super::{TlsError, provider};

/// More than every bundle of root certificates has.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Where a certificate, with those that lead to its root, and its private key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// PEM file with the certificate first.
    pub cert: PathBuf,
    /// PEM file with the key.
    pub key: PathBuf,
}

impl KeyPair {
    /// Both, checked to belong together.
    pub(super) fn load(&self) -> Result<Arc<CertifiedKey>, TlsError> {
        let chain = certificates(&self.cert)?;
        let key = provider().key_provider.load_private_key(self.private_key()?);
        let key = key.map_err(|source| TlsError::BadKey { file: self.key.clone(), source })?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(pair)),
            // Nobody can verify its name; clients that do not want to may come all the same.
            Err(source) if is_of_version_1(&source) => Ok(Arc::new(pair)),
            Err(Error::InconsistentKeys(_)) => {
                Err(TlsError::Mismatch { cert: self.cert.clone(), key: self.key.clone() })
            }
            Err(source) => Err(TlsError::BadCertificate { file: self.cert.clone(), source }),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let file = || self.key.clone();
        PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|source| match source {
            pem::Error::NoItemsFound => TlsError::NoKey { file: file() },
            source => TlsError::BadPem { file: file(), source },
        })
    }
}

/// Who is trusted.
pub(super) struct Trusted {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// All certificates in `files`.
    pub(super) fn load(files: &[PathBuf]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        let mut all = Vec::new();
        for file in files {
            for certificate in certificates(file)? {
                let added = roots.add(certificate.clone());
                added.map_err(|source| TlsError::BadCertificate { file: file.clone(), source })?;
                all.push(certificate);
            }
        }
        Ok(Self { roots: Arc::new(roots), certificates: all })
    }
}

/// All certificates in `file`, which has at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|source| TlsError::BadPem { file: file.to_owned(), source })?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned() });
    }
    Ok(found)
}

/// Reads a file without ever waiting for a writer or for an end.
fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source: io::Error| TlsError::Unreadable { file: file.to_owned(), source };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let about = fs::metadata(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    if about.is_file() {
        let opened = File::open(file).map_err(unreadable)?;
        opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if !about.is_file() || bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(TlsError::NotAFile { file: file.to_owned(), limit: MAX_FILE_BYTES });
    }
    Ok(bytes)
}
