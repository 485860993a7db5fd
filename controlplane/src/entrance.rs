//! What every request passes, whichever way it came: who makes it, whether there is room, how long it may take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, header};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic_health::server::HealthReporter;
use tower::ServiceExt;

use crate::access::Tokens;
use crate::failure::Failure;
use crate::meter::{Meter, Protocol};
use crate::operations::Operations;
use crate::{grpc, rest};

/// Requests that are worked on at once.
const AT_ONCE: usize = 64;

/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(2);

/// How long a request may take, its turn and its body included. Queries have shorter limits of their own.
const LIMIT: Duration = Duration::from_secs(30);

/// The way to the API.
#[derive(Debug)]
pub(crate) struct Entrance {
    grpc: Router,
    rest: Router,
    health: HealthReporter,
    tokens: Arc<ArcSwap<Tokens>>,
    turns: Semaphore,
    meter: Arc<Meter>,
}

impl Entrance {
    pub(crate) fn new(operations: &Arc<Operations>, tokens: Tokens, meter: Arc<Meter>) -> Self {
        let (grpc, health) = grpc::router(Arc::clone(operations));
        let rest = rest::router(Arc::clone(operations));
        let tokens = Arc::new(ArcSwap::from_pointee(tokens));
        Self { grpc, rest, health, tokens, turns: Semaphore::new(AT_ONCE), meter }
    }

    /// Takes other tokens from now on.
    pub(crate) fn install(&self, tokens: Tokens) {
        self.tokens.store(Arc::new(tokens));
    }

    /// Whether anybody may do everything.
    pub(crate) fn is_open(&self) -> bool {
        self.tokens.load().is_empty()
    }

    /// Has the health service say whether the control plane serves.
    pub(crate) async fn report(&self, serving: bool) {
        grpc::report(&self.health, serving).await;
    }

    /// Answers a request of `peer`. What is `held` is dropped when the answer is sent, or cannot be.
    pub(crate) async fn answer<T>(&self, request: Request<Body>, peer: SocketAddr, held: T) -> Response
    where
        T: Send + 'static,
    {
        let is_grpc = is_grpc(request.headers());
        let under_way = self.meter.begin(if is_grpc { Protocol::Grpc } else { Protocol::Rest });
        let refused = |failure: Failure| if is_grpc { failure.status().into_http() } else { failure.into_response() };
        let response = match timeout(LIMIT, self.admit(request, peer, is_grpc)).await {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) => refused(failure),
            Err(_) => refused(Failure::Late),
        };
        under_way.answered(response, held)
    }

    async fn admit(&self, mut request: Request<Body>, peer: SocketAddr, is_grpc: bool) -> Result<Response, Failure> {
        let caller = self.tokens.load().caller(request.headers(), peer);
        match caller {
            Some(caller) => drop(request.extensions_mut().insert(caller)),
            None if is_public(request.uri().path(), is_grpc) => {}
            None => return Err(Failure::NoToken),
        }
        let turn = timeout(TURN, self.turns.acquire()).await.map_err(|_| Failure::Busy)?;
        let _turn = turn.expect("the semaphore is never closed");
        let router = if is_grpc { &self.grpc } else { &self.rest };
        let Ok(response) = router.clone().oneshot(request).await;
        Ok(response)
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// What tells nothing of edges and services: it needs no token.
fn is_public(path: &str, is_grpc: bool) -> bool {
    if is_grpc { path.starts_with(grpc::HEALTH) } else { path == rest::OPENAPI || path == rest::DOCS }
}
