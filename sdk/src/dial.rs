//! The way to the gateway: TCP, TLS, WebSocket, or any byte stream of the application.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use net::tls::TlsConnector;
use net::websocket::{BadUrl, Options, Url};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::{Error, Tls};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the protocol runs over: TCP, TLS, WebSocket, a pipe in the process.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

type Dialing = Pin<Box<dyn Future<Output = Result<Box<dyn ByteStream>, BoxError>> + Send>>;

/// What is taken of a gateway's WebSocket messages: their borders mean nothing, and frames in them have a bound of their own.
/// The link's heartbeats tell whether the gateway is there.
const OVER_WEBSOCKET: Options = Options { max_message: u32::MAX, ping: None };

/// How the gateway is reached.
pub(crate) enum Dialer {
    /// At an address, with or without TLS.
    Address {
        place: Place,
        tls: Option<Tls>,
        /// What was read of the files of TLS, and what is remembered of the gateway.
        connector: Mutex<Option<TlsConnector>>,
    },
    /// However the application does it.
    Custom(Box<dyn Fn() -> Dialing + Send + Sync>),
}

/// What stands in an address.
#[derive(Debug)]
pub(crate) enum Place {
    /// `host:port`
    Port(String),
    /// `ws://` or `wss://`; one that cannot be read is told when it is dialed.
    WebSocket(Result<Url, BadUrl>),
}

impl Dialer {
    /// To `host:port`, `ws://…` or `wss://…`.
    pub(crate) fn to(addr: String) -> Self {
        let place = if Url::is_meant(&addr) { Place::WebSocket(addr.parse()) } else { Place::Port(addr) };
        let secure = matches!(&place, Place::WebSocket(Ok(url)) if url.is_secure());
        Dialer::Address { place, tls: secure.then(Tls::system_roots), connector: Mutex::default() }
    }

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
            Dialer::Address { place, .. } => Dialer::Address { place, tls: Some(tls), connector: Mutex::default() },
            Dialer::Custom(dial) => Dialer::Custom(dial),
        }
    }

    /// A fresh byte stream to the gateway, within `limit`. With `anew` nothing is relied on that was read of files before.
    pub(crate) async fn dial(&self, limit: Duration, anew: bool) -> Result<Box<dyn ByteStream>, Error> {
        match self {
            Dialer::Address { place, tls: None, .. } => {
                let begin = Instant::now();
                let stream = net::dial(place.addr()?, limit).await.map_err(unreachable)?;
                place.enter(stream, begin, limit).await
            }
            Dialer::Address { place, tls: Some(tls), connector } => {
                let connector = ready(connector, tls, anew).await?;
                let begin = Instant::now();
                let name = tls.server_name.as_deref();
                let stream = net::dial_tls(place.addr()?, &connector, name, limit).await.map_err(unreachable)?;
                place.enter(stream, begin, limit).await
            }
            Dialer::Custom(dial) => match tokio::time::timeout(limit, dial()).await {
                Ok(dialed) => dialed.map_err(Error::Dial),
                Err(_) => Err(Error::Dial(format!("cannot connect: no byte stream within {limit:?}").into())),
            },
        }
    }
}

impl Place {
    /// What is dialed.
    fn addr(&self) -> Result<&str, Error> {
        match self {
            Place::Port(addr) => Ok(addr),
            Place::WebSocket(Ok(url)) => Ok(url.addr()),
            Place::WebSocket(Err(error)) => Err(unreachable(error.clone())),
        }
    }

    /// The byte stream of the protocol over `stream`, which leads there since `begin`.
    async fn enter<S>(&self, stream: S, begin: Instant, limit: Duration) -> Result<Box<dyn ByteStream>, Error>
    where
        S: ByteStream + 'static,
    {
        match self {
            Place::WebSocket(Ok(url)) => {
                let entering = net::dial_websocket(stream, url, OVER_WEBSOCKET, begin, limit);
                Ok(Box::new(entering.await.map_err(unreachable)?))
            }
            Place::Port(_) | Place::WebSocket(Err(_)) => Ok(Box::new(stream)),
        }
    }
}

fn unreachable(error: impl Into<BoxError>) -> Error {
    Error::Dial(error.into())
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
            Dialer::Address { place, tls, .. } => {
                f.debug_struct("Address").field("place", place).field("tls", tls).finish()
            }
            Dialer::Custom(_) => f.write_str("Custom"),
        }
    }
}
