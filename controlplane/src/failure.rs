//! Why a request has no answer, as gRPC and REST say it.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use dao::{BadQuery, DaoError};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tonic::{Code, Status};

use crate::running::LinkKind;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no row of that id.
    #[error("not found")]
    NotFound,
    /// There is nobody of that id to kick.
    #[error("{} not online", .0.word())]
    NotOnline(LinkKind),
    /// A parameter cannot be read.
    #[error("parsing field {field:?}: {reason}")]
    Field { field: String, reason: String },
    /// The query cannot be answered.
    #[error(transparent)]
    BadQuery(#[from] BadQuery),
    /// The texts of one page are too long together, and the list could not go on behind a part of it.
    #[error("the texts of this page take more than {max} bytes together: ask for a smaller page_size")]
    PageTooLarge { max: usize },
    /// The records are not available.
    #[error("{0}")]
    Unavailable(Arc<str>),
    /// Too many requests at once, or queries.
    #[error("too many requests at once: try again")]
    Busy,
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// No token, or one that is not known.
    #[error("a bearer token is needed")]
    NoToken,
    /// The token does not allow it.
    #[error("this token may read and not write")]
    ReadOnly,
}

impl From<DaoError> for Failure {
    fn from(error: DaoError) -> Self {
        match error {
            DaoError::NotFound => Self::NotFound,
            DaoError::Busy => Self::Busy,
            DaoError::BadQuery(bad) => Self::BadQuery(bad),
            other => Self::Unavailable(other.to_string().into()),
        }
    }
}

impl Failure {
    /// What HTTP, REST's `reason` and gRPC call it.
    const fn kinds(&self) -> (StatusCode, &'static str, Code) {
        match self {
            Self::NotFound | Self::NotOnline(_) => (StatusCode::NOT_FOUND, "", Code::NotFound),
            Self::Field { .. } => (StatusCode::BAD_REQUEST, "CODEC", Code::InvalidArgument),
            Self::BadQuery(_) => (StatusCode::BAD_REQUEST, "BAD_QUERY", Code::InvalidArgument),
            Self::PageTooLarge { .. } => (StatusCode::BAD_REQUEST, "PAGE_TOO_LARGE", Code::ResourceExhausted),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", Code::Unavailable),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "BUSY", Code::Unavailable),
            Self::Late => (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", Code::DeadlineExceeded),
            Self::NoToken => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", Code::Unauthenticated),
            Self::ReadOnly => (StatusCode::FORBIDDEN, "PERMISSION_DENIED", Code::PermissionDenied),
        }
    }

    /// As gRPC says it.
    pub(crate) fn status(&self) -> Status {
        Status::new(self.kinds().2, self.to_string())
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.status()
    }
}

/// As REST says it: always the same four keys.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, reason, _) = self.kinds();
        let body = json!({ "code": status.as_u16(), "reason": reason, "message": self.to_string(), "metadata": {} });
        let mut response = crate::rest::json(status, &body);
        if self == Self::NoToken {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
