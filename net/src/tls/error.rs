//! What can be wrong with certificates and keys.

use std::io;
use std::path::PathBuf;

/// Certificates or keys that cannot be used, with the file to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be opened or read.
    #[error("{}: cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A path leads to something that holds no certificates: a folder, a pipe, or far too much.
    #[error("{}: is not a regular file of at most {limit} bytes", file.display())]
    NotAFile {
        /// The file.
        file: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// A file is no PEM text.
    #[error("{}: is damaged", file.display())]
    BadPem {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// A file without a certificate.
    #[error("{}: holds no certificate: a block between -----BEGIN CERTIFICATE----- and its end", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A certificate that cannot be understood.
    #[error("{}: holds a certificate that cannot be used", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// A file without a private key that can be read.
    #[error("{}: holds no private key; one that is protected by a password has to be decrypted first", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// A private key of an unknown kind.
    #[error("{}: holds a private key that cannot be used", file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Certificate and key are not those of one another.
    #[error("{}: is not the key of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A server without any certificate.
    #[error("no certificate: name at least one pair of files under certs")]
    NoPair,
    /// Clients are to be verified, against nothing.
    #[error("mtls without ca_certs: name the files of those who sign the certificates of clients")]
    NoClientRoots,
    /// The system knows nobody to trust.
    #[error("the system has no root certificates ({cause}): install them, or name files of your own")]
    NoSystemRoots {
        /// What was found wrong on the way, if anything.
        cause: String,
    },
    /// A host whose certificate nobody can have.
    #[error("{name:?} is neither a host name nor an address, so no certificate can be for it")]
    BadServerName {
        /// The name as given.
        name: String,
    },
    /// The library refuses the whole.
    #[error("TLS cannot be set up: {cause}")]
    Refused {
        /// What it says.
        cause: String,
    },
}
