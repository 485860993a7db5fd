//! TLS towards the gateway.

use std::path::PathBuf;

use net::tls::{ClientFiles, KeyPair, Roots};

/// Whom an edge or service trusts, and who it is: see [`Builder::tls`](crate::Builder::tls).
///
/// ```
/// use sdk::Tls;
///
/// let public = Tls::system_roots();
/// let private = Tls::roots(["ca.pem"]).client_certificate("edge.pem", "edge.key").server_name("gateway.internal");
/// ```
///
/// All files are PEM. They are read when a link is made for the first time, and again after an attempt that failed; so
/// files that were exchanged meanwhile count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub(crate) files: ClientFiles,
    pub(crate) server_name: Option<String>,
}

impl Tls {
    /// Trusts gateways whose certificate is good for the system.
    #[must_use]
    pub fn system_roots() -> Self {
        Self::trusting(Roots::System)
    }

    /// Trusts gateways whose certificate was signed by one of those in `files`, and nobody else.
    #[must_use]
    pub fn roots<F: Into<PathBuf>>(files: impl IntoIterator<Item = F>) -> Self {
        Self::trusting(Roots::Files(files.into_iter().map(Into::into).collect()))
    }

    /// Trusts whoever answers, with any certificate: **whoever sits between the two ends can read and change everything**.
    #[must_use]
    pub fn dangerously_trusting_anybody() -> Self {
        Self::trusting(Roots::Anybody)
    }

    fn trusting(roots: Roots) -> Self {
        Self { files: ClientFiles { roots, certs: Vec::new() }, server_name: None }
    }

    /// Shows this certificate, for whose key it has the file, to a gateway that wants one (mTLS). Given several times, the
    /// first that the gateway can verify is shown.
    #[must_use]
    pub fn client_certificate(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.files.certs.push(KeyPair { cert: cert.into(), key: key.into() });
        self
    }

    /// The name that the gateway's certificate must be for, where it is not the host of the address.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }
}
