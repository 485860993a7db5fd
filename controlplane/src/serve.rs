//! Connections: their bounds, TLS, the version of HTTP, their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use net::Listener;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use self::begun::{Begun, Version};
use self::places::{Place, Places};
use self::used::Use;
use crate::ControlPlane;
use crate::grpc;
use crate::meter::Bound;

mod begun;
mod places;
mod used;

/// Connections at once.
const CONNECTIONS: usize = 256;

/// Connections of one address, a quarter of all: no client can keep the others out.
const CONNECTIONS_PER_ADDRESS: usize = 64;

/// How long a client has for TLS and the first bytes of HTTP, and for the head of each request in HTTP/1.
const OPENING: Duration = Duration::from_secs(10);

/// How long a client may take nothing of what is sent to it.
const STALLED: Duration = Duration::from_secs(30);

/// How often HTTP/2 asks a silent client whether it is there, and how long it waits for the answer.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Requests under way on one connection of HTTP/2.
const STREAMS: u32 = 64;

/// The most bytes of a request's head.
const HEAD: usize = 16 * 1024;

/// How long requests that are under way have once the control plane stops.
const GRACE: Duration = Duration::from_secs(1);

/// A refused connection is told of once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// Accepts until `stop`, and returns when all connections have ended.
pub(crate) async fn run(plane: Arc<ControlPlane>, mut listener: Listener, stop: CancellationToken) {
    let places = Places::new(CONNECTIONS, CONNECTIONS_PER_ADDRESS);
    let cut = CancellationToken::new();
    let mut told: Option<Instant> = None;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let place = match places.take(peer.ip()) {
            Ok(place) => place,
            Err((bound, most)) => {
                plane.meter.refuse(bound);
                if told.is_none_or(|told| told.elapsed() > QUIET) {
                    let whose = match bound {
                        Bound::Connections => "",
                        Bound::ConnectionsPerAddress => " from its address",
                    };
                    warn!(%peer, "control plane: connection closed, there are {most}{whose} already");
                    told = Some(Instant::now());
                }
                continue;
            }
        };
        let tasks = Tasks { tasks: plane.tasks.clone(), cut: cut.clone() };
        let connection = Arc::clone(&plane).connection(stream, peer, stop.clone(), tasks.clone(), place);
        tasks.execute(connection);
    }
    drop(listener);
    plane.entrance.report(false).await;
    plane.tasks.close();
    if timeout(GRACE, plane.tasks.wait()).await.is_err() {
        debug!("control plane: connections that do not end are cut");
        cut.cancel();
        plane.tasks.wait().await;
    }
}

/// Where tasks of connections run: all of them are watched, and can be cut.
#[derive(Debug, Clone)]
struct Tasks {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                _ = task => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

impl ControlPlane {
    /// One connection, to its end.
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
        tasks: Tasks,
        _place: Place,
    ) {
        let _open = self.meter.connect();
        // Whoever asks and does not take the answer would keep it here. A socket that is gone already tells so when it is read.
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(STALLED));
        let until = Instant::now() + OPENING;
        let ended = match &self.tls {
            None => self.talk(stream, peer, until, &stop, tasks).await,
            Some(acceptor) => match tokio::time::timeout_at(until, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.talk(stream, peer, until, &stop, tasks).await,
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err("the TLS handshake took too long".into()),
            },
        };
        if let Err(error) = ended {
            debug!(%peer, error, "control plane: connection ended");
        }
    }

    async fn talk<S>(
        self: &Arc<Self>,
        mut io: S,
        peer: SocketAddr,
        until: Instant,
        stop: &CancellationToken,
        tasks: Tasks,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let opening = tokio::select! {
            opening = tokio::time::timeout_at(until, begun::look(&mut io)) => opening,
            () = stop.cancelled() => return Ok(()),
        };
        let (version, first) = opening.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let io = TokioIo::new(Begun::new(first, io));
        let (plane, used) = (Arc::clone(self), Use::new());
        let use_of = used.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let within = (!grpc::lasts(request.uri().path())).then_some(plane.patience.taken);
            let (plane, held) = (Arc::clone(&plane), use_of.begin(within));
            async move { Ok::<_, Infallible>(plane.entrance.answer(request.map(Body::new), peer, held).await) }
        });
        // Both kinds of connection are stopped alike, and share no trait for it.
        macro_rules! drive {
            ($connection:expr) => {{
                let mut connection = std::pin::pin!($connection);
                let untaken = || Err("an answer was not taken in time".into());
                tokio::select! {
                    ended = connection.as_mut() => return Ok(ended?),
                    () = used.overdue() => return untaken(),
                    () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
                    () = used.idle(self.patience.idle) => connection.as_mut().graceful_shutdown(),
                }
                // Who was told to go, and asks for nothing more, has as long again: it need not obey.
                tokio::select! {
                    ended = connection => Ok(ended?),
                    () = used.overdue() => untaken(),
                    () = used.idle(self.patience.idle) => Ok(()),
                }
            }};
        }
        match version {
            Version::Http1 => drive!(
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(OPENING)
                    .max_buf_size(HEAD)
                    .serve_connection(io, service)
            ),
            Version::Http2 => drive!(
                http2::Builder::new(tasks)
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(STREAMS)
                    .max_header_list_size(HEAD as u32)
                    .keep_alive_interval(PING.0)
                    .keep_alive_timeout(PING.1)
                    .serve_connection(io, service)
            ),
        }
    }
}
