//! The bytes of a scripted client: over TCP, in a WebSocket made by hand, or over TLS by a library that the project's own code uses too, but none of
//! that code.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::{Authority, Pair};
use crate::wait::PATIENCE;
use crate::websocket::WebSocket;

/// A socket, and what lies between it and the frames.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    WebSocket(Box<WebSocket>),
}

impl Wire {
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
            Wire::WebSocket(stream) => stream.socket(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
            Wire::WebSocket(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
            Wire::WebSocket(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.flush(),
            Wire::Tls(stream) => stream.flush(),
            Wire::WebSocket(stream) => stream.flush(),
        }
    }
}

/// How a scripted client speaks TLS: whom it trusts, and who it is.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsClient {
    /// Trusts what `authority` signed for `name`, and shows `own` if asked for a certificate.
    ///
    /// # Panics
    /// When a file cannot be used.
    #[must_use]
    pub fn new(authority: &Authority, name: &str, own: Option<&Pair>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&authority.file())).expect("a certificate of ours is good");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("the versions are those of the library").with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key file of ours is good");
                builder.with_client_auth_cert(vec![certificate(&pair.cert)], key).expect("they belong together")
            }
        };
        let name = ServerName::try_from(name.to_owned()).expect("a server's name");
        Self { config: Arc::new(config), name }
    }

    /// A TLS stream to `addr`, its handshake done.
    ///
    /// # Errors
    /// The handshake's.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect(&self, addr: SocketAddr) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let socket = TcpStream::connect_timeout(&addr, PATIENCE)
            .unwrap_or_else(|error| panic!("{addr} does not accept: {error}"));
        self.over(socket)
    }

    /// A TLS stream over a connection in which the server expects the handshake next.
    ///
    /// # Errors
    /// The handshake's.
    pub fn over(&self, mut socket: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let mut session = session.map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        while session.wants_write() {
            session.write_tls(&mut socket)?;
        }
        Ok(StreamOwned::new(session, socket))
    }
}

fn certificate(file: &std::path::Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate file of ours is good")
}
