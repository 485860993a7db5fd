//! The way to the gateway: TCP, TLS, or any byte stream of the application.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use net::tls::TlsConnector;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Error, Tls};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the protocol runs over: TCP, TLS, WebSocket, a pipe in the process.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

type Dialing = Pin<Box<dyn Future<Output = Result<Box<dyn ByteStream>, BoxError>> + Send>>;

/// How the gateway is reached.
pub(crate) enum Dialer {
    /// `host:port` over TCP.
    Tcp(String),
    /// `host:port` over TLS.
    Tls {
        addr: String,
        tls: Tls,
        /// What was read of the files, and what is remembered of the gateway.
        connector: Mutex<Option<TlsConnector>>,
    },
    /// However the application does it.
    Custom(Box<dyn Fn() -> Dialing + Send + Sync>),
}

impl Dialer {
    pub(crate) fn custom<F, Fut, S, E>(dial: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: ByteStream + 'static,
        E: Into<BoxError>,
    {
        Dialer::Custom(Box::new(move || {
            let dialing = dial();
            Box::pin(async move {
                let stream = dialing.await.map_err(Into::into)?;
                Ok(Box::new(stream) as Box<dyn ByteStream>)
            })
        }))
    }

    /// The same way with TLS on it. A way of the application's own is left as it is.
    pub(crate) fn over_tls(self, tls: Tls) -> Self {
        match self {
            Dialer::Tcp(addr) | Dialer::Tls { addr, .. } => Dialer::Tls { addr, tls, connector: Mutex::default() },
            Dialer::Custom(dial) => Dialer::Custom(dial),
        }
    }

    /// A fresh byte stream to the gateway, within `limit`. With `anew` nothing is relied on that was read of files before.
    pub(crate) async fn dial(&self, limit: Duration, anew: bool) -> Result<Box<dyn ByteStream>, Error> {
        match self {
            Dialer::Tcp(addr) => match net::dial(addr, limit).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(Error::Dial(error.into())),
            },
            Dialer::Tls { addr, tls, connector } => {
                let connector = ready(connector, tls, anew).await?;
                match net::dial_tls(addr, &connector, tls.server_name.as_deref(), limit).await {
                    Ok(stream) => Ok(Box::new(stream)),
                    Err(error) => Err(Error::Dial(error.into())),
                }
            }
            Dialer::Custom(dial) => match tokio::time::timeout(limit, dial()).await {
                Ok(dialed) => dialed.map_err(Error::Dial),
                Err(_) => Err(Error::Dial(format!("cannot connect: no byte stream within {limit:?}").into())),
            },
        }
    }
}

/// The connector that is kept, or one that is made of the files as they are now.
async fn ready(kept: &Mutex<Option<TlsConnector>>, tls: &Tls, anew: bool) -> Result<TlsConnector, Error> {
    let held = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    let known = held().clone();
    match known {
        Some(connector) if !anew => Ok(connector),
        _ => {
            let files = tls.files.clone();
            let loading = tokio::task::spawn_blocking(move || TlsConnector::load(&files));
            let connector = loading.await.expect("reading files does not panic").map_err(Error::Tls)?;
            *held() = Some(connector.clone());
            Ok(connector)
        }
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dialer::Tcp(addr) => f.debug_tuple("Tcp").field(addr).finish(),
            Dialer::Tls { addr, tls, .. } => f.debug_tuple("Tls").field(addr).field(tls).finish(),
            Dialer::Custom(_) => f.write_str("Custom"),
        }
    }
}
