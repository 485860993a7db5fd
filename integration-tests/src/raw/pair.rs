//! An edge and a service that talk to each other.

use super::body::{Body, tail};
use super::client::Client;
use crate::gateway::Gateway;

/// One edge, and one service named `svc` that takes the topic `t` and has registered the method `echo`.
#[derive(Debug)]
pub struct Pair {
    /// The edge.
    pub edge: Client,
    /// The service.
    pub service: Client,
}

impl Pair {
    /// Connects both.
    #[must_use]
    #[track_caller]
    pub fn connect(gateway: &Gateway) -> Self {
        let mut service = Client::service(gateway.service, "svc", &["t"]);
        service.register("echo");
        Self { edge: Client::edge(gateway.edge), service }
    }

    /// Makes a call and publishes a message in each direction: both links are in order.
    ///
    /// # Panics
    /// When one of the four fails.
    #[track_caller]
    pub fn works(&mut self) {
        call_up(&mut self.edge, &mut self.service, b"up");
        call_down(&mut self.service, &mut self.edge, b"down");
        self.message_up(b"message up");
        self.message_down(b"message down");
    }

    #[track_caller]
    fn message_up(&mut self, value: &[u8]) {
        let sent = self.edge.message(&Body::new().topic("t").value(value));
        let message = self.service.received();
        assert_eq!((message.text("topic").as_str(), message.value()), ("t", value.to_vec()));
        assert_eq!(message.custom(), tail(self.edge.id));
        self.service.ack(&message);
        assert_eq!(self.edge.acked(sent), Ok(()));
    }

    #[track_caller]
    fn message_down(&mut self, value: &[u8]) {
        let sent = self.service.message(&Body::new().to_edge(self.edge.id).value(value));
        let message = self.edge.received();
        assert_eq!((message.custom(), message.value()), (Vec::new(), value.to_vec()));
        self.edge.ack(&message);
        assert_eq!(self.service.acked(sent), Ok(()));
    }
}

/// A call of `echo` from an edge to a service.
#[track_caller]
pub fn call_up(edge: &mut Client, service: &mut Client, value: &[u8]) {
    let sent = edge.request(&Body::new().method("echo").value(value));
    let request = service.called("echo");
    assert_eq!((request.value(), request.custom()), (value.to_vec(), tail(edge.id).to_vec()));
    service.respond(&request, value);
    assert_eq!(edge.answer(sent), Ok(value.to_vec()));
}

/// A call of `ping` from a service to an edge.
#[track_caller]
pub fn call_down(service: &mut Client, edge: &mut Client, value: &[u8]) {
    let sent = service.request(&Body::new().method("ping").value(value).to_edge(edge.id));
    let request = edge.called("ping");
    assert_eq!((request.value(), request.custom()), (value.to_vec(), Vec::new()));
    edge.respond(&request, value);
    assert_eq!(service.answer(sent), Ok(value.to_vec()));
}
