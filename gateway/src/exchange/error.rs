//! Why something cannot be routed. The texts are those that applications of the Go gateway match on, where one exists.

/// An answer that the gateway gives itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// No such edge.
    EdgeOffline,
    /// No service offers the method.
    NoMethod,
    /// No service takes the topic.
    NoTopic,
    /// No service has the name, or offers `get_edge_id`.
    NoService,
    /// The custom bytes do not end in an edge id, or the id service's answer is no id.
    IllegalEdgeId,
    /// The target has too much waiting, or the origin has too much un-answered.
    Congested,
    /// With the edge id appended the frame would be longer than any peer accepts.
    TooLarge,
    /// The origin's own deadline passed.
    DeadlineExceeded,
    /// The origin cancelled its call.
    Cancelled,
    /// The gateway's deadline passed.
    Timeout,
    /// The target went away before it answered.
    ForceClosed,
    /// A packet id that is still waiting for its answer was used again.
    IdReused,
    /// The link has as many streams as it may.
    TooManyStreams,
    /// The gateway stops.
    ShuttingDown,
}

impl RouteError {
    /// The text that the peer is told.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            RouteError::EdgeOffline => "edge not online",
            RouteError::NoMethod => "record not found",
            RouteError::NoTopic => "topic not online",
            RouteError::NoService => "service not online",
            RouteError::IllegalEdgeId => "illegal edgeID",
            RouteError::Congested => "congested",
            RouteError::TooLarge => "too large: with the edge id the frame exceeds 10485760 bytes",
            RouteError::DeadlineExceeded => "context deadline exceeded",
            RouteError::Cancelled => "context canceled",
            RouteError::Timeout => "timeout",
            RouteError::ForceClosed => "force closed",
            RouteError::IdReused => "id resynced",
            RouteError::TooManyStreams => "too many streams on this link",
            RouteError::ShuttingDown => "gateway is shutting down",
        }
    }
}
