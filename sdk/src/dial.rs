//! The way to the gateway: TCP, or any byte stream of the application.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;

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

    /// A fresh byte stream to the gateway, within `limit`.
    pub(crate) async fn dial(&self, limit: Duration) -> Result<Box<dyn ByteStream>, Error> {
        match self {
            Dialer::Tcp(addr) => match transport::dial(addr, limit).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(Error::Dial(error.into())),
            },
            Dialer::Custom(dial) => match tokio::time::timeout(limit, dial()).await {
                Ok(dialed) => dialed.map_err(Error::Dial),
                Err(_) => Err(Error::Dial(format!("cannot connect: no byte stream within {limit:?}").into())),
            },
        }
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dialer::Tcp(addr) => f.debug_tuple("Tcp").field(addr).finish(),
            Dialer::Custom(_) => f.write_str("Custom"),
        }
    }
}
