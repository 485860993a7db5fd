//! An edge or a service of the SDK under one name.

use std::time::Duration;

use sdk::{Edge, EdgeId, Error, Message, Request, Service, Stream};

/// Either of the two.
#[derive(Clone)]
pub(crate) enum Client {
    Edge(Edge),
    Service(Service),
}

/// A call or message of the application.
pub(crate) struct Outgoing {
    /// Of services only.
    pub(crate) edge: u64,
    /// Method or topic.
    pub(crate) name: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) custom: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

impl Client {
    pub(crate) async fn call(&self, what: Outgoing) -> Result<Vec<u8>, Error> {
        let call = match self {
            Self::Edge(edge) => edge.call(&what.name, what.payload),
            Self::Service(service) => service.call(EdgeId(what.edge), &what.name, what.payload),
        };
        let call = call.custom(what.custom);
        let call = match what.timeout {
            Some(timeout) => call.timeout(timeout),
            None => call,
        };
        call.await.map(|answer| answer.to_vec())
    }

    pub(crate) async fn publish(&self, what: Outgoing) -> Result<Vec<u8>, Error> {
        let publish = match self {
            Self::Edge(edge) => edge.publish(&what.name, what.payload),
            Self::Service(service) => service.publish(EdgeId(what.edge), what.payload).topic(&what.name),
        };
        let publish = publish.custom(what.custom);
        let publish = match what.timeout {
            Some(timeout) => publish.timeout(timeout),
            None => publish,
        };
        publish.await.map(|()| Vec::new())
    }

    pub(crate) async fn handle<F, Fut>(&self, method: &str, handler: F) -> Result<(), Error>
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, String>> + Send + 'static,
    {
        match self {
            Self::Edge(edge) => edge.handle(method, handler).await,
            Self::Service(service) => service.handle(method, handler).await,
        }
    }

    pub(crate) async fn receive(&self) -> Result<Message, Error> {
        match self {
            Self::Edge(edge) => edge.receive().await,
            Self::Service(service) => service.receive().await,
        }
    }

    /// `peer` is a service's name or a decimal edge id.
    pub(crate) async fn open_stream(&self, peer: &str) -> Result<Stream, Error> {
        match self {
            Self::Edge(edge) => edge.open_stream(peer).await,
            Self::Service(service) => service.open_stream(EdgeId(peer.parse().expect("an edge id"))).await,
        }
    }

    pub(crate) async fn accept_stream(&self) -> Result<Stream, Error> {
        match self {
            Self::Edge(edge) => edge.accept_stream().await,
            Self::Service(service) => service.accept_stream().await,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Edge(edge) => edge.close().await,
            Self::Service(service) => service.close().await,
        }
    }
}
