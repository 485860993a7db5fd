//! The observability port: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::any;
use tokio::net::TcpListener;

use crate::exchange::Exchange;
use crate::lifecycle::Lifecycle;
use crate::metrics::Side;

/// Serves the port until the gateway has stopped.
pub(crate) async fn serve(listener: TcpListener, exchange: Arc<Exchange>, lifecycle: Lifecycle) {
    // Any method is answered, as probes are written in many ways.
    let router = Router::new()
        .route("/healthz", any(healthy))
        .route("/readyz", any(ready))
        .route("/metrics", any(metrics))
        .with_state(exchange);
    let stopping = async move { lifecycle.stopping().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopping).await {
        tracing::error!(%error, "observability server failed");
    }
}

async fn healthy(State(exchange): State<Arc<Exchange>>) -> String {
    format!("ok{}", note(&exchange))
}

/// What goes wrong without keeping links from their work.
fn note(exchange: &Exchange) -> String {
    match exchange.records.as_ref().map(|records| records.status().state) {
        Some(dao::State::Unavailable { reason, since }) => {
            let seconds = since.elapsed().unwrap_or_default().as_secs();
            format!("\nthe records of who is online are not available, for {seconds} s: {reason}")
        }
        _ => String::new(),
    }
}

async fn ready(State(exchange): State<Arc<Exchange>>) -> (StatusCode, String) {
    if exchange.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: draining".to_owned())
    } else if let Some(bridge) = exchange.missing_bridge() {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: bridge {bridge:?} is not up"))
    } else {
        (StatusCode::OK, format!("ready{}", note(&exchange)))
    }
}

async fn metrics(State(exchange): State<Arc<Exchange>>) -> impl IntoResponse {
    // Looking at every link's queue takes a while where there are many.
    let rendered = tokio::task::spawn_blocking(move || {
        exchange.metrics.side(Side::Edge).set_queued(exchange.directory.edges.queued());
        exchange.metrics.side(Side::Service).set_queued(exchange.directory.services.queued());
        exchange.metrics.render()
    });
    match rendered.await {
        Ok(text) => {
            let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, openmetrics)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
