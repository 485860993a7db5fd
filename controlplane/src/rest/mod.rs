//! The API over HTTP: paths, parameters, JSON.
//!
//! `openapi.json` describes it; a test compares the two.

mod params;
mod shape;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use serde_json::Value;

use self::params::{Params, id};
use self::shape::Shape;
use crate::access::Caller;
use crate::failure::Failure;
use crate::operations::Operations;

/// Where the description is.
pub(crate) const OPENAPI: &str = "/openapi.json";

/// Where a page shows it.
pub(crate) const DOCS: &str = "/docs";

const DESCRIPTION: &str = include_str!("openapi.json");
const PAGE: &str = include_str!("docs.html");

/// Nothing is fetched from elsewhere, and nobody frames the page.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'";

type Shared = State<Arc<Operations>>;

/// An answer, or why there is none.
type Answer = Result<Response, Failure>;

/// All routes.
pub(crate) fn router(operations: Arc<Operations>) -> Router {
    let routes = Router::new()
        .route("/v1/edges", get(edges))
        .route("/v1/edges/rpcs", get(edge_rpcs))
        .route("/v1/edges/{edge_id}", get(edge).delete(kick_edge))
        .route("/v1/edges/{edge_id}/details", get(edge_details))
        .route("/v1/services", get(services))
        .route("/v1/services/rpcs", get(service_rpcs))
        .route("/v1/services/topics", get(service_topics))
        .route("/v1/services/{service_id}", get(service).delete(kick_service))
        .route("/v1/services/{service_id}/details", get(service_details))
        .route("/v1/closed", get(closed))
        .route("/v1/bridges", get(bridges))
        .route("/v1/totals", get(totals))
        .route("/v1/info", get(info))
        .route(OPENAPI, get(description))
        .route(DOCS, get(page));
    routes.fallback(elsewhere).method_not_allowed_fallback(elsewhere).with_state(operations)
}

/// JSON with a status.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// A message as the client wants it: JSON, or binary if it says so.
fn shaped<M: Message + Shape>(headers: &HeaderMap, message: &M) -> Response {
    const BINARY: &str = "application/proto";
    let wanted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut kinds = wanted.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if kinds.any(|kind| kind.eq_ignore_ascii_case(BINARY)) {
        return ([(header::CONTENT_TYPE, BINARY)], message.encode_to_vec()).into_response();
    }
    json(StatusCode::OK, &message.json())
}

