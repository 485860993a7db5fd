//! What the control plane counts of itself: few numbers, looked up when somebody asks for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use http::{Response, StatusCode};
use tonic::Code;

use self::counted::Counted;

mod counted;

/// By which a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// gRPC, health and reflection included.
    Grpc,
    /// HTTP, the description and the page included.
    Rest,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Grpc, Self::Rest];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Rest => "rest",
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered.
    Ok,
    /// There is no such row, nobody of that id, no such path.
    NotFound,
    /// It cannot be answered as it was asked.
    Invalid,
    /// No token, or one that may not.
    Denied,
    /// The records are not available, or there were too many requests.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// A fault of ours.
    Failed,
    /// Whoever asked went before the answer.
    Cancelled,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::NotFound,
        Self::Invalid,
        Self::Denied,
        Self::Unavailable,
        Self::Timeout,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn of<B>(protocol: Protocol, response: &Response<B>) -> Self {
        match (protocol, response.headers().get("grpc-status")) {
            (Protocol::Grpc, Some(status)) => Self::of_code(Code::from_bytes(status.as_bytes())),
            // One that has a body says in the trailers how it ended; those of ours with a body have succeeded.
            _ => Self::of_status(response.status()),
        }
    }

    const fn of_code(code: Code) -> Self {
        match code {
            Code::Ok => Self::Ok,
            Code::NotFound => Self::NotFound,
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied,
            Code::Unavailable => Self::Unavailable,
            Code::DeadlineExceeded => Self::Timeout,
            Code::Cancelled => Self::Cancelled,
            Code::Unknown | Code::Internal | Code::DataLoss => Self::Failed,
            _ => Self::Invalid,
        }
    }

    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Denied,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            status if status.is_client_error() => Self::Invalid,
            status if status.is_server_error() => Self::Failed,
            _ => Self::Ok,
        }
    }
}

/// A bound on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// On all of them.
    Connections,
    /// On those of one address.
    ConnectionsPerAddress,
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Connections, Self::ConnectionsPerAddress];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
        }
    }
}

/// Counts of one control plane since its start. Made before it, so that whoever shows them need not wait for it.
#[derive(Debug, Default)]
pub struct Meter {
    requests: [[AtomicU64; Outcome::ALL.len()]; Protocol::ALL.len()],
    refused: [AtomicU64; Bound::ALL.len()],
    in_flight: AtomicU64,
    connections: AtomicU64,
}

impl Meter {
    /// Requests that came by `protocol` and ended so.
    #[must_use]
    pub fn requests(&self, protocol: Protocol, outcome: Outcome) -> u64 {
        self.requests[protocol as usize][outcome as usize].load(Ordering::Relaxed)
    }

    /// Connections that were closed at once, since that bound was reached.
    #[must_use]
    pub fn refused(&self, bound: Bound) -> u64 {
        self.refused[bound as usize].load(Ordering::Relaxed)
    }

    /// Requests whose answer is not wholly on its way yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self, bound: Bound) {
        self.refused[bound as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is open, until what is returned is dropped.
    pub(crate) fn connect(self: &Arc<Self>) -> Open {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    /// A request has come, and is under way until what is returned is dropped.
    pub(crate) fn begin(self: &Arc<Self>, protocol: Protocol) -> UnderWay {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        UnderWay { meter: Arc::clone(self), protocol, outcome: Outcome::Cancelled }
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct Open(Arc<Meter>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is under way. Dropped before it was answered, it was cancelled.
#[derive(Debug)]
pub(crate) struct UnderWay {
    meter: Arc<Meter>,
    protocol: Protocol,
    outcome: Outcome,
}

impl UnderWay {
    /// There is an answer. It is under way until its body is sent, or dropped, and so is what `held` stands for.
    pub(crate) fn answered(mut self, response: Response<Body>, held: impl Send + 'static) -> Response<Body> {
        self.outcome = Outcome::of(self.protocol, &response);
        response.map(|body| Body::new(Counted::new(body, (self, held))))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.meter.requests[self.protocol as usize][self.outcome as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_as_what_it_was_answered_and_without_an_answer_as_cancelled() {
        let meter = Arc::new(Meter::default());
        let answer = |status: u16, grpc: Option<&str>| {
            let response = Response::builder().status(status);
            let response = grpc.into_iter().fold(response, |response, code| response.header("grpc-status", code));
            response.body(Body::empty()).unwrap()
        };
        for (status, outcome) in [
            (200, Outcome::Ok),
            (404, Outcome::NotFound),
            (431, Outcome::Invalid),
            (403, Outcome::Denied),
            (503, Outcome::Unavailable),
            (504, Outcome::Timeout),
            (500, Outcome::Failed),
        ] {
            let before = meter.requests(Protocol::Rest, outcome);
            drop(meter.begin(Protocol::Rest).answered(answer(status, None), ()));
            assert_eq!(meter.requests(Protocol::Rest, outcome), before + 1, "{status}");
        }
        for (code, outcome) in [
            (None, Outcome::Ok),
            (Some("5"), Outcome::NotFound),
            (Some("3"), Outcome::Invalid),
            (Some("16"), Outcome::Denied),
            (Some("14"), Outcome::Unavailable),
            (Some("4"), Outcome::Timeout),
            (Some("13"), Outcome::Failed),
        ] {
            let before = meter.requests(Protocol::Grpc, outcome);
            drop(meter.begin(Protocol::Grpc).answered(answer(200, code), ()));
            assert_eq!(meter.requests(Protocol::Grpc, outcome), before + 1, "{code:?}");
        }
        drop(meter.begin(Protocol::Grpc));
        assert_eq!(meter.requests(Protocol::Grpc, Outcome::Cancelled), 1);
    }

    #[test]
    fn a_request_is_in_flight_until_its_answer_is_sent() {
        let meter = Arc::new(Meter::default());
        let request = meter.begin(Protocol::Rest);
        let answer = request.answered(Response::new(Body::from("text")), ());
        assert_eq!((meter.in_flight(), meter.requests(Protocol::Rest, Outcome::Ok)), (1, 0));
        drop(answer);
        assert_eq!((meter.in_flight(), meter.requests(Protocol::Rest, Outcome::Ok)), (0, 1));
    }
}
