//! What the configuration says of TLS, as `net` wants it.

use config::Verify;
use net::tls::{ClientFiles, KeyPair, Roots, ServerFiles, ServerTls, TlsConnector, TlsError};

use super::WayInError;

/// The certificates of a listener; none where TLS is off.
pub(super) fn server(tls: &config::Tls, side: &'static str) -> Result<Option<ServerTls>, WayInError> {
    let loaded = tls
        .server()
        .map(|server| ServerTls::load(&ServerFiles { certs: pairs(server.certs), client_roots: server.client_cas }));
    loaded.transpose().map_err(|source| WayInError::Tls { side, source })
}

/// What a dialer needs; none where TLS is off.
pub(super) fn client(tls: &config::Tls) -> Result<Option<TlsConnector>, TlsError> {
    let loaded = tls.client().map(|client| {
        let roots = match client.verify {
            Verify::SystemRoots => Roots::System,
            Verify::Roots(files) => Roots::Files(files),
            Verify::Skip => Roots::Anybody,
        };
        TlsConnector::load(&ClientFiles { roots, certs: pairs(client.certs) })
    });
    loaded.transpose()
}

fn pairs(certs: Vec<config::CertKey>) -> Vec<KeyPair> {
    certs.into_iter().map(|pair| KeyPair { cert: pair.cert, key: pair.key }).collect()
}
