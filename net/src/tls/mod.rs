//! TLS around a TCP connection, at either end: rustls over aws-lc-rs, versions 1.2 and 1.3 with the suites that the library
//! holds for safe.
//!
//! Certificates and keys are PEM files. They are read whole before anything is changed: a [`ServerTls`] or [`TlsConnector`]
//! is either usable or an error that names the file.

mod client;
mod error;
mod files;
mod pinned;
mod server;
mod stream;

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use client::{ClientFiles, Roots, TlsConnector};
pub(crate) use client::{host_of, name_of};
pub use error::TlsError;
pub use files::KeyPair;
pub use server::{ServerFiles, ServerTls, TlsAcceptor};
pub use stream::TlsStream;

/// What encrypts and signs. Named wherever rustls is set up, so that no other crate's choice for the process matters.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

#[cfg(test)]
mod tests;
