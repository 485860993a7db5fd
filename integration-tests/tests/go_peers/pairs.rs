//! An edge and a service of given generations behind one gateway.

use frontier_integration_tests::Gateway;
use frontier_integration_tests::go::{Generation, Peer, Start};
use serde_json::json;

/// An edge, and a service named `svc` that takes the topic `t`; both reconnect.
pub(crate) struct Pair {
    pub(crate) edge: Peer,
    pub(crate) service: Peer,
    /// The generations of the edge and of the service.
    pub(crate) generations: (Generation, Generation),
}

impl Pair {
    /// Connects both to `gateway`.
    #[track_caller]
    pub(crate) fn connect(gateway: &Gateway, edge: Generation, service: Generation) -> Self {
        Self {
            service: Start::service(service, gateway.service, "svc", &["t"]).up(),
            edge: Start::edge(edge, gateway.edge, "meta").up(),
            generations: (edge, service),
        }
    }

    /// Registers a method at both that sends the payload back.
    #[track_caller]
    pub(crate) fn echo(&self) {
        let register = json!({"do": "register", "method": "echo", "reply": "echo", "quiet": true});
        self.edge.tell(register.clone());
        self.service.tell(register);
    }

    /// Lets both receive messages and acknowledge them.
    #[track_caller]
    pub(crate) fn receive(&self) {
        let receive = json!({"do": "receive", "reply": "ack"});
        self.edge.tell(receive.clone());
        self.service.tell(receive);
    }
}

/// Runs a test with every pairing of generations, each with a gateway of its own.
#[track_caller]
pub(crate) fn every_pair(test: impl Fn(&Gateway, &Pair)) {
    for edge in Generation::ALL {
        for service in Generation::ALL {
            eprintln!("edge of generation {edge:?}, service of generation {service:?}");
            let gateway = Gateway::start();
            let pair = Pair::connect(&gateway, edge, service);
            test(&gateway, &pair);
        }
    }
}

/// A payload of this many bytes.
pub(crate) fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at % 251) as u8).collect()
}