/// As [`shaped`], and where the list goes on, in a header: the body is as the Go gateway's.
fn listed<M>(headers: &HeaderMap, uri: &Uri, params: &Params, message: &M, next: Option<&str>) -> Response
where
    M: Message + Shape,
{
    let mut response = shaped(headers, message);
    if let Some(next) = next {
        let mut query = Params::without(uri, &["after", "page"]);
        query.extend(params.has("page").then(|| "page=1".to_owned()));
        query.push(format!("after={}", utf8_percent_encode(next, NON_ALPHANUMERIC)));
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"));
        // What was in the query is encoded still.
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

async fn edges(State(operations): Shared, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::read(&uri)?;
    let request = api::controlplane::ListEdgesRequest {
        meta: params.text("meta")?,
        addr: params.text("addr")?,
        rpc: params.text("rpc")?,
        edge_id: params.unsigned("edge_id")?,
        page: params.signed("page")?.unwrap_or_default(),
        page_size: params.signed("page_size")?.unwrap_or_default(),
        start_time: params.signed("start_time")?,
        end_time: params.signed("end_time")?,
        order: params.text("order")?,
        after: params.text("after")?,
    };
    let answer = operations.list_edges(request).await?;
    Ok(listed(&headers, &uri, &params, &answer, answer.next.as_deref()))
}

async fn edge(State(operations): Shared, Path(edge): Path<String>, headers: HeaderMap) -> Answer {
    let request = api::controlplane::GetEdgeRequest { edge_id: id("edge_id", &edge)? };
    Ok(shaped(&headers, &operations.get_edge(request).await?))
}

async fn edge_details(State(operations): Shared, Path(edge): Path<String>, headers: HeaderMap) -> Answer {
    let request = api::controlplane::GetEdgeRequest { edge_id: id("edge_id", &edge)? };
    Ok(shaped(&headers, &operations.describe_edge(request).await?))
}

async fn kick_edge(
    State(operations): Shared,
    Extension(caller): Extension<Caller>,
    Path(edge): Path<String>,
    headers: HeaderMap,
) -> Answer {
    operations.kick_edge(caller, id("edge_id", &edge)?).await?;
    Ok(shaped(&headers, &api::controlplane::KickEdgeResponse {}))
}

async fn edge_rpcs(State(operations): Shared, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::read(&uri)?;
    let request = api::controlplane::ListEdgeRpCsRequest {
        meta: params.text("meta")?,
        edge_id: params.unsigned("edge_id")?,
        page: params.signed("page")?.unwrap_or_default(),
        page_size: params.signed("page_size")?.unwrap_or_default(),
        start_time: params.signed("start_time")?,
        end_time: params.signed("end_time")?,
        order: params.text("order")?,
    };
    Ok(shaped(&headers, &operations.list_edge_rpcs(request).await?))
}

async fn services(State(operations): Shared, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::read(&uri)?;
    let request = api::controlplane::ListServicesRequest {
        service: params.text("service")?,
        addr: params.text("addr")?,
        rpc: params.text("rpc")?,
        topic: params.text("topic")?,
        page: params.signed("page")?.unwrap_or_default(),
        page_size: params.signed("page_size")?.unwrap_or_default(),
        start_time: params.signed("start_time")?,
        end_time: params.signed("end_time")?,
        order: params.text("order")?,
        after: params.text("after")?,
    };
    let answer = operations.list_services(request).await?;
    Ok(listed(&headers, &uri, &params, &answer, answer.next.as_deref()))
}

async fn service(State(operations): Shared, Path(service): Path<String>, headers: HeaderMap) -> Answer {
    let request = api::controlplane::GetServiceRequest { service_id: id("service_id", &service)? };
    Ok(shaped(&headers, &operations.get_service(request).await?))
}

async fn service_details(State(operations): Shared, Path(service): Path<String>, headers: HeaderMap) -> Answer {
    let request = api::controlplane::GetServiceRequest { service_id: id("service_id", &service)? };
    Ok(shaped(&headers, &operations.describe_service(request).await?))
}

async fn kick_service(
    State(operations): Shared,
    Extension(caller): Extension<Caller>,
    Path(service): Path<String>,
    headers: HeaderMap,
) -> Answer {
    operations.kick_service(caller, id("service_id", &service)?).await?;
    Ok(shaped(&headers, &api::controlplane::KickServiceResponse {}))
}

async fn service_rpcs(State(operations): Shared, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::read(&uri)?;
    let request = api::controlplane::ListServiceRpCsRequest {
        service: params.text("service")?,
        service_id: params.unsigned("service_id")?,
        page: params.signed("page")?.unwrap_or_default(),
        page_size: params.signed("page_size")?.unwrap_or_default(),
        start_time: params.signed("start_time")?,
        end_time: params.signed("end_time")?,
        order: params.text("order")?,
    };
    Ok(shaped(&headers, &operations.list_service_rpcs(request).await?))
}

async fn service_topics(State(operations): Shared, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::read(&uri)?;
    let request = api::controlplane::ListServiceTopicsRequest {
        service: params.text("service")?,
        service_id: params.unsigned("service_id")?,
        page: params.signed("page")?.unwrap_or_default(),
        page_size: params.signed("page_size")?.unwrap_or_default(),
        start_time: params.signed("start_time")?,
        end_time: params.signed("end_time")?,
        order: params.text("order")?,
    };
    Ok(shaped(&headers, &operations.list_service_topics(request).await?))
}

async fn closed(State(operations): Shared, uri: Uri, headers: HeaderMap) -> Answer {
    let limit = Params::read(&uri)?.signed("limit")?.unwrap_or_default();
    let request = api::controlplane::ListClosedLinksRequest { limit };
    Ok(shaped(&headers, &operations.closed_links(request)))
}

async fn bridges(State(operations): Shared, headers: HeaderMap) -> Response {
    shaped(&headers, &operations.bridges())
}

async fn totals(State(operations): Shared, headers: HeaderMap) -> Response {
    shaped(&headers, &operations.totals())
}

async fn info(State(operations): Shared, headers: HeaderMap) -> Response {
    shaped(&headers, &operations.info())
}

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}

async fn page() -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    ([kind, (header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], PAGE).into_response()
}

/// No such path, or no such method there. A path that ends in a slash leads to the one without it.
async fn elsewhere(uri: Uri) -> Response {
    match uri.path().strip_suffix('/') {
        Some(path) if path.starts_with("/v1/") && !path.ends_with('/') => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let target = HeaderValue::from_str(&format!("{path}{query}"));
            let target = target.unwrap_or(HeaderValue::from_static("/"));
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)], Body::empty()).into_response()
        }
        _ => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

#[cfg(test)]
mod tests;
